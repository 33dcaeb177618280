"""Draw growth as an SVG: core-seconds and peak memory by size, both axes logarithmic."""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape

_WIDTH, _HEIGHT, _MARGIN, _KEY = 430, 330, 50, 20
_COLOURS = ("#1b6ca8", "#c0392b", "#1e8449", "#8e44ad", "#d68910", "#16807a", "#7b3f00", "#566573")
_DASHES = ("", "6 3", "2 3")
Series = Mapping[str, Sequence[tuple[float, float]]]


def draw(panels: Mapping[str, Series]) -> str:
    """Return an SVG with a panel for each title, and one key for all of them."""
    names = list(dict.fromkeys(name for series in panels.values() for name in series))
    height = _HEIGHT + _KEY * (-(-len(names) // 3) + 1)
    size = f'width="{_WIDTH * len(panels)}" height="{height}"'
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="11">']
    parts.append('<rect width="100%" height="100%" fill="white"/>')
    for number, (title, series) in enumerate(panels.items()):
        parts.append(f'<g transform="translate({number * _WIDTH} 0)">{"".join(_panel(title, series, names))}</g>')
    for number, name in enumerate(names):
        x, y = 20 + number % 3 * 285, _HEIGHT + _KEY * (number // 3 + 1)
        parts.append(f'<path d="M{x} {y - 4}h24" {_stroke(number)}/><text x="{x + 30}" y="{y}">{escape(name)}</text>')
    return "".join(parts) + "</svg>\n"


def _panel(title: str, series: Series, names: Sequence[str]) -> Iterable[str]:
    points = [point for line in series.values() for point in line]
    (left, right), (low, high) = (_decades(values) for values in zip(*points, strict=True))
    x_step, y_step = (_WIDTH - 2 * _MARGIN) / (right - left), (_HEIGHT - 2 * _MARGIN) / (high - low)
    yield f'<text x="{_MARGIN}" y="26" font-size="13">{escape(title)}</text>'
    for power in range(left, right + 1):
        x = _MARGIN + (power - left) * x_step
        yield f'<path d="M{x:.1f} {_MARGIN}V{_HEIGHT - _MARGIN}" stroke="#ddd"/>'
        yield f'<text x="{x:.1f}" y="{_HEIGHT - _MARGIN + 16}" text-anchor="middle">{10**power:,}</text>'
    for power in range(low, high + 1):
        y = _HEIGHT - _MARGIN - (power - low) * y_step
        yield f'<path d="M{_MARGIN} {y:.1f}H{_WIDTH - _MARGIN}" stroke="#ddd"/>'
        yield f'<text x="{_MARGIN - 6}" y="{y + 4:.1f}" text-anchor="end">{10.0**power:,g}</text>'
    for name, line in series.items():
        places = " ".join(
            f"{_MARGIN + (math.log10(x) - left) * x_step:.1f},{_HEIGHT - _MARGIN - (math.log10(y) - low) * y_step:.1f}"
            for x, y in sorted(line)
        )
        yield f'<polyline points="{places}" {_stroke(names.index(name))}/>'


def _stroke(number: int) -> str:
    dash = _DASHES[number // len(_COLOURS) % len(_DASHES)]
    return f'fill="none" stroke-width="1.8" stroke="{_COLOURS[number % len(_COLOURS)]}" stroke-dasharray="{dash}"'


def _decades(values: Iterable[float]) -> tuple[int, int]:
    logarithms = [math.log10(value) for value in values]
    low, high = math.floor(min(logarithms)), math.ceil(max(logarithms))
    return low, max(high, low + 1)
