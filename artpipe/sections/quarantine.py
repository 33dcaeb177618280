"""What was not taken into the collection and why, and that works were withdrawn."""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import DatasetView, Section

_HTML = """
<div class="read columns">
<div><h2>{{ _("Set aside") }}</h2>
<p class="aside">{{ _("Every input is kept or set aside with a reason; none is lost in silence.") }}</p></div>
<div>
{% if withdrawn %}
<p>{{ ngettext("One work was withdrawn. Nothing here shows it, and no model that hangs here learned from it.", "%(num)s works were withdrawn. Nothing here shows them, and no model that hangs here learned from them.", withdrawn | length) }}
<span class="quiet">{{ _("Since %(day)s", day=withdrawn | last) }}</span></p>
{% endif %}
{% if collection %}
{% if collection.quarantined %}
<ul class="tallies">{% for tally in collection.reasons %}<li><bdi>{{ tally.name | name }}</bdi><span class="count">{{ tally.count | number }}</span></li>
{% endfor %}</ul>
<details class="more"><summary>{{ _("The first %(n)s by name", n=collection.refusals | length) }}</summary>
<ul class="tallies">{% for one in collection.refusals %}<li><bdi>{{ one.name }}</bdi><span class="quiet"><bdi>{{ one.reason | name }}{% if one.detail %}{{ _(": ") }}{{ one.detail }}{% endif %}</bdi></span></li>
{% endfor %}</ul></details>
{% else %}<p>{{ _("Nothing was set aside: every input was kept.") }}</p>{% endif %}
{% if collection.notes %}
<h3 class="small">{{ _("Kept, with a note") }}</h3>
<ul class="tallies">{% for tally in collection.notes %}<li><bdi>{{ tally.name }}</bdi><span class="count">{{ tally.count | number }}</span></li>
{% endfor %}</ul>
{% endif %}
{% endif %}
</div>
</div>
"""


def _fill(view: DatasetView) -> Mapping[str, Any] | None:
    if not view.room.collection and not view.room.withdrawn:
        return None
    return {"collection": view.room.collection, "withdrawn": view.room.withdrawn}


SECTION = Section(page="dataset", fill=_fill, html=_HTML)
