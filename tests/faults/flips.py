"""Bits flipped, files cut short and blocks zeroed all over a finished project: found, named, mended, or proved harmless.

`artpipe verify` is called in this process, as the library function that the command calls, and for every 25th damage as
the real command. A damage keeps time, size (but for cuts) and rights of its file, as a disk's does.
"""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from artpipe.storage.verify import DamageReport, VerifyReport, verify
from tests.faults.corruption import PLACES, damage_file, find_cache_object, list_targets
from tests.faults.finished_project import EVERYTHING, FinishedProject
from tests.faults.small_project import Row

# Every how many damages the real command, the stage that reads it, and what mends it are run.
_REAL, _READ, _AGAIN = 25, 9, 8
# Another hash in the first two is no damage to see: a stage is stale, and the next run heals it. Sizes of what a noted run
# read stand nowhere else, and nobody reads them.
HEALED = {"dvc.lock", ".dvc files", "DVC's notes of runs"}
MAKES = {"preprocess": "shards", "train": "checkpoints", "evaluate": "reports"}  # the room of what a stage makes


class DamageOutcome(NamedTuple):
    """What came of one damage."""

    outcome: str
    wrong: str = ""


# -- one round ---------------------------------------------------------------------------------------------------------


class DamageRound:
    """One damage of one kind of place, looked for, read, mended, and put back."""

    def __init__(self, finished: FinishedProject, place: str, number: int, seed: int) -> None:
        self.finished, self.root, self.place, self.number = finished, finished.root, place, number
        self.chance = random.Random(f"{seed} {place} {number}")
        self.turn = number + 2 * list(PLACES).index(place)  # so that a few damages of each place have something of all
        self.path = self.chance.choice(list_targets(self.root, place))
        self.name = str(self.path.relative_to(self.root))

    def run(self) -> DamageOutcome:
        """Return what came of it; the project is then what it was."""
        beside = find_cache_object(self.root, self.path) if self.place.endswith("both") else None
        try:
            self.how = damage_file(self.path, self.chance)
            if self.place == "given works" and self.number % 2:
                self._note_later_time()
            if beside:
                damage_file(beside, self.chance)
            with self.finished.inside():
                return self._look_for_damage()
        except Exception as error:  # noqa: BLE001  # a traceback is what must not be
            return self._make_wrong(f"{type(error).__name__}: {error}")
        finally:
            self.finished.restore()
            for tracking in (self.root / "datasets").glob("*.dvc"):
                os.utime(tracking, (0, 0))

    def _note_later_time(self) -> None:
        """Let the work be older than what DVC notes of it, as it is on a disk that spoils it by itself."""
        tracking = self.root / "datasets" / f"{Path(self.name).parts[1]}.dvc"
        later = time.time_ns() + 10**11
        os.utime(tracking, ns=(later, later))

    def _make_wrong(self, what: str) -> DamageOutcome:
        return DamageOutcome("wrong", f"{self.name} ({self.how}, number {self.number}): {what}")

    def _look_for_damage(self) -> DamageOutcome:
        wrong = "" if self.turn % _REAL else self._check_command()
        if not wrong and self.turn % _READ == 0:
            wrong = self._run_reader()
        return self._make_wrong(wrong) if wrong else self._repair()

    def _check_command(self) -> str:
        """Return what is wrong with what `artpipe verify` says, the real command."""
        ran = self.finished.ground.run("verify", "--json")
        if ran.code == 0 and self.place in HEALED:
            return ""
        if ran.code != 1 or "Traceback" in ran.said:
            return f"artpipe verify ended with {ran.code}: {ran.said[-300:]}"
        named = [damage["place"] for damage in json.loads(ran.said)["damaged"]]
        return "" if self.name in named else f"artpipe verify names {named}"

    def _run_reader(self) -> str:
        """Run the stage that reads the file; return what is wrong with what it says or makes."""
        command = find_reader(self.name, self.finished)
        if command is None:
            return ""
        result = self.finished.run_here(*command)
        if not result.is_clean:
            return f"artpipe {' '.join(command)}: {result}"
        output_prefix = f"data/{MAKES[command[0]]}/"
        changed = [name for name in self.finished.list_differences() if name.startswith(output_prefix)]
        if result.code == 0 and changed:
            return f"artpipe {' '.join(command)} read it and said nothing: {changed[0]}"
        if result.code and (
            result.text.count("artpipe: ") != 1 or not any(word in result.text for word in list_names(self.name))
        ):
            return f"artpipe {' '.join(command)} does not name it: {result}"
        self._restore_all_but_damage()
        return ""

    def _restore_all_but_damage(self) -> None:
        spoilt = self.path.read_bytes()
        self.finished.restore()
        times = self.path.stat()
        self.path.chmod(0o644)
        self.path.write_bytes(spoilt)
        self.path.chmod(times.st_mode & 0o777)
        os.utime(self.path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def _repair(self) -> DamageOutcome:
        """Look for it and mend it; everything has to be as before then, but for what cannot be made again."""
        damages = run_verify(self.root, repair=True).damaged
        if self.name not in {damage.place for damage in damages}:
            return self._prove_harmless()
        left = {damage.place: damage for damage in damages if not damage.mended}
        if self.place.startswith(("given", "a given")):
            return self._check_given_work(left)
        if left:
            return self._make_wrong(f"--repair leaves {left}")
        if not self.finished.list_differences():
            return DamageOutcome("found, mended by --repair")
        if self.turn % _AGAIN and self.place not in {"downloads", "a file and its object, both"}:
            return DamageOutcome("found, put aside by --repair")
        self.make_again()
        rest = [name for name in self.finished.list_differences() if not may_differ(name)]
        rest = [
            name
            for name in rest
            if not (self.place.startswith("states") and ("halted" in name or name == "params.yaml"))
        ]
        return (
            self._make_wrong(f"not made again: {rest[:5]}")
            if rest
            else DamageOutcome("found, put aside by --repair, made again")
        )

    def _check_given_work(self, left: dict[str, DamageReport]) -> DamageOutcome:
        """A given work: brought back where nobody can have written it, else a person is told; never is it made up."""
        if not left and not self.finished.list_differences():
            return DamageOutcome("found, brought back from the cache")
        advice = " ".join(damage.mend for damage in left.values())
        if not any(word in advice for word in ("dvc fetch", "dvc pull", "dvc checkout --force")):
            return self._make_wrong(f"nobody is told what to do: {advice}")
        if not self.path.exists():
            return self._make_wrong("a work was taken away")
        return DamageOutcome("found, a person is told")

    def make_again(self) -> None:
        """Run what makes again what was put aside."""
        if self.place == "downloads":
            self.finished.fetch_again()
        elif self.place.startswith("MLflow"):
            self.finished.ground.run("sync", ARTPIPE_TRACKING="on")
            if self.finished.read_mlflow_metrics() != self.finished.numbers:
                raise AssertionError("MLflow has other numbers")
        elif self.place.startswith("states"):
            if self.finished.finish_training() != self.finished.undisturbed:
                raise AssertionError("another checkpoint than an undisturbed training's")
        elif self.place in HEALED:
            run_all()
        elif self.name.startswith("data/"):
            for command in list_makers(self.name):
                self.finished.require_success(*command)

    def _prove_harmless(self) -> DamageOutcome:
        """Nothing was found: then what is made from it must be the same, byte for byte."""
        if self.place not in HEALED:
            return self._make_wrong("not found by verify")
        run_all()
        rest = [name for name in self.finished.list_differences() if not may_differ(name)]
        if rest and rest != [self.name]:
            return self._make_wrong(f"not found, and then these are others: {rest[:5]}")
        return DamageOutcome("a run heals it" if not rest else "harmless: no run reads it")


def run_verify(root: Path, *, repair: bool = False) -> VerifyReport:
    """Do what `artpipe verify` does; to ask DVC where its cache is takes a second."""
    with mock.patch("artpipe.storage.verify.read_dvc_output", return_value=".dvc/cache"):
        return verify(root, repair=repair)


def run_all() -> None:
    """Do what `artpipe run` does with DVC: mend its books, then bring everything up to date, here from its notes of runs."""
    from dvc.repo import Repo

    from artpipe.orchestration.scheduling.dvc_graph import repair_dvc_files

    with mock.patch("sys.stdout", open(os.devnull, "w")):  # noqa: PTH123
        repair_dvc_files()
        with Repo(".") as repo:
            repo.reproduce()


def may_differ(name: str) -> bool:
    """Return whether a file tells times, or what was told of them."""
    return name.startswith((".state/", "data/runs/", "data/gallery/", ".dvc/cache/"))


def find_reader(name: str, finished: FinishedProject) -> tuple[str, ...] | None:
    """Return the stage that reads a file of another one."""
    room, _, rest = name.removeprefix("data/").partition("/")
    of = rest.partition("/")[0]
    if room == "works":
        return "preprocess", of
    if room == "shards":
        model = {"forms": "reader", "verse": "poet", "hymns": "cantor"}[of]
        return ("train", model) if f"  {model}: " in finished.params else None
    return ("evaluate", of) if room == "checkpoints" else None


def list_names(name: str) -> tuple[str, ...]:
    """Return how a stage may call a damaged file: itself, or the card that it belongs to."""
    path = Path(name.removesuffix(".sha256"))
    return str(path), path.name, str(path.parent)


def list_makers(name: str) -> Iterator[tuple[str, ...]]:
    """Yield the commands that make an output again."""
    room, _, rest = name.removeprefix("data/").partition("/")
    of = rest.partition("/")[0].removesuffix(".json")
    stage = {"works": "ingest", "record": "ingest", "shards": "preprocess", "checkpoints": "train", "runs": "train"}
    yield ("gallery",) if room == "gallery" else (stage.get(room, "evaluate"), of)


# -- the table ---------------------------------------------------------------------------------------------------------


def rows(folder: Path, count: int, seed: int, only: Sequence[str] = (), params: str = EVERYTHING) -> Iterator[Row]:
    """Yield a row for each kind of place; `count` damages in all, as many of each."""
    places = [place for place in PLACES if not only or any(word in place for word in only)]
    if not places:
        return
    finished = FinishedProject(folder, params)
    finished.make()
    for index, place in enumerate(places):
        share = count // len(places) + (index < count % len(places))
        results = [DamageRound(finished, place, number, seed).run() for number in range(share)]
        counted = Counter(result.outcome for result in results)
        outcome = "; ".join(f"{times} {what}" for what, times in counted.most_common())
        yield Row(
            "bits, cuts, zeros", place, share, 0, outcome, tuple(result.wrong for result in results if result.wrong)
        )
