"""`artpipe plan`: which stages would run, why, and the time and disk to expect."""

import json
import os
import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from artpipe.code.code_yaml import CODE_FILE as CODE
from artpipe.config.params import Frozen, load_params, read_yaml
from artpipe.project.estimates import Cost, Costs
from artpipe.project.validation import check_project
from artpipe.system.units import size, span


class StageGraph(Protocol):
    """What DVC says of the project in the working folder."""

    @property
    def upstream(self) -> Mapping[str, Sequence[str]]:
        """Return the stages that each stage directly depends on; each stands behind these."""

    @property
    def changes(self) -> Mapping[str, list[Any]]:
        """Return what changed, by stale stage."""


class Planned(Frozen):
    """One stage that would run."""

    stage: str
    why: tuple[str, ...]  # empty: it only follows a stale one, and may turn out to be up to date
    cost: Cost


class Plan(Frozen):
    """What `dvc repro` or `artpipe run` would do."""

    stages: tuple[Planned, ...]
    cores: int
    seconds: float  # of waiting, with a core per slot
    bytes: int
    bytes_free: int


def make_plan(graph: StageGraph, root: Path = Path()) -> Plan:
    """Reckon what is stale, and what follows it, from what earlier runs took."""
    affected = _affected(graph.upstream, graph.changes, root) if graph.changes else {}
    cores = len(os.sched_getaffinity(0))
    return Plan(
        stages=tuple(affected.values()),
        cores=cores,
        seconds=_waiting(affected, graph.upstream, cores),
        bytes=sum(planned.cost.bytes for planned in affected.values()),
        bytes_free=shutil.disk_usage(root).free,
    )


def _affected(
    upstream: Mapping[str, Sequence[str]], changes: Mapping[str, list[Any]], root: Path
) -> dict[str, Planned]:
    lock = (read_yaml(root / "dvc.lock") or {}).get("stages", {}) if (root / "dvc.lock").exists() else {}
    entries, costs = read_yaml(root / "params.yaml"), Costs(root, load_params(root / "params.yaml"), lock)
    affected: dict[str, Planned] = {}
    for stage, read in upstream.items():
        if stage in changes or not affected.keys().isdisjoint(read):
            why = tuple(_reasons(stage, changes.get(stage, []), lock.get(stage), entries))
            affected[stage] = Planned(stage=stage, why=why, cost=costs.of(stage))
    return affected


def tell_plan(read_graph: Callable[[], StageGraph], *, as_json: bool = False) -> None:
    """Check the project, ask for its graph, and print the plan as a table, or as JSON.

    Raises:
        UserError: a mistake in the project.
        ArtpipeError: DVC failed.
    """
    check_project()
    plan = make_plan(read_graph())
    if as_json:
        sys.stdout.write(json.dumps(plan.model_dump(mode="json"), indent=2) + "\n")
        return
    from rich.markup import escape
    from rich.table import Table

    from artpipe.system.terminal import PlainConsole

    console = PlainConsole(highlight=False)
    if not plan.stages:
        console.print("Everything is up to date; nothing would run.")
        return
    table = Table("stage", "why", "time", "disk", box=None, header_style="dim", padding=(0, 2, 0, 0))
    for planned in plan.stages:
        why = "\n".join(escape(reason) for reason in planned.why) or "[dim]follows[/]"
        cost = planned.cost
        about = "" if cost.measured else "~"
        table.add_row(planned.stage, why, f"{about}{span(cost.core_seconds)}", f"{about}{size(cost.bytes)}")
    console.print(table)
    total = (
        f"About {span(plan.seconds)} on {plan.cores} cores, {size(plan.bytes)} of disk ({size(plan.bytes_free)} free)"
    )
    guessed = any(not planned.cost.measured for planned in plan.stages)
    console.print(f"{total}.{' ~: an estimate; nothing like it has run here yet.' if guessed else ''}")
    if plan.cores >= 8 and sum(planned.stage.startswith("train@") for planned in plan.stages) < plan.cores // 2:  # noqa: PLR2004
        console.print("[dim]There are more cores than trainings: a higher `threads` of a model would use them.[/]")


def _reasons(stage: str, changes: Iterable[Any], locked: Any, params: Any) -> Iterator[str]:
    if changes and locked is None and "@" in stage and _only_missing(changes):
        yield "new"
        return
    for change in changes:
        if not isinstance(change, dict):
            yield "its command changed" if change == "changed command" else str(change)
            continue
        for path, what in {**change.get("changed deps", {}), **change.get("changed outs", {})}.items():
            if path == CODE and isinstance(what, dict):
                yield from (f"the code of {key.removeprefix('code.')} changed" for key in what)
            elif isinstance(what, dict):
                for key in what:
                    yield from _differences(
                        key, (locked or {}).get("params", {}).get(path, {}).get(key), _at(params, key)
                    )
            else:
                yield _sentence(path, what)


def _only_missing(changes: Iterable[Any]) -> bool:
    return all(isinstance(change, dict) for change in changes)


def _sentence(path: str, what: str) -> str:
    says = {"modified": "changed", "deleted": "is missing", "new": "is new", "not in cache": "is not in the cache"}
    return f"{path} {says.get(what, what)}"


def _at(value: Any, dotted: str) -> Any:
    for key in dotted.split("."):
        value = value.get(key) if isinstance(value, Mapping) else None
    return value


def _differences(place: str, old: Any, new: Any) -> Iterator[str]:
    """Yield a line for each leaf in which two parameters differ."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _differences(f"{place}.{key}", old.get(key), new.get(key))
    elif old != new:
        if isinstance(old, Mapping) or isinstance(new, Mapping):
            yield f"{place} is {'new' if old is None else 'gone' if new is None else 'different'}"
        else:
            yield f"{place}: {'none' if old is None else old} -> {'none' if new is None else new}"


def _waiting(affected: Mapping[str, Planned], upstream: Mapping[str, Sequence[str]], cores: int) -> float:
    """Return the seconds until all is done: no shorter than the longest chain, nor than the work shared by the cores."""
    ends: dict[str, float] = {}
    for stage, planned in affected.items():
        ends[stage] = planned.cost.core_seconds + max((ends.get(name, 0.0) for name in upstream[stage]), default=0.0)
    return max(max(ends.values(), default=0.0), sum(planned.cost.core_seconds for planned in affected.values()) / cores)
