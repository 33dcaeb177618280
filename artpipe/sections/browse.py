"""Every work that hangs, in pages; with JavaScript also filtered and searched.

The pages list all works. Beside them lies an index in shards, classic scripts that the theme's browse.js loads when a
visitor looks for something; what is looked for stands in the address, behind `#`.
"""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from artpipe.contracts.gallery_work import GalleryWork
from artpipe.contracts.section import Artist, GalleryPage, Museum, Room, Section

_WORKS_PER_PAGE = 24
_WORKS_PER_SHARD = 500
_WORDS_CHARACTERS = 240  # of captions and texts that a work is found by
_TEXT_LINES, _LINE_CHARACTERS = 6, 80  # of a text that hangs among others

_HTML = """
{% import "macros.html" as m with context %}
<div class="head">
<p class="kicker">{% if view.pages > 1 %}{{ _("Page %(n)s of %(all)s", n=view.number, all=view.pages) }}{% else %}{{ _("All works") }}{% endif %}</p>
<h1>{{ _("Browse") }}</h1>
<p class="lead">{{ _("%(works)s %(by)s.", works=ngettext("One work", "%(num)s works", view.total), by=ngettext("by one model", "by %(num)s models", view.museum.artists | length)) }}</p>
</div>
<div class="wall browse" data-browse data-shards="{{ view.shards }}" data-root="{{ root }}" data-media-root="{{ media_root }}" data-alt="{{ _('%(title)s, by %(model)s', title='{title}', model='{model}') }}" data-per-page="{{ per_page }}">
<form class="finder" role="search">
<label class="field words"><span>{{ _("Search in titles, captions and texts") }}</span><input type="search" name="q" autocomplete="off" spellcheck="false"></label>
<label class="field"><span>{{ _("Collection") }}</span><select name="dataset"><option value="">{{ _("all") }}</option>{% for room in view.museum.rooms if room.artists %}<option value="{{ room.name }}">{{ room.title }}</option>{% endfor %}</select></label>
<label class="field"><span>{{ _("Model") }}</span><select name="model"><option value="">{{ _("all") }}</option></select><template>{% for model in models %}<option value="{{ model.artist.name }}" data-dataset="{{ model.room.name }}" data-grade="{{ model.artist.report.verdict.grade }}" data-epoch="{{ model.epoch }}">{{ model.artist.title }}</option>{% endfor %}</template></label>
<label class="field"><span>{{ _("Class") }}</span><select name="class"><option value="">{{ _("all") }}</option></select><template>{% for dataset, name in classes %}<option value="{{ name }}" data-dataset="{{ dataset }}">{{ name | name }}</option>{% endfor %}</template></label>
<label class="field"><span>{{ _("Epoch") }}</span><select name="epoch"><option value="">{{ _("all") }}</option>{% for epoch in epochs %}<option value="{{ epoch }}">{{ epoch | float | number }}</option>{% endfor %}</select></label>
<label class="field"><span>{{ _("Grade of the model") }}</span><select name="grade"><option value="">{{ _("all") }}</option>{% for grade in grades %}<option value="{{ grade }}">{{ _(grade) }}</option>{% endfor %}</select></label>
<p class="answer"><span role="status" data-one="{{ _('One work') }}" data-many="{{ _('%(num)s works', num='{n}') }}" data-none="{{ _('No work is like that.') }}" data-missing="{{ _('A part of the works could not be loaded.') }}"></span> <button class="button quiet-button" type="reset">{{ _("Show all works again") }}</button></p>
</form>
<ul class="plates" tabindex="-1">
{% for artist, work in works %}
<li><figure>{{ m.hung(work, artist, inline=true, eager=loop.index <= 4) }}<figcaption><span class="plate-title"{{ m.spoken(work.title) }}>{{ work.title }}</span><span class="quiet"><bdi>{{ artist.title }}</bdi></span></figcaption></figure></li>
{% endfor %}
</ul>
<nav class="turn" aria-label="{{ _('Pages') }}" data-previous="{{ _('Previous page') }}" data-next="{{ _('Next page') }}">
{% if view.number > 1 %}<a class="previous" rel="prev" href="{{ root }}{{ address(view.number - 1) }}"><span aria-hidden="true">\u2039</span> {{ _("Previous page") }}</a>{% endif %}
{% if view.number < view.pages %}<a class="next" rel="next" href="{{ root }}{{ address(view.number + 1) }}">{{ _("Next page") }} <span aria-hidden="true">\u203a</span></a>{% endif %}
</nav>
{% if view.pages > 1 %}<p class="numbers">{% for number in numbers %}{% if number == view.number %}<span aria-current="page">{{ number }}</span>{% elif number %}<a href="{{ root }}{{ address(number) }}">{{ number }}</a>{% else %}<span>\u2026</span>{% endif %} {% endfor %}</p>{% endif %}
</div>
"""


class HungWork(NamedTuple):
    """A work with its model and room."""

    room: Room
    artist: Artist
    work: GalleryWork


class BrowsedModel(NamedTuple):
    """A model as its works are filtered by it."""

    room: Room
    artist: Artist
    epoch: str  # of its works, empty where it counts none


@dataclass(frozen=True)
class BrowseView:
    """What the sections of a page of works see."""

    museum: Museum
    works: Sequence[HungWork]  # of this page
    number: int  # from 1
    pages: int
    total: int
    shards: int
    title: str = "Browse"
    description: str = "Every work that hangs, to be searched by words, collection, model, class, epoch and grade."


def _list_works(museum: Museum) -> list[HungWork]:
    return [HungWork(room, artist, work) for room, artist in museum.artists for work in artist.works]


def list_pages(museum: Museum) -> Iterator[GalleryPage]:
    """Yield the pages of all works, the shards of the index beside the first."""
    works = _list_works(museum)
    pages = max(1, math.ceil(len(works) / _WORKS_PER_PAGE))
    shards = [works[start : start + _WORKS_PER_SHARD] for start in range(0, len(works), _WORKS_PER_SHARD)]
    models = {artist.name: number for number, (_, artist) in enumerate(museum.artists)}
    files = {f"browse/works-{number}.js": _make_shard(number, shard, models) for number, shard in enumerate(shards)}
    for number in range(1, pages + 1):
        shown = works[(number - 1) * _WORKS_PER_PAGE : number * _WORKS_PER_PAGE]
        view = BrowseView(museum, shown, number, pages, len(works), len(shards))
        yield GalleryPage(_address(number), view, files=files if number == 1 else {})


def _address(number: int) -> str:
    return "browse/index.html" if number == 1 else f"browse/page-{number}/index.html"


def _make_shard(number: int, works: Sequence[HungWork], models: Mapping[str, int]) -> bytes:
    """Return a script that hands a part of the index to browse.js."""
    rows = [_make_row(hung, models[hung.artist.name]) for hung in works]
    return f"artpipeWorks({number},{json.dumps(rows, ensure_ascii=False, separators=(',', ':'))});\n".encode()


def _make_row(hung: HungWork, model: int) -> list[Any]:
    """Return what filters ask of a work, and what its place needs.

    Page, title, model, class, words; picture, width, height, how it is enlarged (0 as a photograph, 1 in squares, 2 softly), kind; first lines of a text.
    """
    work, picture = hung.work, hung.work.face and (hung.work.face.small or hung.work.face)
    lines = [line[:_LINE_CHARACTERS] for line in work.text.split("\n")[:_TEXT_LINES]] if work.text else []
    shown = (
        [picture.src, picture.width, picture.height, picture.exact + (picture.exact and picture.is_soft)]
        if picture
        else ["", 0, 0, 0]
    )
    return [work.id, work.title, model, _find_class(hung), _collect_words(work), *shown, work.kind, "\n".join(lines)]


def _collect_words(work: GalleryWork) -> str:
    """Return what a work is found by beside its title.

    Its title in other languages, captions, the text itself.
    """
    of_sources = (words for source in work.sources for words in (source.title, source.caption))
    words = dict.fromkeys([*work.other_titles, *of_sources, *work.caption_names, " ".join(work.text.split())])
    return " ".join(filter(None, words))[:_WORDS_CHARACTERS]


def _find_class(hung: HungWork) -> str:
    """Return the class that a work shows, empty where its caption names none."""
    labels = {tally.name for tally in hung.room.collection.labels} if hung.room.collection else set()
    return next((name for name in hung.work.caption_names if name in labels), "")


def _count_epochs(artist: Artist) -> str:
    """Return how often a model had seen its training works, empty if unknown."""
    works, batch = artist.run.works, artist.params.get("batch_size")
    if not isinstance(batch, int) or not works or not artist.learns:
        return ""
    return f"{artist.step * batch / works:.3g}"


def _list_numbers(number: int, pages: int) -> list[int]:
    """Return the pages that are linked: ends, those around, and 0 for a gap."""
    near = sorted({1, pages, *range(max(1, number - 2), min(pages, number + 2) + 1)})
    gaps = zip(near, [*near[1:], near[-1] + 1], strict=True)
    return [shown for page, following in gaps for shown in ([page] if following == page + 1 else [page, 0])]


def _fill(view: BrowseView) -> Mapping[str, Any] | None:
    models = [BrowsedModel(room, artist, _count_epochs(artist)) for room, artist in view.museum.artists]
    labels = [(room.name, tally.name) for room in view.museum.rooms if room.artists and room.collection
              for tally in room.collection.labels if tally.name != "others"]  # fmt: skip
    return {
        "address": _address,
        "works": [(hung.artist, hung.work) for hung in view.works],
        "models": models,
        "classes": labels,
        "epochs": sorted({model.epoch for model in models} - {""}, key=float),
        "grades": list(dict.fromkeys(model.artist.report.verdict.grade for model in models)),
        "numbers": _list_numbers(view.number, view.pages),
        "per_page": _WORKS_PER_PAGE,
    }


SECTION: Section[BrowseView] = Section(
    page="browse", fill=_fill, html=_HTML, scripts=("browse.js",), list_pages=list_pages, link="Browse"
)
