"""The entrance: the gallery's title, its numbers, and one featured work."""

from collections.abc import Mapping
from typing import Any

from artpipe.contracts.section import Artist, IndexView, Room, Section
from artpipe.contracts.works import Work

_CERTAIN = 0.9  # certainty of the feature extractor from which on works are as sure as each other
_LARGE_ENOUGH = 128  # pixels of the shorter side; beyond, larger is no better

_HTML = """
{% import "macros.html" as m with context %}
<div class="entrance">
<div>
<h1 dir="auto">{{ view.museum.title }}</h1>
{% if view.museum.subtitle %}<p class="lead" dir="auto">{{ view.museum.subtitle }}</p>{% endif %}
<p class="facts">
{% set made, by = ngettext("One work", "%(num)s works", works), ngettext("by one model", "by %(num)s models", artists) %}
{% set after = ngettext("after one collection", "after %(num)s collections", rooms) %}
{% if real %}{% set after = _("%(after)s of %(n)s works", after=after, n=real | number) %}{% endif %}
{{ _("%(works)s %(by)s, %(after)s.", works=made, by=by, after=after) }}
{{ _("Every label names the seed, the training and the collection a work comes from.") }}
</p>
</div>
{% if featured %}
<div class="featured">
<a class="hung" href="{{ root }}works/{{ featured.id }}/index.html"><span class="frame{{ ' frame-' ~ featured.kind if featured.kind != 'image' }}">{{ m.picture(featured.face, m.alt(featured, artist), eager=true) }}</span></a>
<div class="label">
<h2{{ m.spoken(featured.title) }}><a href="{{ root }}works/{{ featured.id }}/index.html"><em>{{ featured.title }}</em></a></h2>
<p>{{ m.to_model(artist) }}{{ _(", ") }}{{ m.kind(artist) | lower }}<br>
{{ _("after %(collection)s", collection=m.to_room(room)) }}</p>
<p>{{ m.standing(artist) }}</p>
</div>
</div>
{% endif %}
</div>
"""


def _choose_featured(view: IndexView) -> tuple[Room, Artist, Work] | None:
    """Choose the most attractive work of a healthy model that has a picture."""
    candidates = [
        (room, artist, work)
        for room in view.museum.rooms
        for artist in room.artists
        for work in artist.works
        if work.face and artist.is_own(work)
    ]
    healthy = [candidate for candidate in candidates if candidate[1].report.verdict.verdict == "healthy"]
    return max(healthy or candidates, key=lambda candidate: _rank_work(candidate[2]), default=None)


def _rank_work(work: Work) -> tuple[bool, bool, bool, int, float]:
    """Return the ranking key of a work, compared first to last.

    A work its feature extractor doubts comes after a sure one; one not judged counts as sure.
    """
    face = work.face
    if face is None:
        return (False, False, False, 0, 0.0)
    is_certain = not 0 < work.certainty < _CERTAIN
    return (is_certain, work.kind == "image", face.colour, min(face.width, face.height, _LARGE_ENOUGH), work.certainty)


def _fill(view: IndexView) -> Mapping[str, Any]:
    room, artist, work = _choose_featured(view) or (None, None, None)
    artists = [artist for room in view.museum.rooms for artist in room.artists]
    return {
        "works": sum(len(artist.works) for artist in artists),
        "artists": len(artists),
        "rooms": sum(not room.ahead for room in view.museum.rooms),
        "real": sum(room.collection.kept for room in view.museum.rooms if room.collection),
        "room": room,
        "artist": artist,
        "featured": work,
    }


SECTION = Section(page="index", fill=_fill, html=_HTML)
