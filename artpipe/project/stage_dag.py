"""`artpipe dag`: the graph of stages as text of a screen's width, and as SVG."""

import shutil
import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.project.plan import StageGraph
from artpipe.project.validation import check_project
from artpipe.system.atomic_files import write_text
from artpipe.system.output_file import DRAWING, check_output
from artpipe.system.plain_text import to_printable

_FALLBACK_COLUMNS = 80
_BOX_WIDTH, _BOX_HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 210, 24, 60, 10, 16  # pixels
_STALE, _FRESH, _INK, _LINE = "#f6d7a7", "#e4ecdf", "#221d17", "#8a7f70"
Upstream = Mapping[str, Sequence[str]]


class StageDag(NamedTuple):
    """The graph of stages; `picture` is the file it was written to, if it was."""

    upstream: Upstream
    stale: Collection[str]
    picture: Path | None

    def print_text(self) -> None:
        """Print it as a tree, or where its picture is."""
        if self.picture:
            counts = f"{len(self.upstream)} stages, {len(self.stale)} of them stale"
            sys.stdout.write(f"{to_printable(str(self.picture))}: {counts}\n")
        else:
            _print_text(self.upstream, self.stale)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the same for programs."""
        return [
            {"stage": name, "upstream": list(upstream), "stale": name in self.stale}
            for name, upstream in self.upstream.items()
        ]


def read_dag(read_graph: Callable[[], StageGraph], picture: Path | None = None) -> StageDag:
    """Check the project and return its graph, also written as a picture (SVG).

    Raises:
        UserError: a mistake in the project.
        ArtpipeError: DVC failed.
    """
    if picture:
        check_output(picture, "--svg", DRAWING)
    check_project()
    graph = read_graph()
    dag = StageDag(graph.upstream, find_stale(graph), picture)
    if picture:
        write_text(picture, draw_svg(dag.upstream, dag.stale))
    return dag


def find_stale(graph: StageGraph) -> set[str]:
    """Return the stages that are stale, or lie below a stale one."""
    stale: set[str] = set()
    for name, dependencies in graph.upstream.items():
        if name in graph.changes or not stale.isdisjoint(dependencies):
            stale.add(name)
    return stale


def draw_text(upstream: Upstream, stale: Collection[str], columns: int) -> Iterator[tuple[str, bool]]:
    """Yield the lines of the graph as a tree, and whether each is of a stale stage.

    Each stage stands below the deepest of those it depends on; the others are named behind it. What all depend on is not
    repeated: the last stage depends on the ends of the tree.
    """
    depths = measure_depths(upstream)
    parents = {name: max(ups, key=lambda up: depths[up]) if ups else "" for name, ups in upstream.items()}
    ends = set(upstream) - {up for name, ups in upstream.items() for up in ups if name != _find_last(upstream, depths)}
    children: dict[str, list[str]] = {}
    for name in upstream:
        parents[name] = "" if name == _find_last(upstream, depths) else parents[name]
        children.setdefault(parents[name], []).append(name)

    def draw(name: str, stem: str, branch: str) -> Iterator[tuple[str, bool]]:
        others = [up for up in upstream[name] if up != parents[name]]
        is_last = name == _find_last(upstream, depths)
        note = (
            f" < all {len(ends - {name})} above" if is_last and others else f" < {', '.join(others)}" if others else ""
        )
        line = f"{stem}{branch}{name}{' *' if name in stale else ''}{note}"
        yield (line if len(line) <= columns else f"{line[: columns - 3]}..."), name in stale
        below = children.get(name, [])
        stem += "" if not branch else "   " if branch.startswith("`") else "|  "
        for number, child in enumerate(below):
            yield from draw(child, stem, "`- " if number == len(below) - 1 else "|- ")

    for root in children.get("", []):
        yield from draw(root, "", "")


def measure_depths(upstream: Upstream) -> dict[str, int]:
    """Return how many stages lie above each, along the longest way."""
    depths: dict[str, int] = {}
    for name, ups in upstream.items():  # in topological order
        depths[name] = 1 + max((depths[up] for up in ups), default=-1)
    return depths


def draw_svg(upstream: Upstream, stale: Collection[str]) -> str:
    """Return the graph as a picture: from left to right, stale stages in colour."""
    depths = measure_depths(upstream)
    rows: dict[int, int] = {}
    places: dict[str, tuple[int, int]] = {}
    for name in upstream:
        row = rows.get(depths[name], 0)
        rows[depths[name]] = row + 1
        x = _MARGIN + depths[name] * (_BOX_WIDTH + _GAP_X)
        places[name] = x, _MARGIN + row * (_BOX_HEIGHT + _GAP_Y)
    width = _MARGIN + (max(rows, default=0) + 1) * (_BOX_WIDTH + _GAP_X)
    height = 2 * _MARGIN + max(rows.values(), default=1) * (_BOX_HEIGHT + _GAP_Y)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    ]
    parts.append(f'<g font-family="sans-serif" font-size="13" fill="{_INK}">')
    parts += [_draw_edge(places[up], places[name]) for name, ups in upstream.items() for up in ups]
    for name, (x, y) in places.items():
        colour, title = (_STALE, "stale") if name in stale else (_FRESH, "up to date")
        box = f'<rect x="{x}" y="{y}" width="{_BOX_WIDTH}" height="{_BOX_HEIGHT}" rx="4" fill="{colour}"/>'
        label = escape(name if len(name) <= 28 else f"{name[:25]}...")  # noqa: PLR2004 - as many as fit into a box
        parts.append(f'<g><title>{escape(name)}: {title}</title>{box}<text x="{x + 8}" y="{y + 17}">{label}</text></g>')
    return "\n".join([*parts, "</g></svg>"]) + "\n"


def _draw_edge(start: tuple[int, int], end: tuple[int, int]) -> str:
    x1, y1, x2, y2 = start[0] + _BOX_WIDTH, start[1] + _BOX_HEIGHT // 2, end[0], end[1] + _BOX_HEIGHT // 2
    middle = x2 - _GAP_X // 2
    return (
        f'<path d="M{x1} {y1} C{middle} {y1} {middle} {y2} {x2} {y2}" fill="none" stroke="{_LINE}" stroke-width="1"/>'
    )


def _find_last(upstream: Upstream, depths: Mapping[str, int]) -> str:
    """Return the stage that lies deepest, below which nothing is: the gallery."""
    return max(upstream, key=lambda name: (depths[name], name), default="")


def _print_text(upstream: Upstream, stale: Collection[str]) -> None:
    from rich.text import Text

    from artpipe.system.terminal import PlainConsole

    console = PlainConsole(highlight=False, soft_wrap=True)
    columns = shutil.get_terminal_size((_FALLBACK_COLUMNS, 24)).columns
    for line, is_stale in draw_text(upstream, stale, columns):
        console.print(Text(line, style="yellow" if is_stale else ""))
    console.print(
        f"* stale: {len(stale)} of {len(upstream)}; `artpipe plan` says why" if stale else "all are up to date"
    )
