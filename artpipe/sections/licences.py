"""Whose works these are, under which licences, and where they came from."""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import DatasetView, Section

_HTML = """
{% import "macros.html" as m with context %}
<div class="read columns even">
<div><h2>{{ _("Licence and attribution") }}</h2>
<dl class="facts-list">
<dt>{{ _("Licence") }}</dt><dd>{{ m.isolated(view.room.about.licence) }}</dd>
<dt>{{ _("Creator") }}</dt><dd>{{ m.isolated(view.room.about.creator) }}</dd>
<dt>{{ _("Origin") }}</dt><dd>{{ m.isolated(view.room.about.origin) }}</dd>
</dl>
{% if view.room.card %}<p><a href="{{ root ~ view.room.card.src }}" download="{{ view.room.name }}-card.md">{{ _("Dataset card") }}</a></p>
{% endif %}</div>
{% for heading, tallies in groups %}
<div><h2>{{ {"licences": _("Licences"), "creators": _("Creators"), "origins": _("Origins")}[heading] }}</h2>
<ul class="tallies">{% for tally in tallies %}<li>{{ m.isolated(tally.name) }}<span class="count">{{ tally.count | number }}</span></li>
{% endfor %}</ul></div>
{% endfor %}
</div>
"""


def _fill(view: DatasetView) -> Mapping[str, Any]:
    collection = view.room.collection
    if collection is None:
        return {"groups": []}
    groups = [("licences", collection.licences), ("creators", collection.creators), ("origins", collection.origins)]
    return {"groups": [(heading, tallies) for heading, tallies in groups if len(tallies) > 1]}


SECTION = Section(page="dataset", fill=_fill, html=_HTML)
