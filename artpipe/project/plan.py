"""`artpipe plan`: which stages would run, why, and the time and disk to expect."""

import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from artpipe.code.code_yaml import CODE_FILE as CODE
from artpipe.config.differences import list_differences
from artpipe.config.params import Frozen, load_params, parse_params, read_yaml
from artpipe.config.safe_yaml import parse_yaml
from artpipe.project.estimates import Cost, CostEstimator
from artpipe.project.held_out_notes import note_few_held_out
from artpipe.project.step_costs import measure_missing
from artpipe.project.validation import check_project
from artpipe.system.units import format_duration, format_size

_MAX_CHARACTERS = 80  # of a value among the reasons


class StageGraph(Protocol):
    """DVC's view of the project in the working folder."""

    @property
    def upstream(self) -> Mapping[str, Sequence[str]]:
        """Return the stages each stage directly depends on, in topological order."""

    @property
    def changes(self) -> Mapping[str, list[Any]]:
        """Return what changed, by stale stage."""


class PlannedStage(Frozen):
    """One stage that would run."""

    stage: str
    why: tuple[str, ...]  # empty: it only follows a stale one, and may turn out to be up to date
    cost: Cost


class Plan(Frozen):
    """What `dvc repro` or `artpipe run` would do."""

    stages: tuple[PlannedStage, ...]
    cores: int
    seconds: float  # of waiting, with a core per slot
    bytes: int
    bytes_free: int
    notes: tuple[str, ...] = ()  # on what will come of it

    def print_text(self) -> None:
        """Print it as a table."""
        _print_table(self)

    def to_json(self) -> dict[str, Any]:
        """Return the same for programs."""
        return self.model_dump(mode="json")


def make_plan(graph: StageGraph, root: Path = Path(), params_text: str | None = None) -> Plan:
    """Return what is stale, and what follows it, with costs from earlier runs.

    With `params_text`, which `graph` was read with, it is as if that stood in params.yaml.
    """
    text = (root / "params.yaml").read_text(encoding="utf-8") if params_text is None else params_text
    affected = _find_affected(graph.upstream, graph.changes, root, text) if graph.changes else {}
    cores = len(os.sched_getaffinity(0))
    return Plan(
        stages=tuple(affected.values()),
        cores=cores,
        seconds=_estimate_seconds(affected, graph.upstream, cores),
        bytes=sum(planned.cost.bytes for planned in affected.values()),
        bytes_free=shutil.disk_usage(root).free,
        notes=tuple(_make_notes(affected, root)),
    )


def make_measured_plan(graph: StageGraph, params_text: str | None = None) -> Plan:
    """Return the plan, once what its trainings cost on this machine was measured."""
    params = load_params() if params_text is None else parse_params(params_text)
    stages = _list_affected(graph.upstream, graph.changes)
    measure_missing(Path(), params, [stage.partition("@")[2] for stage in stages if stage.startswith("train@")])
    return make_plan(graph, params_text=params_text)


def _make_notes(stages: Iterable[str], root: Path) -> Iterator[str]:
    """Yield notes on the datasets of which a model will be trained or judged."""
    models = {stage.partition("@")[2] for stage in stages if stage.startswith(("train@", "evaluate@"))}
    if models:
        params = load_params(root / "params.yaml")
        datasets = {str(params.models[name].get("dataset")) for name in models & params.models.keys()}
        yield from note_few_held_out(params, sorted(datasets & params.datasets.keys()), root)


def _find_affected(
    upstream: Mapping[str, Sequence[str]], changes: Mapping[str, list[Any]], root: Path, params_text: str
) -> dict[str, PlannedStage]:
    lock = (read_yaml(root / "dvc.lock") or {}).get("stages", {}) if (root / "dvc.lock").exists() else {}
    entries, costs = parse_yaml(params_text, "params.yaml"), CostEstimator(root, parse_params(params_text), lock)
    return {
        stage: PlannedStage(
            stage=stage,
            why=tuple(_explain_stale(stage, changes.get(stage, []), lock.get(stage), entries)),
            cost=costs.estimate(stage),
        )
        for stage in _list_affected(upstream, changes)
    }


def _list_affected(upstream: Mapping[str, Sequence[str]], changes: Mapping[str, list[Any]]) -> list[str]:
    """Return the stages that are stale or follow a stale one, in topological order."""
    affected: set[str] = set()
    for stage, dependencies in upstream.items():
        if stage in changes or not affected.isdisjoint(dependencies):
            affected.add(stage)
    return [stage for stage in upstream if stage in affected]


def plan_project(read_graph: Callable[[], StageGraph], params_text: str | None = None) -> Plan:
    """Check the project, read its graph, and return the plan.

    With `params_text`, which `read_graph` reads with, it is as if that stood in params.yaml.

    Raises:
        UserError: a mistake in the project.
        ArtpipeError: DVC failed.
    """
    check_project()
    return make_measured_plan(read_graph(), params_text)


def _print_table(plan: Plan) -> None:
    """Print the stages, what they take together, and notes on what will come of it."""
    from rich.markup import escape
    from rich.table import Table

    from artpipe.system.terminal import PlainConsole

    console = PlainConsole(highlight=False)
    if not plan.stages:
        console.print(describe_total(plan))
        return
    table = Table("stage", "why", "time", "disk", box=None, header_style="dim", padding=(0, 2, 0, 0))
    for planned in plan.stages:
        reasons = "\n".join(escape(reason) for reason in planned.why) or "[dim]follows[/]"
        cost = planned.cost
        approximate = "" if cost.measured else "~"
        table.add_row(
            planned.stage,
            reasons,
            f"{approximate}{format_duration(cost.seconds)}",
            f"{approximate}{format_size(cost.bytes)}",
        )
    console.print(table)
    console.print(describe_total(plan))
    for note in plan.notes:
        console.print(f"[yellow]Note:[/] {escape(note)}", soft_wrap=True)
    if plan.cores >= 8 and sum(planned.stage.startswith("train@") for planned in plan.stages) < plan.cores // 2:  # noqa: PLR2004
        console.print("[dim]There are more cores than trainings: a higher `threads` of a model would use them.[/]")


def describe_total(plan: Plan) -> str:
    """Return in a sentence the time and the disk that a plan takes."""
    if not plan.stages:
        return "Everything is up to date; nothing would run."
    disk = f"{format_size(plan.bytes)} of disk ({format_size(plan.bytes_free)} free)"
    total = f"About {format_duration(plan.seconds)} on {plan.cores} cores, {disk}."
    has_estimates = any(not planned.cost.measured for planned in plan.stages)
    return f"{total} ~: an estimate; nothing like it has run here yet." if has_estimates else total


def _explain_stale(stage: str, changes: Iterable[Any], locked: Any, params: Any) -> Iterator[str]:
    if changes and locked is None and not stage.endswith(".dvc") and _only_missing(changes):
        yield "new"
        return
    for change in changes:
        if not isinstance(change, dict):
            yield "its command changed" if change == "changed command" else str(change)
            continue
        for path, change_kind in {**change.get("changed deps", {}), **change.get("changed outs", {})}.items():
            if path == CODE and isinstance(change_kind, dict):
                yield from (f"the code of {key.removeprefix('code.')} changed" for key in change_kind)
            elif isinstance(change_kind, dict):
                for key in change_kind:
                    yield from _describe_differences(
                        key, (locked or {}).get("params", {}).get(path, {}).get(key), _get_dotted(params, key)
                    )
            else:
                yield _describe_change(path, change_kind)


def _only_missing(changes: Iterable[Any]) -> bool:
    return all(isinstance(change, dict) for change in changes)


def _describe_change(path: str, change_kind: str) -> str:
    words = {"modified": "changed", "deleted": "is missing", "new": "is new", "not in cache": "is not in the cache"}
    return f"{path} {words.get(change_kind, change_kind)}"


def _get_dotted(value: Any, dotted: str) -> Any:
    for key in dotted.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _describe_differences(place: str, old: Any, new: Any) -> Iterator[str]:
    """Yield a line for each leaf in which two parameters differ."""
    for key, before, after in list_differences(old, new, place):
        if isinstance(before, Mapping) or isinstance(after, Mapping):
            yield f"{key} is {'new' if before is None else 'gone' if after is None else 'different'}"
        elif isinstance(before, list) and isinstance(after, list):
            changes = [
                *(f"without {item}" for item in before if item not in after),
                *(f"with {item}" for item in after if item not in before),
            ]
            yield _shorten(f"{key}: {', '.join(changes) or 'in another order'}")
        else:
            yield f"{key}: {_format_leaf(before)} -> {_format_leaf(after)}"


def _format_leaf(value: Any) -> str:
    return "none" if value is None else _shorten(str(value))


def _shorten(text: str) -> str:
    return text if len(text) <= _MAX_CHARACTERS else f"{text[:_MAX_CHARACTERS]}..."


def _estimate_seconds(affected: Mapping[str, PlannedStage], upstream: Mapping[str, Sequence[str]], cores: int) -> float:
    """Return the seconds until all is done.

    At least those of the longest chain, and of the work shared by the cores.
    """
    ends: dict[str, float] = {}
    for stage, planned in affected.items():
        ends[stage] = planned.cost.seconds + max((ends.get(name, 0.0) for name in upstream[stage]), default=0.0)
    return max(max(ends.values(), default=0.0), sum(planned.cost.seconds for planned in affected.values()) / cores)
