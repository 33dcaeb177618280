"""What a classifier confuses, and how sure it was.

A heat map, the commonest confusions and the calibration.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any, TypeGuard

from artpipe.contracts.section import ModelView, Section

_CLASSES, _SHADES, _NAMED = 40, 6, 8  # drawn at most, of a colour, told in words at most
_SHORT = 3  # letters that stand upright over a column

_HTML = """
<div class="read columns">
<div><h2>{{ _("Confusions") }}</h2>
{% if turned %}<p class="aside">{{ _("The works have no labels here, so it learned a lesson that needs none: to tell by how far a picture was turned. What it came to see on the way measures the other models.") }}</p>
{% endif %}
<p class="aside">{% if grid %}{{ _("A row for what a work is, a column for what the model took it for. The stronger the colour, the larger its share of the row; green is right, gold is wrong, each on its own scale.") }}{% else %}{{ _("%(n)s kinds are too many for a table; these are its commonest confusions.", n=kinds | number) }}{% endif %}</p></div>
<div class="beside">
{% if grid %}
<div class="scroll" tabindex="0" role="region" aria-label="{{ _('Table of confusions') }}">
<table class="heat{{ ' slanted' if slanted }}">
<caption class="unseen">{{ _("Rows: what a work is. Columns: what it was taken for. Cells: how many works.") }}</caption>
<thead><tr><td></td>{% for row in grid %}<th scope="col"><span><bdi>{{ row.name | clean(40) | name }}</bdi></span></th>{% endfor %}<th scope="col" class="share"><span>{{ _("right") }}</span></th></tr></thead>
<tbody>
{% for row in grid %}
<tr><th scope="row"><bdi>{{ row.name | clean(40) | name }}</bdi></th>{% for count, shade in row.cells %}<td class="{{ 'right' if loop.index0 == row.place else 'wrong' }}-{{ shade }}">{% if count %}{{ count | number }}{% else %}<span class="unseen">0</span>{% endif %}</td>{% endfor %}<td class="share">{% if row.share is not none %}{{ '%.1f' | format(100 * row.share) }}&thinsp;%{% endif %}</td></tr>
{% endfor %}
</tbody></table>
</div>
{% endif %}
{% if bins %}
<figure class="reliability"><figcaption><h3 class="small">{{ _("Sure, and rightly so?") }}</h3></figcaption>
{{ bins | reliability(_("How often it is right, by how sure it is, in %(n)s groups", n=bins | length), _("how sure it is"), _("how often it is right")) }}
<p class="quiet">{{ _("On the line it is right exactly as often as it is sure; above it is too modest, below too bold. A larger dot stands for more works.") }}{% if ece %}{% set distance %}<span class="mono">{{ ece.value | number }}</span>{% endset %}{{ _(" ") }}{{ _("Mean distance from the line (ECE): %(value)s.", value=distance) }}{% endif %}</p></figure>
{% endif %}
{% if named %}
<div class="wide"><h3 class="small">{{ _("Most often confused") }}</h3>
<ul class="tallies">{% for one in named %}<li><span>{{ _("%(truth)s taken for %(seen)s", truth=one.truth | clean(60) | name, seen=one.seen | clean(60) | name) }}</span><span class="count">{{ ngettext("once", "%(num)s times", one.count) }}</span></li>
{% endfor %}</ul></div>
{% elif grid %}<p class="wide">{{ _("It confused nothing with anything.") }}</p>
{% endif %}
</div>
</div>
"""


def _fill(view: ModelView) -> Mapping[str, Any] | None:
    report = view.artist.report
    table = report.tables.get("accuracy")
    counts = _read_counts(table)
    if not isinstance(table, Mapping) or counts is None:
        return None
    names = [str(name) for name in table["classes"]]
    return {
        "kinds": len(names),
        "grid": _make_grid(names, counts) if len(names) <= _CLASSES else [],
        "slanted": max(map(len, names)) > _SHORT,
        "named": _list_confusions(names, counts),
        "turned": table.get("lesson") == "turns",
        "bins": _read_bins(table.get("calibration")),
        "ece": next((score for score in report.scores if score.name == "ece"), None),
    }


def _read_counts(table: object) -> list[list[int]] | None:
    """Return the confusion matrix, None where the table is not one.

    It is square, has as many rows as names, only counts, and not all of them zero.
    """
    if not isinstance(table, Mapping):
        return None
    names, rows = table.get("classes"), table.get("confusion")
    if not isinstance(names, list) or not isinstance(rows, list) or not len(names) == len(rows) > 0:
        return None
    square = all(isinstance(row, list) and len(row) == len(names) for row in rows)
    if not square or not all(type(count) is int and count >= 0 for row in rows for count in row):
        return None
    return rows if any(map(any, rows)) else None


def _make_grid(names: Sequence[str], counts: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """Return a row per class, each cell a count and a shade.

    A count is shaded by its share of the row, so that rare classes are seen too.
    """
    totals = [sum(row) for row in counts]
    shares = [[count / total if total else 0.0 for count in row] for row, total in zip(counts, totals, strict=True)]
    worst = max(share for i, row in enumerate(shares) for j, share in enumerate(row) if i != j) if len(names) > 1 else 0
    return [
        {
            "name": names[i],
            "place": i,
            "cells": [(counts[i][j], _choose_shade(share, 1.0 if i == j else worst)) for j, share in enumerate(row)],
            "share": row[i] if totals[i] else None,
        }
        for i, row in enumerate(shares)
    ]


def _choose_shade(share: float, most: float) -> int:
    """Return 0 for none, then 1 up to the darkest.

    The root keeps small shares visible.
    """
    return math.ceil(_SHADES * math.sqrt(share / most)) if share else 0


def _list_confusions(names: Sequence[str], counts: Sequence[Sequence[int]]) -> list[dict[str, Any]]:
    """Return the commonest confusions, then those first in order of the classes."""
    pairs = [(-count, i, j) for i, row in enumerate(counts) for j, count in enumerate(row) if count and i != j]
    return [
        {"truth": names[i], "seen": names[j], "count": -negative_count}
        for negative_count, i, j in sorted(pairs)[:_NAMED]
    ]


def _read_bins(bin_rows: object) -> list[tuple[float, float, int]]:
    """Return confidence, accuracy and count of each bin that is one."""
    keys = ("confidence", "accuracy", "count")
    rows = [row for row in bin_rows if isinstance(row, Mapping)] if isinstance(bin_rows, list) else []
    bins = [[row.get(key) for key in keys] for row in rows]
    return [(x, y, n) for x, y, n in bins if _is_share(x) and _is_share(y) and type(n) is int]


def _is_share(value: object) -> TypeGuard[float]:
    return isinstance(value, int | float) and 0 <= value <= 1


SECTION = Section(page="model", fill=_fill, html=_HTML)
