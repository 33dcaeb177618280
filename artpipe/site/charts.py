"""Charts as inline SVG.

There are presentation attributes and classes only, so that a strict policy lets them pass.
"""

import math
from collections.abc import Iterable, Sequence

from markupsafe import Markup

_WIDTH, _HEIGHT = 360, 190
_LEFT, _RIGHT, _TOP, _BOTTOM = 44, 10, 12, 24  # margins in user units
_COLUMNS = 120  # points drawn; more are averaged, their range stays visible as a band
_SQUARE_SIDE, _DOT_RADII, _FAINTEST = (
    210,
    (2.2, 8.0),
    0.25,
)  # of a reliability diagram: its square, radii, the faintest stem

Points = Sequence[tuple[float, float]]


def draw_chart(points: Points, label: str, mark: int | None = None) -> Markup:
    """Draw one number by step, with the range of what was averaged.

    `mark` is a step worth pointing at.
    """
    columns = average_points([(x, y) for x, y in points if math.isfinite(y)])
    if len(columns) < 2:  # noqa: PLR2004 - a line has two ends
        return Markup("")
    across = _Axis.of([c[0] for c in columns], _LEFT, _WIDTH - _RIGHT, padded=False)
    up = _Axis.of([v for c in columns for v in c[2:]], _HEIGHT - _BOTTOM, _TOP, padded=True)
    line = " ".join(f"{across(x):.1f},{up(mean):.1f}" for x, mean, _, _ in columns)
    band = [f"{across(x):.1f},{up(high):.1f}" for x, _, _, high in columns]
    band += [f"{across(x):.1f},{up(low):.1f}" for x, _, low, _ in reversed(columns)]
    parts = [_draw_grid(across, up), Markup('<polygon class="band" points="{}"/>').format(" ".join(band))]
    parts.append(Markup('<polyline class="line" points="{}"/>').format(line))
    dot = next((c for c in columns if mark is not None and c[0] >= mark), columns[-1])
    parts.append(Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="3.5"/>').format(across(dot[0]), up(dot[1])))
    head = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(_WIDTH, _HEIGHT, label)
    return head + Markup("").join(parts) + Markup("</svg>")


def draw_reliability(bins: Iterable[tuple[float, float, int]], label: str, across_name: str, up_name: str) -> Markup:
    """Draw confidence against accuracy, both in [0, 1].

    A dot per bin: its area is the share of works, its stem the gap, faint for few works.
    """
    filled_bins = [values for values in bins if all(map(math.isfinite, values)) and values[2] > 0]
    if not filled_bins:
        return Markup("")
    across, up = _Axis(0, 1, _LEFT + 14, _LEFT + 14 + _SQUARE_SIDE), _Axis(0, 1, _TOP + _SQUARE_SIDE, _TOP)
    most = max(count for _, _, count in filled_bins)
    ends = {"x1": across(0), "y1": up(0), "x2": across(1), "y2": up(1)}
    parts = [_draw_grid(across, up), _draw_line("ideal", **ends)]
    for confidence, accuracy, count in filled_bins:
        x, y, weight = across(confidence), up(accuracy), math.sqrt(count / most)
        parts.append(_draw_line("stem", x1=x, y1=up(confidence), x2=x, y2=y, opacity=max(_FAINTEST, weight)))
        radius = max(_DOT_RADII[0], _DOT_RADII[1] * weight)
        parts.append(Markup('<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>').format(x, y, radius))
    middle, below = (_LEFT + 14 + _SQUARE_SIDE / 2, _TOP + _SQUARE_SIDE + _BOTTOM + 14)
    parts.append(Markup('<text class="tick middle" x="{}" y="{}">{}</text>').format(middle, below, across_name))
    turned = '<text class="tick middle" transform="translate(13 {}) rotate(-90)">{}</text>'
    parts.append(Markup(turned).format(_TOP + _SQUARE_SIDE / 2, up_name))  # noqa: S704 - a constant
    size = (_LEFT + 14 + _SQUARE_SIDE + _RIGHT, below + 6)
    head = Markup('<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}">').format(*size, label)
    return head + Markup("").join(parts) + Markup("</svg>")


def _draw_line(kind: str, *, opacity: float = 1.0, **ends: float) -> Markup:
    shape = (
        '<line class="{kind}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke-opacity="{opacity:.2f}"/>'
    )
    return Markup(shape).format(kind=kind, opacity=opacity, **ends)  # noqa: S704 - a constant


def average_points(points: Points) -> list[tuple[float, float, float, float]]:
    """Return at most 120 columns (x, mean, low, high) of equal count."""
    size = max(1, math.ceil(len(points) / _COLUMNS))
    groups = [points[i : i + size] for i in range(0, len(points), size)]
    return [(g[-1][0], math.fsum(y for _, y in g) / len(g), min(y for _, y in g), max(y for _, y in g)) for g in groups]


class _Axis:
    """A linear scale from data to user units with at most five round ticks."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self.low, self.high, self.start, self.end = low, high, start, end

    @classmethod
    def of(cls, values: Sequence[float], start: float, end: float, *, padded: bool) -> "_Axis":
        low, high = min(values), max(values)
        room = (high - low) * 0.06 if padded else 0.0
        if high - low < 1e-12 * max(1.0, abs(high)):
            room = abs(high) * 0.1 or 1.0
        return cls(low - room, high + room, start, end)

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self) -> list[float]:
        raw = (self.high - self.low) / 4
        power = 10.0 ** math.floor(math.log10(raw))
        step = next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= raw * 0.999)
        first = math.ceil(self.low / step - 1e-9)
        return [round(i * step, 12) for i in range(first, math.floor(self.high / step + 1e-9) + 1)]


def _draw_grid(across: _Axis, up: _Axis) -> Markup:
    rows = [
        Markup('<line class="rule" x1="{}" x2="{}" y1="{y:.1f}" y2="{y:.1f}"/>').format(
            across.start, across.end, y=up(t)
        )
        + Markup('<text class="tick end" x="{}" y="{:.1f}">{}</text>').format(
            across.start - 7, up(t) + 3.5, format_tick(t)
        )
        for t in up.ticks()
    ]
    columns = [
        Markup('<text class="tick middle" x="{:.1f}" y="{}">{}</text>').format(
            across(t), up.start + _BOTTOM - 6, format_tick(t)
        )
        for t in across.ticks()
    ]
    return Markup("").join(rows + columns)


def format_tick(value: float) -> str:
    """Return a short label: 1200 as 1.2k, no trailing zeros."""
    if abs(value) >= 1000:  # noqa: PLR2004 - where the thousands begin
        return f"{value / 1000:g}k"
    return f"{value:g}".replace("-", "\u2212")
