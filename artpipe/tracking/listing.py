"""`artpipe lineage` and `artpipe runs` as they are printed: what something came from, and what was trained when."""

import json
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artpipe.artifacts import paths
from artpipe.artifacts.champions import Champions, load_champions
from artpipe.artifacts.report import Finding
from artpipe.artifacts.run import Journal, RunCard, RunStart
from artpipe.config.params import Frozen
from artpipe.language.sentences import sentence
from artpipe.system.locks import held
from artpipe.system.units import span
from artpipe.tracking.lineage import Shelves, trace
from artpipe.tracking.lineage_model import Lineage

if TYPE_CHECKING:
    from rich.table import Table

_SHOWN = 12  # digits of a hash, enough to find it by
_COLOURS = {"healthy": "green", "undecided": "yellow", "under-trained": "yellow"}  # of verdicts; all others red


class TrainingRun(Frozen):
    """One training, as its record or the state of an unfinished one tells."""

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
    champion: bool = False  # of its dataset and kind


def list_runs(root: Path = Path()) -> list[TrainingRun]:
    """Return what was trained here and what is being trained, the newest pipeline run first, in it by time."""
    shelves, champions = Shelves(root), load_champions(root)
    found = [_complete(card, shelves, champions) for card in shelves.runs.values()]
    known = {run.run_id for run in found}
    states = sorted((root / paths.STATE).glob("train/*/*/run-live.json"))
    found += [run for state in states if (run := _unfinished(state.parent)) and run.run_id not in known]
    begins: dict[str | None, float] = {}
    for run in found:
        begins[run.flow_run] = min(run.started, begins.get(run.flow_run, run.started))
    return sorted(found, key=lambda run: (-begins[run.flow_run], str(run.flow_run), run.started))


def _complete(card: RunCard, shelves: Shelves, champions: Champions) -> TrainingRun:
    report = shelves.reports.get(card.model)
    judged = report is not None and report.checkpoint == card.checkpoint
    return TrainingRun(
        **_told(card),
        kind=str(card.params.get("kind", "unknown")),
        dataset=str(card.params.get("dataset", "unknown")),
        ended=card.ended,
        core_seconds=card.core_seconds,
        step=card.steps,
        steps=card.steps,
        checkpoint=card.checkpoint,
        state="complete",
        verdict=report.verdict if report and judged else None,
        champion=champions.counts(str(card.params.get("dataset")), str(card.params.get("kind")), card.checkpoint),
    )


def _unfinished(state: Path) -> TrainingRun | None:
    try:
        start = RunStart.model_validate_json((state / "run-live.json").read_bytes())
    except (OSError, ValueError):
        return None
    step = max((int(row["step"]) for row in Journal(state / "journal.jsonl").rows()), default=0)
    return TrainingRun(
        **_told(start), kind=start.kind, dataset=start.dataset, ended=None, core_seconds=None, step=step,
        steps=int(start.params.get("steps", 0)), checkpoint=None, verdict=None,
        state="running" if held(state.parent / "lock") else "stopped",
    )  # fmt: skip


def _told(card: Any) -> dict[str, Any]:
    return {name: getattr(card, name) for name in ("run_id", "model", "flow_run", "started", "commit", "dirty")}


def tell_runs(*, as_json: bool = False) -> None:
    """Print the runs, the newest first, a line of its own above those of one pipeline run."""
    runs = list_runs()
    if as_json:
        sys.stdout.write(json.dumps([run.model_dump(mode="json") for run in runs], indent=2) + "\n")
        return
    from rich.text import Text

    from artpipe.system.terminal import PlainConsole

    console = PlainConsole(highlight=False)
    if not runs:
        console.print("Nothing has been trained here yet; `artpipe run` does it.")
        return
    rows = {run.run_id: [Text.from_markup(cell) for cell in _row(run)] for run in runs}
    widths = [max(cell.cell_len for cell in column) for column in zip(*rows.values(), strict=True)]
    for number, (flow_run, group) in enumerate(groupby(runs, key=lambda run: run.flow_run)):
        console.print(f"{chr(10) if number else ''}[dim]{_pipeline(flow_run)}[/]")
        for run in group:
            for cell, width in zip(rows[run.run_id], widths, strict=True):
                cell.pad_right(width - cell.cell_len)
            console.print(Text("  ").join(rows[run.run_id]), soft_wrap=True)  # a table would leave out what is too much


def _pipeline(flow_run: str | None) -> str:
    return f"Pipeline run {flow_run}" if flow_run else "By dvc alone"


def _row(run: TrainingRun) -> Iterator[str]:
    yield run.model
    yield _moment(run.started)
    yield "" if run.core_seconds is None else span(run.core_seconds)
    if run.state == "complete":
        yield f"{run.steps:,} steps"
        yield _verdict(run.verdict) if run.verdict else "[dim]not evaluated[/]"
    else:
        yield f"{run.step:,} of {run.steps:,}"
        yield f"[yellow]{run.state}[/]"
    yield f"[dim]{run.run_id[:8]}[/]{'  champion' if run.champion else ''}"


def tell_lineage(asked: str, *, as_json: bool = False) -> None:
    """Print what `asked` came from, read downwards from the thing itself to the data.

    Raises:
        UserError: see `trace`.
    """
    found = trace(asked)
    if as_json:
        sys.stdout.write(json.dumps(found.model_dump(mode="json"), indent=2) + "\n")
        return
    from rich.markup import escape
    from rich.padding import Padding

    from artpipe.system.terminal import PlainConsole

    console = PlainConsole(highlight=False)
    title, beside = _heading(found)
    console.print(f"[bold]{escape(title)}[/]{'  ' if beside else ''}{escape(beside)}")
    console.print(Padding(_chain(_links(found)), (1, 0)))
    if found.parameters and not found.real:
        console.print("[dim]parameters[/]")
        console.print(Padding(_parameters(found), (0, 0, 0, 2)))


def _heading(found: Lineage) -> tuple[str, str]:
    if found.real:
        return found.real.title or found.real.name, f"a work of the collection {found.data.dataset}"
    if found.work:
        seed = "" if found.work.seed is None else f", seed {found.work.seed}"
        return found.work.id, f"{found.work.caption} ({found.work.role}{seed})"
    if found.progress is not None:
        return found.model, f"on its way, at step {found.progress:,}"
    return found.model, ""


def _links(found: Lineage) -> Iterator[tuple[str, list[str]]]:
    """Yield label and lines of each link, from the thing to what it came from; the first line is the essence."""
    if found.real:
        real = found.real
        told = [f"by {real.creator}", *([real.year] if real.year else []), f"licence {real.licence}"]
        yield "work", [", ".join(told), real.origin, f"SHA-256 {real.sha256}"]
        yield "data", _data(found)
        yield "beside", [f"what {found.model} made, in {paths.report(found.model)}"]
        return
    if found.work:
        yield "work", [found.work.file, *(f"made from {digest[:_SHOWN]}" for digest in found.work.works)]
    verdict = [sentence(found.verdict)] if found.verdict else ["not evaluated here"]
    counts = [f"the champion of {found.data.dataset} and its kind"] if found.champion else []
    yield "model", [f"{found.model}, {found.kind or 'kind unknown'}", *verdict, *counts]
    yield "checkpoint", _checkpoint(found)
    yield "run", _run(found)
    yield "code", [_commit(found)] if found.run else ["unknown: the run record is not here"]
    yield "data", _data(found)


def _checkpoint(found: Lineage) -> list[str]:
    point = found.checkpoint
    step = "" if point.step is None else f", step {point.step:,}"
    of = f" of {found.run.steps:,}" if step and found.run else ""
    return [f"{point.sha256}", f"{point.folder or 'not here any more; DVC may have it'}{step}{of}"]


def _run(found: Lineage) -> list[str]:
    run = found.run
    if run is None:
        return ["not here: the run record is of another training, or was not pulled"]
    threads = f"{run.threads} thread{'s' if run.threads > 1 else ''}"
    again = f", resumed {run.sessions - 1} times" if run.sessions > 1 else ""
    versions = ", ".join(
        f"{name} {run.versions[name]}" for name in ("python", "torch", "numpy") if name in run.versions
    )
    lines = [run.run_id, f"began {_moment(run.started)}, took {span(run.core_seconds)} of core time{again}"]
    lines += [f"on {run.host} ({run.device}, {run.precision}, {threads}); {versions}"]
    return [*lines, f"in pipeline run {run.flow_run}"] if run.flow_run else lines


def _commit(found: Lineage) -> str:
    run = found.run
    dirty = " with changes that were not committed" if run and run.dirty else ""
    missing = (run and run.commit_missing) or "trained outside git"
    return f"commit {run.commit}{dirty}" if run and run.commit else f"no commit: {missing}"


def _data(found: Lineage) -> list[str]:
    data = found.data
    lines = [f"{data.dataset}{f', {data.kept:,} works' if data.kept else ''}"]
    if data.about:
        lines += [f"{data.about.title or data.dataset}, by {data.about.creator}; licence {data.about.licence}"]
    lines += [f"tensors {data.shards}"] if data.shards else []
    return [*lines, f"works   {data.works}"] if data.works else lines


def _chain(links: Iterable[tuple[str, list[str]]]) -> "Table":
    from rich.markup import escape
    from rich.table import Table

    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for label, lines in links:
        first, rest = escape(lines[0]), "".join(f"\n[dim]{escape(line)}[/]" for line in lines[1:] if line)
        table.add_row(label, first + rest)
    return table


def _parameters(found: Lineage) -> Any:
    from rich.columns import Columns
    from rich.markup import escape

    told = {**found.parameters, **({} if found.seed is None else {"seed": found.seed})}
    return Columns([f"{escape(name)} [cyan]{escape(json.dumps(told[name]))}[/]" for name in told], padding=(0, 3))


def _verdict(verdict: Finding) -> str:
    colour = _COLOURS.get(verdict.verdict, "red")
    return f"[{colour}]{verdict.verdict}[/] [dim]{verdict.score} {verdict.value:.3g}[/]"


def _moment(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
