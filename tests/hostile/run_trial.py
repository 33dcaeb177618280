"""Plants everything, lets the real `artpipe ingest` loose on it, and compares what became of it with the tables."""

from dataclasses import dataclass, field
from pathlib import Path

from tests.hostile.cases import Case, folder_cases
from tests.hostile.hostile_archives import MANY, list_refused_inputs, make_tar_cases, make_zip_cases
from tests.hostile.hostile_project import CommandResult, HostileProject, InputOutcome
from tests.hostile.texts_and_scores import near_cases, score_cases, text_cases


@dataclass
class Trial:
    """A dataset that was planted and ingested."""

    name: str
    how: str
    cases: list[Case]
    ran: CommandResult
    found: dict[str, list[InputOutcome]]
    touched: list[str] = field(default_factory=list)  # around the project, by ingest

    def outcomes(self) -> list[tuple[Case, InputOutcome | None]]:
        """Return every case with what became of it, None where it is not in the books or of another outcome than wanted."""
        return [(case, self._find_row(case)) for case in self.cases]

    def _find_row(self, case: Case) -> InputOutcome | None:
        rows = self.found.get(spell_recorded_name(case.name), [])
        return next((row for row in rows if row.outcome == case.outcome and case.note in row.note), None)


def spell_recorded_name(name: str) -> str:
    """Return a file's name as the record spells it."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def write_cases(root: Path, cases: list[Case]) -> None:
    """Make the files of a folder; of the works of one file the first brings it."""
    for case in cases:
        file, number, rest = case.name.partition("#")
        if number and rest != "00000":
            continue
        path = root / file
        if not callable(case.plant) or len(case.name) < 300:
            path.parent.mkdir(parents=True, exist_ok=True)
        if callable(case.plant):
            case.plant(path)
        else:
            path.write_bytes(case.plant)


def run_folder_trial(ground: HostileProject) -> Trial:
    """Return what became of the folder."""
    root, cases = ground.enter_dataset("folder", "datasets/folder"), folder_cases(ground.outside)
    write_cases(root, cases)
    return _ingest(ground, "folder", "a folder", cases)


def run_other_trials(ground: HostileProject) -> list[Trial]:
    """Return what became of texts, of scores, and of pictures that are nearly the same."""
    tables = (
        ("near", "picture", "near duplicates, which are not wanted", near_cases(), {"near_duplicates": "quarantine"}),
        ("texts", "text", "a folder of texts", text_cases(), {}),
        ("scores", "music", "a folder of scores", score_cases(), {}),
    )
    trials = []
    for name, medium, how, cases, ingest in tables:
        write_cases(ground.enter_dataset(name, f"datasets/{name}-given", medium=medium, **ingest), cases)
        trials.append(_ingest(ground, name, how, cases))
    return trials


def run_archive_trials(ground: HostileProject, many: int = MANY) -> list[Trial]:
    """Return what became of the archives, of which the largest have `many` members."""
    trials = []
    for pack in (*make_tar_cases(ground.outside, many), *make_zip_cases(ground.outside, many)):
        name = pack.file.replace(".", "-")
        path = ground.enter_dataset(name, f"datasets/{pack.file}", "archive", **pack.ingest)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(pack.data)
        trials.append(_ingest(ground, name, pack.how, pack.cases))
        path.unlink()
    return trials


def run_refusals(ground: HostileProject) -> list[tuple[str, str, str, CommandResult]]:
    """Return the name, the making, the line and the command's end of what is refused as a whole."""
    ended = []
    for file, how, data, line in list_refused_inputs():
        name = file.replace(".", "-")
        path = ground.enter_dataset(name, f"datasets/{file}", "archive" if isinstance(data, bytes) else "folder")
        files = {path: data} if isinstance(data, bytes) else {path / inner: content for inner, content in data.items()}
        for place, content in files.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        ended.append((file, how, line, ground.run("ingest", name)))
    return ended


def _ingest(ground: HostileProject, name: str, how: str, cases: list[Case]) -> Trial:
    before = ground.list_files()
    ran = ground.run("ingest", name)
    after = ground.list_files()
    touched = sorted({path for path, _ in before.items() ^ after.items()})
    return Trial(name, how, cases, ran, ground.read_outcomes(name) if ran.code == 0 else {}, touched)
