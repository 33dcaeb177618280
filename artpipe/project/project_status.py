"""`artpipe status`: what is at work, what is stale, and where it can be seen."""

import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.artifacts.paths import STATE, gallery
from artpipe.artifacts.run import Journal, RunStart
from artpipe.config.params import Frozen
from artpipe.errors import UserError
from artpipe.project.plan import StageGraph
from artpipe.project.validation import check_project
from artpipe.storage.running_work import RunningWork, find_running_work
from artpipe.system.locks import is_locked


class TrainingStatus(Frozen):
    """A training that is at work."""

    model: str
    step: int
    steps: int


class ProjectStatus(Frozen):
    """What is at work in a project, and what is stale."""

    at_work: bool
    since: float | None  # when the first of what is at work began, in seconds since the epoch
    stages: tuple[str, ...]  # that are being made
    trainings: tuple[TrainingStatus, ...]
    stale: tuple[str, ...]  # stages that would run, with those that are being made
    total: int  # stages of the graph
    gallery: str | None  # its first page; None: there is none yet
    addresses: dict[str, str]  # at which the project is served now, by part


class StatusReport(NamedTuple):
    """A project's status, with the work that it is of."""

    status: ProjectStatus
    work: RunningWork | None

    def to_text(self) -> str:
        """Return it in sentences, one per line."""
        return describe_status(self.status, self.work)

    def to_json(self) -> dict[str, Any]:
        """Return the same for programs."""
        return self.status.model_dump(mode="json")


def read_status(
    read_graph: Callable[[], StageGraph], addresses: Mapping[str, str], root: Path = Path()
) -> StatusReport:
    """Check the project and return its status.

    What is at work is said even where the project has a mistake, such as code that was updated meanwhile.

    Raises:
        UserError: a mistake in the project.
        ArtpipeError: DVC failed.
    """
    work = find_running_work(root)
    try:
        check_project(root)
    except UserError:
        if work:
            sys.stdout.write(f"{describe_work(work, _find_trainings(root))}\n")
        raise
    return StatusReport(make_status(read_graph(), work, addresses, root), work)


def make_status(
    graph: StageGraph, work: RunningWork | None, addresses: Mapping[str, str], root: Path = Path()
) -> ProjectStatus:
    """Return the status of a project whose graph was read."""
    affected: set[str] = set()
    for stage, dependencies in graph.upstream.items():
        if stage in graph.changes or not affected.isdisjoint(dependencies):
            affected.add(stage)
    index = (root / gallery() / "index.html").absolute()
    return ProjectStatus(
        at_work=work is not None,
        since=work.since if work else None,
        stages=work.stages if work else (),
        trainings=tuple(_find_trainings(root)),
        stale=tuple(stage for stage in graph.upstream if stage in affected),
        total=len(graph.upstream),
        gallery=index.as_uri() if index.is_file() else None,
        addresses=dict(addresses),
    )


def describe_status(status: ProjectStatus, work: RunningWork | None) -> str:
    """Return a status in sentences, one per line."""
    lines = [describe_work(work, status.trainings)]
    stale = len(status.stale)
    if stale:
        lines.append(f"{stale} of {status.total} stages are stale; `artpipe plan` says why and how long they take")
    else:
        lines.append(f"all {status.total} stages are up to date")
    if status.gallery:
        lines.append(f"gallery: {status.addresses.get('gallery', status.gallery)}")
    lines += [f"{part}: {address}" for part, address in status.addresses.items() if part != "gallery"]
    return "\n".join(lines)


def describe_work(work: RunningWork | None, trainings: Sequence[TrainingStatus]) -> str:
    """Return what is at work, and how far each training is, a line for each."""
    lines = [work.describe() if work else "nothing is at work"]
    return "\n".join([*lines, *(f"  {each.model}: step {each.step:,} of {each.steps:,}" for each in trainings)])


def _find_trainings(root: Path) -> list[TrainingStatus]:
    """Return the trainings whose lock is held, each with its newest step."""
    newest: dict[str, Path] = {}
    for start in (root / STATE).glob("train/*/*/run-live.json"):
        if is_locked(start.parents[1] / "lock"):
            model = start.parents[1].name
            newest[model] = max((start, newest.get(model, start)), key=lambda file: file.stat().st_mtime)
    statuses = []
    for model, file in sorted(newest.items()):
        try:
            steps = int(RunStart.model_validate_json(file.read_bytes()).params.get("steps", 0))
        except (OSError, ValueError):  # it has just ended
            continue
        step = max((int(row["step"]) for row in Journal(file.parent / "journal.jsonl").rows()), default=0)
        statuses.append(TrainingStatus(model=model, step=step, steps=steps))
    return statuses
