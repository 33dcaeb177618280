"""A project of nothing but artpipe's own files, the real commands run in it, and what became of an input."""

import os
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from artpipe.artifacts.works import Record, Works
from tests.wild.case import Case

ROOT = Path(__file__).parents[2]
PATIENCE = 600.0  # seconds by the clock for one command on a busy machine
PARAMS = """\
format: 2
seed: 1

datasets: {}

models: {}

evaluation: {metrics: []}
gallery: {title: wild, sections: []}
"""
PRIVATE = {
    "DO_NOT_TRACK": "1",
    "DVC_NO_ANALYTICS": "1",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "OMP_NUM_THREADS": "1",
    "COLUMNS": "200",
    **{f"GIT_{who}_{what}": "artpipe" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")},
}


class CommandResult(NamedTuple):
    """How a command ended and what it said."""

    code: int
    out: str
    error: str


def judge_case(case: Case, folder: Path) -> list[str]:
    """Make a case below a folder, bring it in, and return what is not as it should be."""
    project = _make_project(folder / case.machine.project)
    case.machine.prepare(project)
    place = case.make(folder / "input")
    added = _run_command(
        case, folder, "dataset", "add", str(place), "--name", "wild", "--no-plan", "--models", "", *case.options
    )
    if case.refused is not None:
        return _check_refusal(added, case.refused, project)
    if added.code and case.or_line is not None:
        return _check_refusal(added, case.or_line, project)
    if added.code:
        return [f"dataset add ended with {added.code}: {added.error.strip()[-300:]}"]
    ran = _run_command(case, folder, "ingest", "wild")
    if ran.code:
        return [f"ingest ended with {ran.code}: {ran.error.strip()[-300:]}"]
    wrong = _compare_with_case(case, project)
    for command in case.machine.commands:
        after = _run_command(case, folder, *command)
        wrong += [f"{command[0]} ended with {after.code}: {after.error.strip()[-300:]}"] if after.code else []
    return wrong + _list_strays(project)


def _make_project(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "params.yaml").write_text(PARAMS)
    for name in ("dvc.yaml", "code.yaml", "champions.json", "curation.yaml", ".dvcignore", ".gitignore"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(ROOT / ".dvc", folder / ".dvc", ignore=shutil.ignore_patterns("cache", "tmp"))
    subprocess.run(["git", "init", "--quiet", str(folder)], check=True)
    return folder


def _run_command(case: Case, folder: Path, *command: str) -> CommandResult:
    """Run a command in the project, with a home of the case's own."""
    home = folder / "home"
    site = home / "site"
    site.mkdir(parents=True, exist_ok=True)
    (site / "sitecustomize.py").write_text(case.machine.site)
    environment = {**os.environ, **PRIVATE, "HOME": str(home), "PYTHONPATH": f"{site}{os.pathsep}{ROOT}"}
    environment |= {"DVC_GLOBAL_CONFIG_DIR": str(home / "dvc"), "DVC_SITE_CACHE_DIR": str(home / "dvc-cache")}
    environment |= {"PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])}
    process = subprocess.run(
        [sys.executable, "-m", "artpipe", *command],
        cwd=folder / case.machine.project,
        env={**environment, **case.machine.environment},
        capture_output=True,
        text=True,
        errors="replace",
        timeout=PATIENCE,
        check=False,
    )
    return CommandResult(process.returncode, process.stdout, process.stderr)


def _check_refusal(ran: CommandResult, words: str, project: Path) -> list[str]:
    """One line, exit code 2, nothing of it in the project."""
    wrong = [] if ran.code == 2 else [f"exit code {ran.code} where 2 is wanted"]
    if ran.error.count("\n") != 1 or "Traceback" in ran.error:
        wrong.append(f"not one line: {ran.error.strip()[-300:]}")
    if words not in ran.error:
        wrong.append(f"`{words}` is not in: {ran.error.strip()[-300:]}")
    if (project / "params.yaml").read_text() != PARAMS or any((project / "datasets").glob("wild*")):
        wrong.append("something of it stayed in the project")
    return wrong


def _compare_with_case(case: Case, project: Path) -> list[str]:
    record = Record.open(project / "data/record/wild")
    works = list(Works.open(project / "data/works/wild").rows())
    rows = list(record.rows())
    quarantined = Counter(row.reason for row in record.quarantined())
    medium = _read_medium(project)
    labels = frozenset(work.label for work in works if work.label is not None)
    splits = dict(Counter(work.split for work in works if work.split is not None))
    wrong = [] if medium == case.medium else [f"medium {medium}"]
    if len(works) != case.kept:
        wrong.append(f"{len(works)} kept where {case.kept} are right; not kept: {dict(quarantined)}")
    if case.classes is not None and labels not in case.classes:
        wrong.append(f"classes {sorted(labels)}")
    if case.splits is not None and splits != dict(case.splits):
        wrong.append(f"splits {splits}")
    for end, caption in case.captions.items():
        captions = [{row.caption, row.title} for row in rows if row.name.endswith(end)]
        if len(captions) != 1 or caption not in captions[0]:
            wrong.append(f"the caption of {end} is {captions}")
    wrong += [f"{quarantined[reason]} {reason}" for reason, n in case.quarantined.items() if quarantined[reason] != n]
    return wrong


def _read_medium(project: Path) -> str:
    from artpipe.config.params import load_params

    return load_params(project / "params.yaml").dataset("wild").medium


def _list_strays(project: Path) -> list[str]:
    """Nothing of DVC below the datasets, no store beside the project."""
    below = [str(path.relative_to(project)) for path in project.glob("datasets/**/.dvc")]
    around = [
        path.name for path in project.parent.iterdir() if path.suffix in {".db", ".sqlite"} or path.name == "mlruns"
    ]
    return [f"left behind: {name}" for name in (*below, *around)]
