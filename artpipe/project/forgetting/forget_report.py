"""Say what a work has left and what forgetting does, as text or as JSON."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from artpipe.artifacts import paths
from artpipe.artifacts.tombstones import TOMBSTONES, Tombstone, load_tombstones
from artpipe.artifacts.works import Works
from artpipe.config.params import MINIMUM_WORKS, Params, load_params
from artpipe.project.forgetting.emptied_classes import describe_emptied_classes
from artpipe.project.forgetting.forget_plan import ForgetPlan
from artpipe.project.forgetting.held_works import HeldWork, Holdings, describe_unread, hash_originals
from artpipe.project.forgetting.make_tombstones import find_hashed_parts
from artpipe.project.forgetting.source_removal import is_own_source
from artpipe.project.forgetting.work_traces import ChampionTrace, ModelTrace, NearTrace, WorkTraces
from artpipe.storage.removed_datasets import describe_removed
from artpipe.system.plain_text import to_printable

_ROWS = 12  # shown of one kind
_DIGITS = 16  # of a hash
_KEPT = "kept: numbers and settings of trainings in MLflow, times of runs in Prefect, and what params.yaml says"
_NOT_REACHED = (
    "not reached: git's earlier commits, DVC's remotes, other clones, Prefect servers with a database of their own, "
    "what was published, exported or written elsewhere: docs/forgetting.md"
)


class HeldWorks(NamedTuple):
    """What works have left; nothing was changed."""

    params: Params
    holdings: Holdings
    traces: WorkTraces
    near: bool  # near copies are to stay out too

    def to_text(self) -> str:
        """Return what they have left, and what forgetting would do."""
        plan = _describe_plan(self.params, self.holdings, near=self.near)
        return f"{_describe_holdings(self.holdings, self.traces)}\n{plan}"

    def to_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        return {"forgotten": False, **_dump_holdings(self.holdings, self.traces)}


class ForgottenWorks(NamedTuple):
    """What was forgotten: each plan, and what of it a person has to do."""

    steps: Sequence[tuple[ForgetPlan, Sequence[str]]]

    def to_text(self) -> str:
        """Return what was done, and what a person has to do where artpipe cannot."""
        return "\n".join(_describe_result(plan, notes) for plan, notes in self.steps)

    def to_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        plans = [plan for plan, _ in self.steps]
        return {
            "forgotten": True,
            "tombstones": [tombstone.model_dump() for plan in plans for tombstone in plan.tombstones],
            "datasets": sorted({name for plan in plans for name in plan.keys}),
            "models": sorted({name for plan in plans for name in plan.models}),
            "notes": [note for _, notes in self.steps for note in notes],
        }


class TombstoneList(NamedTuple):
    """What was withdrawn, with the datasets that held it."""

    rows: Sequence[tuple[Tombstone, Sequence[str]]]

    def to_text(self) -> str:
        """Return a line for each tombstone: hash, date, scope, datasets that held it."""
        lines = []
        for tombstone, held in self.rows:
            scope = "and near copies" if tombstone.near else "these pixels" if tombstone.pixels else "these bytes"
            lines.append(f"{tombstone.key}  {tombstone.date}  {scope:<15}  {', '.join(held) or 'no dataset of today'}")
        return "\n".join(lines) or "no work was withdrawn here"

    def to_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        return {"tombstones": [{**tombstone.model_dump(), "datasets": list(held)} for tombstone, held in self.rows]}


def _describe_holdings(holdings: Holdings, traces: WorkTraces) -> str:
    """Return what is known of the works, part by part."""
    parts = [
        ("in", [_describe_held(held) for held in holdings.held]),
        ("set aside as duplicates", [f"{name}: {copy}" for name, copies in holdings.copies.items() for copy in copies]),
        ("models", [_describe_model(trace) for trace in traces.models]),
        ("works of models", [_describe_near(trace) for trace in traces.near]),
        ("pages of the gallery", list(traces.pages)),
        ("champions", [_describe_champion(trace) for trace in traces.champions]),
    ]
    lines = [line for title, rows in parts for line in _format_part(title, rows)]
    return to_lines([*lines, *_describe_limits(holdings)])


def _describe_plan(params: Params, holdings: Holdings, *, near: bool = False) -> str:
    """Return what forgetting would do, before it is done."""
    own = [name for name in holdings.datasets if is_own_source(params.dataset(name))]
    others = [name for name in holdings.datasets if name not in own]
    lines = [f"taken out of {', '.join(params.dataset(name).path for name in own)}"] if own else []
    lines += (
        [f"left out of {', '.join(others)} by their hash, whose source is not the project's to change"]
        if others
        else []
    )
    return to_lines([
        *lines,
        *_describe_near_duplicates(holdings),
        _describe_tombstone(params, holdings, near=near),
        "removed: all that was made of these datasets by these models, from data/, DVC's cache, MLflow, Prefect's pages and the gallery",
        *describe_emptied_classes(params, holdings),
        _KEPT,
        "`--yes` does it; `artpipe run` then makes them again without it",
    ])  # fmt: skip


def _describe_result(plan: ForgetPlan, notes: Sequence[str]) -> str:
    """Return what was done, and what a person has to do where artpipe cannot."""
    count, models = len(plan.tombstones), ", ".join(plan.models) or "no model"
    works = "1 work is" if count == 1 else f"{count:,} works are"
    sources = ["datasets"] if plan.sources else []
    files = " ".join([str(TOMBSTONES), "params.yaml", "champions.json", "dvc.lock", *sources])
    more = f" and {count - _ROWS:,} more" if count > _ROWS else ""
    return to_lines([
        f"{works} forgotten; {TOMBSTONES} has hashes and the date: {', '.join(stone.key for stone in plan.tombstones[:_ROWS])}{more}",
        *notes,
        f"next: `artpipe run` makes {', '.join(plan.keys)} and {models} again, then `git add {files}` and commit",
        _KEPT,
        _NOT_REACHED,
    ])  # fmt: skip


def list_tombstones() -> TombstoneList:
    """Return what was withdrawn here."""
    datasets = load_params().datasets
    rows = []
    for tombstone in load_tombstones():
        held = [name for name, entry in datasets.items() if tombstone.key in entry.ingest.withdrawn]
        rows.append((tombstone, held))
    return TombstoneList(rows)


def _dump_holdings(holdings: Holdings, traces: WorkTraces) -> Mapping[str, Any]:
    """Return what was found for programs."""
    return {
        "asked": sorted(holdings.asked),
        "held": [
            {
                "dataset": held.dataset,
                "sha256": held.work.sha256,
                "name": held.provenance.name,
                "title": held.provenance.title,
                "creator": held.provenance.creator,
                "label": held.work.label,
                "near": None if held.is_asked else {"sha256": held.asked, "bits": held.bits},
            }
            for held in holdings.held
        ],
        "set_aside": {name: list(copies) for name, copies in holdings.copies.items()},
        "not_ingested": list(holdings.unread),
        **{name: [trace.model_dump() for trace in getattr(traces, name)] for name in ("models", "near", "champions")},
        "pages": list(traces.pages),
    }


def to_lines(lines: Sequence[str]) -> str:
    """Return lines as one text, each safe to print."""
    return "\n".join(map(to_printable, lines))


def _format_part(title: str, rows: Sequence[str]) -> Iterator[str]:
    if not rows:
        return
    yield f"{title} ({len(rows):,})"
    yield from (f"  {row}" for row in rows[:_ROWS])
    if len(rows) > _ROWS:
        yield f"  and {len(rows) - _ROWS:,} more (`--json` has all)"


def _describe_near_duplicates(holdings: Holdings) -> Iterator[str]:
    """Yield that works are taken along which only look like those that were asked for."""
    count = sum(not held.is_asked for held in holdings.held)
    if count:
        noun = "1 near duplicate goes" if count == 1 else f"{count:,} near duplicates go"
        yield f"{noun} as well; where they are other works, `--exact` leaves them where they are"


def _describe_tombstone(params: Params, holdings: Holdings, *, near: bool) -> str:
    """Return what a tombstone will hold, and what it keeps out."""
    parts = find_hashed_parts(params, holdings, near=near)
    outcome = "only the very same bytes stay out"
    if "look" in parts:
        outcome = "copies that look nearly the same stay out"
    elif "pixels" in parts:
        outcome = "lossless copies stay out, others with `--near`"
    elif not holdings.exact and any(held.work.phash for held in holdings.held):
        outcome += ", near copies with `--near`"
    hashed = f"hashes of the {', the '.join(parts[:-1])} and the {parts[-1]}" if parts[1:] else "a hash of the bytes"
    return f"{TOMBSTONES}: {hashed}, and the date; {outcome}"


def _describe_held(held: HeldWork) -> str:
    row, near = held.provenance, "" if held.is_asked else f", near duplicate ({held.bits} of 64 bits)"
    title = f" “{row.title}”" if row.title else ""
    return f"{held.dataset}: {row.name}{title}, by {row.creator}, {held.work.sha256[:_DIGITS]}{near}"


def _describe_model(trace: ModelTrace) -> str:
    return f"{trace.model} ({trace.kind} on {trace.dataset}): {trace.how}"


def _describe_near(trace: NearTrace) -> str:
    how = "made from it, or shows it" if trace.distance is None else f"distance {trace.distance:.4g}"
    return f"{trace.work}: {how}"


def _describe_champion(trace: ChampionTrace) -> str:
    place = "the champion" if trace.is_current else "a champion before"
    return f"{trace.dataset} {trace.kind}: {trace.model} ({trace.checkpoint[:12]}), {place}"


def _describe_limits(holdings: Holdings) -> Iterator[str]:
    """Yield which data is not here, and which datasets become too small."""
    if holdings.unread:
        yield f"{describe_unread(holdings.unread)} (or `dvc pull`)"
    if removed := describe_removed(hash_originals(holdings)):
        yield removed
    for name in holdings.datasets:
        left = Works.open(paths.works(name)).card.count - len(holdings.in_dataset(name))
        if left < MINIMUM_WORKS:
            yield f"{name} keeps {left} works, and {MINIMUM_WORKS} are needed: add some, or `artpipe dataset remove {name}`"
