"""Print the answers of `artpipe lineage` and `artpipe runs`."""

import json
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from artpipe.artifacts import paths
from artpipe.artifacts.champions import Champions, load_champions
from artpipe.artifacts.report import Finding
from artpipe.artifacts.run import Journal, RunCard, RunStart
from artpipe.config.params import Frozen
from artpipe.language.sentences import make_sentence
from artpipe.system.locks import is_locked
from artpipe.system.units import format_duration
from artpipe.tracking.deciding_number import describe_deciding_number
from artpipe.tracking.lineage_model import Lineage
from artpipe.tracking.lineage_trace import ArtifactIndex

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_HASH_DIGITS = 12  # digits of a hash, enough to find it by
_HEADINGS = ("model", "began", "core time", "trained", "grade", "decided by", "run")
_COLOURS = {"good": "green", "fair": "green", "failed": "red"}  # of grades; all others yellow


class TrainingRun(Frozen):
    """One training, from its record or from the state of an unfinished one."""

    run_id: str
    model: str
    kind: str
    dataset: str
    flow_run: str | None
    started: float  # seconds since the epoch
    ended: float | None
    core_seconds: float | None
    step: int
    steps: int
    commit: str | None
    dirty: bool
    checkpoint: str | None
    state: str  # complete, running, stopped
    verdict: Finding | None  # of this very checkpoint
    decided_by: str = ""  # the grade's number, with name, unit and bound
    champion: bool = False  # of its dataset and kind


def list_runs(root: Path = Path()) -> list[TrainingRun]:
    """Return all trainings, finished or not, the newest pipeline run first.

    Within a pipeline run by time.
    """
    index, champions = ArtifactIndex(root), load_champions(root)
    runs = [_make_complete_run(card, index, champions) for card in index.runs.values()]
    run_ids = {run.run_id for run in runs}
    states = sorted((root / paths.STATE).glob("train/*/*/run-live.json"))
    runs += [run for state in states if (run := _make_unfinished_run(state.parent)) and run.run_id not in run_ids]
    first_starts: dict[str | None, float] = {}
    for run in runs:
        first_starts[run.flow_run] = min(run.started, first_starts.get(run.flow_run, run.started))
    return sorted(runs, key=lambda run: (-first_starts[run.flow_run], str(run.flow_run), run.started))


def _make_complete_run(card: RunCard, index: ArtifactIndex, champions: Champions) -> TrainingRun:
    report = index.reports.get(card.model)
    is_evaluated = report is not None and report.checkpoint == card.checkpoint
    return TrainingRun(
        **_shared_fields(card),
        kind=str(card.params.get("kind", "unknown")),
        dataset=str(card.params.get("dataset", "unknown")),
        ended=card.ended,
        core_seconds=card.core_seconds,
        step=card.steps,
        steps=card.steps,
        checkpoint=card.checkpoint,
        state="complete",
        verdict=report.verdict if report and is_evaluated else None,
        decided_by=describe_deciding_number(report) if report and is_evaluated else "",
        champion=champions.is_champion(str(card.params.get("dataset")), str(card.params.get("kind")), card.checkpoint),
    )


def _make_unfinished_run(state: Path) -> TrainingRun | None:
    try:
        start = RunStart.model_validate_json((state / "run-live.json").read_bytes())
    except (OSError, ValueError):
        return None
    step = max((int(row["step"]) for row in Journal(state / "journal.jsonl").rows()), default=0)
    return TrainingRun(
        **_shared_fields(start), kind=start.kind, dataset=start.dataset, ended=None, core_seconds=None, step=step,
        steps=int(start.params.get("steps", 0)), checkpoint=None, verdict=None,
        state="running" if is_locked(state.parent / "lock") else "stopped",
    )  # fmt: skip


def _shared_fields(card: Any) -> dict[str, Any]:
    return {name: getattr(card, name) for name in ("run_id", "model", "flow_run", "started", "commit", "dirty")}


class RunList(NamedTuple):
    """All trainings, for `artpipe runs`."""

    runs: Sequence[TrainingRun]

    def print_text(self) -> None:
        """Print them, the newest first, under a heading for each pipeline run."""
        _print_runs(self.runs)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the same for programs."""
        return [run.model_dump(mode="json") for run in self.runs]


def _print_runs(runs: Sequence[TrainingRun]) -> None:
    from rich.text import Text

    from artpipe.system.terminal import PlainConsole

    console = PlainConsole(highlight=False)
    if not runs:
        console.print("Nothing has been trained here yet; `artpipe run` does it.")
        return
    headings = [Text(heading, style="dim") for heading in _HEADINGS]
    rows = {run.run_id: [Text.from_markup(cell) for cell in _format_row(run)] for run in runs}
    widths = [max(cell.cell_len for cell in column) for column in zip(headings, *rows.values(), strict=True)]
    _print_row(console, headings, widths)
    for number, (flow_run, group) in enumerate(groupby(runs, key=lambda run: run.flow_run)):
        console.print(f"{chr(10) if number else ''}[dim]{_pipeline_heading(flow_run)}[/]")
        for run in group:
            _print_row(console, rows[run.run_id], widths)


def _print_row(console: "Console", cells: Sequence["Text"], widths: Sequence[int]) -> None:
    """Print cells under those of other rows; a table would leave out what is too much."""
    from rich.text import Text

    for cell, width in zip(cells, widths, strict=True):
        cell.pad_right(width - cell.cell_len)
    line = Text("  ").join(cells)
    line.rstrip()
    console.print(line, soft_wrap=True)


def _pipeline_heading(flow_run: str | None) -> str:
    return f"Pipeline run {flow_run}" if flow_run else "By dvc alone"


def _format_row(run: TrainingRun) -> Iterator[str]:
    yield run.model
    yield _format_time(run.started)
    yield "" if run.core_seconds is None else format_duration(run.core_seconds)
    if run.state == "complete":
        yield f"{run.steps:,} steps"
        yield _format_verdict(run.verdict) if run.verdict else "[dim]not evaluated[/]"
    else:
        yield f"{run.step:,} of {run.steps:,} steps"
        yield f"[yellow]{run.state}[/]"
    yield f"[dim]{run.decided_by}[/]"
    yield f"[dim]{run.run_id[:8]}[/]{'  champion' if run.champion else ''}"


class LineageAnswer(NamedTuple):
    """What something came from, for `artpipe lineage`."""

    lineage: Lineage

    def print_text(self) -> None:
        """Print it, from the thing itself down to the data."""
        from rich.markup import escape
        from rich.padding import Padding

        from artpipe.system.terminal import PlainConsole

        lineage, console = self.lineage, PlainConsole(highlight=False)
        title, subtitle = _format_heading(lineage)
        console.print(f"[bold]{escape(title)}[/]{'  ' if subtitle else ''}{escape(subtitle)}")
        console.print(Padding(_make_chain_table(_iterate_links(lineage)), (1, 0)))
        if lineage.parameters and not lineage.real:
            console.print("[dim]parameters[/]")
            console.print(Padding(_format_parameters(lineage), (0, 0, 0, 2)))

    def to_json(self) -> dict[str, Any]:
        """Return the same for programs."""
        return self.lineage.model_dump(mode="json")


def _format_heading(lineage: Lineage) -> tuple[str, str]:
    if lineage.real:
        return lineage.real.title or lineage.real.name, f"a work of the collection {lineage.data.dataset}"
    if lineage.work:
        seed = "" if lineage.work.seed is None else f", seed {lineage.work.seed}"
        return lineage.work.id, f"{lineage.work.caption} ({lineage.work.role}{seed})"
    if lineage.progress is not None:
        return lineage.model, f"on its way, at step {lineage.progress:,}"
    return lineage.model, ""


def _iterate_links(lineage: Lineage) -> Iterator[tuple[str, list[str]]]:
    """Yield label and lines of each link, from the thing to its origin.

    The first line is the essence.
    """
    if lineage.real:
        real = lineage.real
        facts = [f"by {real.creator}", *([real.year] if real.year else []), f"licence {real.licence}"]
        yield "work", [", ".join(facts), real.origin, f"SHA-256 {real.sha256}"]
        yield "data", _describe_data(lineage)
        yield "beside", [f"what {lineage.model} made, in {paths.report(lineage.model)}"]
        return
    if lineage.work:
        yield "work", [lineage.work.file, *(f"made from {digest[:_HASH_DIGITS]}" for digest in lineage.work.works)]
    verdict = (
        [f"{lineage.verdict.grade}: {make_sentence(lineage.verdict)}"] if lineage.verdict else ["not evaluated here"]
    )
    champion = [f"the champion of {lineage.data.dataset} and its kind"] if lineage.champion else []
    yield "model", [f"{lineage.model}, {lineage.kind or 'kind unknown'}", *verdict, *champion]
    yield "checkpoint", _describe_checkpoint(lineage)
    yield "run", _describe_run(lineage)
    yield "code", [_describe_commit(lineage)] if lineage.run else ["unknown: the run record is not here"]
    yield "data", _describe_data(lineage)


def _describe_checkpoint(lineage: Lineage) -> list[str]:
    checkpoint = lineage.checkpoint
    step = "" if checkpoint.step is None else f", step {checkpoint.step:,}"
    of_steps = f" of {lineage.run.steps:,}" if step and lineage.run else ""
    return [f"{checkpoint.sha256}", f"{checkpoint.folder or 'not here any more; DVC may have it'}{step}{of_steps}"]


def _describe_run(lineage: Lineage) -> list[str]:
    run = lineage.run
    if run is None:
        return ["not here: the run record is of another training, or was not pulled"]
    threads = f"{run.threads} thread{'s' if run.threads > 1 else ''}"
    sessions = f", resumed {run.sessions - 1} times" if run.sessions > 1 else ""
    versions = ", ".join(
        f"{name} {run.versions[name]}" for name in ("python", "torch", "numpy") if name in run.versions
    )
    lines = [
        run.run_id,
        f"began {_format_time(run.started)}, took {format_duration(run.core_seconds)} of core time{sessions}",
    ]
    lines += [f"on {run.host} ({run.device}, {run.precision}, {threads}); {versions}"]
    return [*lines, f"in pipeline run {run.flow_run}"] if run.flow_run else lines


def _describe_commit(lineage: Lineage) -> str:
    run = lineage.run
    dirty = " with changes that were not committed" if run and run.dirty else ""
    missing = (run and run.commit_missing) or "trained outside git"
    return f"commit {run.commit}{dirty}" if run and run.commit else f"no commit: {missing}"


def _describe_data(lineage: Lineage) -> list[str]:
    data = lineage.data
    lines = [f"{data.dataset}{f', {data.kept:,} works' if data.kept else ''}"]
    if data.about:
        lines += [f"{data.about.title or data.dataset}, by {data.about.creator}; licence {data.about.licence}"]
    lines += [f"tensors {data.shards}"] if data.shards else []
    return [*lines, f"works   {data.works}"] if data.works else lines


def _make_chain_table(links: Iterable[tuple[str, list[str]]]) -> "Table":
    from rich.markup import escape
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, lines in links:
        first, rest = escape(lines[0]), "".join(f"\n[dim]{escape(line)}[/]" for line in lines[1:] if line)
        table.add_row(label, first + rest)
    return table


def _format_parameters(lineage: Lineage) -> Any:
    from rich.columns import Columns
    from rich.markup import escape

    parameters = {**lineage.parameters, **({} if lineage.seed is None else {"seed": lineage.seed})}
    return Columns(
        [f"{escape(name)} [cyan]{escape(json.dumps(parameters[name]))}[/]" for name in parameters], padding=(0, 3)
    )


def _format_verdict(verdict: Finding) -> str:
    colour = _COLOURS.get(verdict.grade, "yellow")
    return f"[{colour}]{verdict.grade}[/]{f' {verdict.fault}' if verdict.fault else ''}"


def _format_time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
