"""The entrance: the gallery's title, its numbers, and one featured work."""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import IndexView, Section

_HTML = """
{% import "macros.html" as m with context %}
<div class="entrance" data-key="entrance">
<div>
<h1 dir="auto">{{ view.museum.title | unbroken }}</h1>
{% if view.museum.subtitle %}<p class="lead" dir="auto">{{ view.museum.subtitle }}</p>{% endif %}
<p class="facts">
{% if view.museum.run and not works %}
{{ _("Nothing hangs yet. The first works come in about %(time)s; this page fills by itself where it is served, and when it is loaded again where it is a file.", time=first | roughly) }}
{% else %}
{% set made, by = ngettext("One work", "%(num)s works", works), ngettext("by one model", "by %(num)s models", artists) %}
{% set after = ngettext("after one collection", "after %(num)s collections", rooms) %}
{% if real %}{% set after = _("%(after)s of %(n)s works", after=after, n=real | number) %}{% endif %}
{{ _("%(works)s %(by)s, %(after)s.", works=made, by=by, after=after) }}
{%- if works %}{{ _(" ") }}{{ _("The page behind each frame names the collection, the training and the checkpoint that a work comes from.") }}{% endif %}
{% endif %}
</p>
</div>
{% if featured %}
<div class="featured">
<a class="hung" href="{{ root }}works/{{ featured.id }}/index.html"><span class="frame{{ ' frame-' ~ featured.kind if featured.kind != 'image' }}">{{ m.picture(featured.face, m.alt(featured, artist), eager=true) }}</span></a>
<div class="label">
<h2{{ m.spoken(featured.title) }}><a href="{{ root }}works/{{ featured.id }}/index.html"><em>{{ featured.title }}</em></a></h2>
<p>{{ m.to_model(artist) }}{{ _(", ") }}{{ m.kind(artist) | lower }}<br>
{{ _("after %(collection)s", collection=m.to_room(room)) }}</p>
<p>{{ _("Grade of the model") }}{{ _(": ") }}{{ m.standing(artist) }}</p>
</div>
</div>
{% elif easel %}
<div class="featured">
<span class="frame">{{ m.picture(easel.sheet, _("what %(model)s makes so far", model=making.title), eager=true) }}</span>
<div class="label">
<h2 dir="auto"><em>{{ making.title }}</em></h2>
<p>{{ m.doing(easel) }}</p>
<p>{{ m.when(easel) }}</p>
</div>
</div>
{% elif view.museum.run %}
<div class="featured"><span class="frame empty" aria-hidden="true"></span></div>
{% endif %}
</div>
"""


def _fill(view: IndexView) -> Mapping[str, Any]:
    room, artist, work = view.featured or (None, None, None)
    artists = [artist for room in view.museum.rooms for artist in room.artists]
    activities = view.museum.run.activities if view.museum.run else {}
    made = view.museum.run.most_to_see() if view.museum.run else ""
    making = next((gap for room in view.museum.rooms for gap in room.gaps if gap.model == made), None)
    return {
        "first": min((one.seconds_left for one in activities.values() if one.doing != "failed"), default=0.0),
        "making": making,
        "easel": activities[making.model] if making else None,
        "works": sum(len(artist.works) for artist in artists),
        "artists": len(artists),
        "rooms": sum(not room.is_not_started for room in view.museum.rooms),
        "real": sum(room.collection.kept for room in view.museum.rooms if room.collection),
        "room": room,
        "artist": artist,
        "featured": work,
    }


SECTION = Section(page="index", fill=_fill, html=_HTML)
