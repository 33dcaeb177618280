"""From the picture back to everything it came from."""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import Section, WorkView

_HTML = """
{% import "macros.html" as m with context %}
<div class="read columns">
<div><h2>{{ _("Where it comes from") }}</h2>
<p class="aside">{% if view.artist.run.commit and not view.artist.run.dirty %}{{ _("Read upwards: with these the same work can be made again.") }}{% else %}{{ _("Read upwards. No commit holds the code it was made with.") }}{% endif %}</p></div>
<ol class="chain">
<li><span class="caps">{{ _("Collection") }}</span><span>{{ m.to_room(view.room) }}{% if view.room.collection %}{{ _(", ") }}{{ _("%(n)s works", n=view.room.collection.kept | number) }}{% endif %}<br><span class="quiet">{{ ngettext("Licence %(licence)s; data %(hash)s", "Licences %(licence)s; data %(hash)s", view.room.licences | length, licence=m.licences(view.room.licences), hash=m.mono(view.artist.report.shards)) }}</span></span></li>
<li><span class="caps">{{ _("Model") }}</span><span>{{ m.to_model(view.artist) }}{{ _(", ") }}{{ m.kind(view.artist) | lower }}<br><span class="quiet">{% if view.artist.run.commit %}{{ _("code at commit %(hash)s", hash=m.mono(view.artist.run.commit)) }}{% else %}{{ _("code in no commit") }}{% endif %}{% if view.artist.run.dirty %} {{ _("with changes") }}{% endif %}</span></span></li>
<li><span class="caps">{{ _("Training") if view.artist.learns else _("Making") }}</span><span>{{ _("Step %(n)s of %(all)s", n=view.artist.step | number, all=view.artist.run.steps | number) }}{% if epochs %}{{ _(", ") }}{{ _("epoch %(n)s", n=epochs | number) }}{% endif %}{{ _("; ") }}{{ view.artist.run.started | date }}<br><span class="quiet">{{ _("run %(hash)s", hash=m.mono(view.artist.run.run_id)) }}</span></span></li>
<li><span class="caps">{{ _("Checkpoint") }}</span><span>{{ m.mono(view.artist.run.checkpoint) }}</span></li>
<li><span class="caps">{{ _("This work") }}</span><span>{% if view.work.seed is not none %}{{ _("Seed %(n)s", n=view.work.seed) }}{% else %}{% if view.work.sources %}{{ _("No seed: made from the works named above") }}{% else %}{{ _("No seed of its own") }}{% endif %}{% endif %}<br><span class="quiet mono">{{ view.work.id }}</span>{{ _(", ") }}<a href="work.json">{{ _("as JSON") }}</a>{% if museum.base_url and view.work.face %}{{ _(", ") }}<a href="manifest.json">{{ _("as a IIIF manifest") }}</a>{% endif %}{% if view.work.media %}<br><span class="quiet">{{ _("SHA-256 of the file: %(hash)s", hash=m.mono(view.work.media.sha256)) }}</span>{% endif %}</span></li>
</ol>
</div>
"""


def _fill(view: WorkView) -> Mapping[str, Any]:
    """Count epochs of the training split, where its size is recorded."""
    works, batch = view.artist.run.works, view.artist.params.get("batch_size")
    if not isinstance(batch, int) or not works or not view.artist.learns:
        return {"epochs": None}
    return {"epochs": view.artist.step * batch / works}


SECTION = Section(page="work", fill=_fill, html=_HTML)
