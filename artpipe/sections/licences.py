"""Whose works these are, under which licences, and where they came from."""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import DatasetView, Section

_HTML = """
{% import "macros.html" as m with context %}
<div class="read columns even">
<div><h2>{{ _("Licence and attribution") }}</h2>
<dl class="facts-list">
<dt>{{ _("Licence") }}</dt><dd>{{ m.licences(view.room.licences) }}</dd>
<dt>{{ _("Creator") }}</dt><dd>{{ m.isolated(view.room.about.creator) }}</dd>
<dt>{{ _("Origin") }}</dt><dd>{{ m.origin(view.room.about.origin) }}</dd>
</dl>
{% if view.room.card %}<p><a href="{{ root ~ view.room.card.src }}" download="{{ view.room.name }}-card.md">{{ _("Dataset card") }}</a></p>
{% endif %}</div>
{% for heading, tallies in groups %}
<div><h2>{{ {"licences": _("Licences"), "creators": _("Creators"), "origins": _("Origins")}[heading] }}</h2>
<ul class="tallies">{% for tally in tallies %}<li>{{ m.licence(tally.name) if heading == "licences" else m.origin(tally.name) }}<span class="count">{{ tally.count | number }}</span></li>
{% endfor %}</ul></div>
{% endfor %}
</div>
{% if owners and not listed %}
<div class="read">
<h2>{{ _("Attribution") }}</h2>
<table class="credits">
<thead><tr><th scope="col">{{ _("Creator") }}</th><th scope="col">{{ _("Licence") }}</th><th scope="col">{{ _("Origin") }}</th><th scope="col">{{ _("Works") }}</th></tr></thead>
<tbody>
{% for row in owners[:rows] %}<tr><th scope="row">{{ m.isolated(row.creator) }}</th><td>{{ m.licence(row.licence) }}</td><td>{{ m.origin(row.origin) }}</td><td>{{ row.count | number }}</td></tr>
{% endfor %}
</tbody></table>
{% if owners | length > rows %}<p><a href="{{ root }}datasets/{{ view.room.name }}/attribution.txt">{{ ngettext("One more creator or source stands in the gallery's list.", "%(num)s more creators or sources stand in the gallery's list.", owners | length - rows) }}</a></p>{% endif %}
</div>
{% endif %}
{% if listed %}
<div class="read">
<h2>{{ _("Every work, whose it is and under which licence") }}</h2>
<table class="credits">
<thead><tr><th scope="col">{{ _("Work") }}</th><th scope="col">{{ _("Creator") }}</th><th scope="col">{{ _("Licence") }}</th><th scope="col">{{ _("Origin") }}</th></tr></thead>
<tbody>
{% for work in listed[:rows] %}<tr><th scope="row" dir="auto">{{ work.title or _("Untitled") }}</th><td>{{ m.isolated(work.creator) }}{% if work.year %}{{ _(", ") }}<bdi>{{ work.year }}</bdi>{% endif %}</td><td>{{ m.licence(work.licence) }}</td><td>{{ m.origin(work.origin) }}</td></tr>
{% endfor %}
</tbody></table>
{% if listed | length > rows %}<p><a href="{{ root }}datasets/{{ view.room.name }}/attribution.txt">{{ ngettext("One more work stands in the gallery's list.", "%(num)s more works stand in the gallery's list.", listed | length - rows) }}</a></p>{% endif %}
</div>
{% endif %}
{% if text %}
<details class="read attribution"><summary>{{ _("Attribution as a text to copy") }}</summary>
<pre class="mono" dir="auto" tabindex="0" data-copyable aria-label="{{ _("Attribution as a text to copy") }}">{{ text }}</pre>
<p><a href="attribution.txt" download="{{ view.room.name }}-attribution.txt">{{ _("The whole list as a file") }}</a></p>
</details>
{% endif %}
"""
_SHOWN_LINES, _SHOWN_ROWS = 200, 50  # of the text and of the tables; the file has all


def _fill(view: DatasetView) -> Mapping[str, Any] | None:
    collection, about = view.room.collection, view.room.about
    if collection is None and {about.licence, about.creator, about.origin} <= {"", "unknown"}:
        return None  # nothing is known before the first ingest, and that says nothing of the works
    if collection is None:
        return {"groups": [], "listed": [], "owners": [], "text": "", "rows": 0}
    lines = view.attribution.split("\n")
    text = "\n".join(lines[:_SHOWN_LINES] + ["\u2026"] * (len(lines) > _SHOWN_LINES))
    shared = {"owners": collection.attributions, "text": text, "rows": _SHOWN_ROWS}
    if collection.is_mixed and collection.works:
        return {"groups": [], "listed": collection.works, **shared}
    groups = [("licences", collection.licences), ("creators", collection.creators), ("origins", collection.origins)]
    return {"groups": [(heading, tallies) for heading, tallies in groups if len(tallies) > 1], "listed": [], **shared}


SECTION = Section(page="dataset", fill=_fill, html=_HTML)
