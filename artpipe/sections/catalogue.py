"""The whole gallery as a book, to be read, printed, or saved as a PDF.

Title page, contents, a chapter for each room with its plates, indices, the works learned from, the colophon. Plates are
numbered through, and contents and indices refer to these numbers. A long one has a page for each chapter, and all of it
on one page for the printer.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from artpipe.contracts.section import Artist, GalleryPage, Museum, Room, Section
from artpipe.site.catalogue_plates import WHOLE_SIDE, Chapter, Plate, arrange_chapters

_SHOWN_LINES = 22  # of a text, so that no plate is longer than a page
_SHOWN_OWNERS, _SHOWN_WORKS = 60, 200  # of a collection that are listed, by creator or one by one

# Plates, or works learned from, beyond which chapters have pages of their own.
_ONE_PAGE_PLATES, _ONE_PAGE_ROWS = 48, 60
_FRONT_ROWS = 80  # of works learned from, all rooms together, where they have

BookPart = Literal["whole", "front", "chapter"]

_HTML = """
{% import "macros.html" as m with context %}
{% macro range(part) %}{% if part.first == part.last %}{{ _("Plate %(n)s", n=part.first) }}{% else %}{{ _("Plates %(first)s\u2013%(last)s", first=part.first, last=part.last) }}{% endif %}{% endmacro %}
{% macro show(artist, plate) %}{% set work = plate.work %}
<li{% if plate.is_whole %} class="whole"{% endif %} id="plate-{{ plate.number }}"><figure>
{% if work.face %}<a class="pictured" href="{{ root }}works/{{ work.id }}/index.html">{{ m.picture(work.face, m.alt(work, artist)) }}</a>
{% elif work.kind == "text" %}{{ m.sheet(work.text, lines) }}
{% endif %}
<figcaption><span class="plate-number">{{ plate.number }}</span> <a{{ m.spoken(work.title) }} class="plate-title" href="{{ root }}works/{{ work.id }}/index.html">{{ work.title }}</a>
<span class="quiet"><bdi>{{ artist.title }}</bdi>{% if work.seed is not none %}{{ _(", ") }}{{ _("seed %(n)s", n=work.seed) }}{% endif %}{% if work.kind == "image" and work.media.width %}{{ _("; ") }}{{ work.media.width }}&thinsp;&times;&thinsp;{{ work.media.height }} {{ _("pixels") }}{% elif work.media and work.media.seconds %}{{ _("; ") }}{{ work.media.seconds | duration }}{% elif work.kind == "text" %}{{ _("; ") }}{{ ngettext("One line", "%(num)s lines", work.text.split("\\n") | length) }}{% endif %}</span>
{% if museum.labels %}<span class="ai-label">{{ m.ai_label(artist, work) }}</span>{% endif %}</figcaption>
</figure></li>
{% endmacro %}
{% macro chapter_page(room) %}{{ root }}catalogue/rooms/{{ room.name }}/index.html{% endmacro %}
{% macro place(room, anchor) %}{{ chapter_page(room) if view.part == "front" else "" }}#{{ anchor }}{% endmacro %}
<article class="book">
{% if view.part == "chapter" %}
<header class="running"><p class="kicker"><bdi>{{ museum.title }}</bdi></p>
<h1><a href="{{ root }}catalogue/index.html">{{ _("Catalogue") }}</a></h1></header>
{% else %}
<header class="title-page">
<p class="kicker">{{ _("Catalogue") }}</p>
<h1 dir="auto">{{ museum.title | unbroken }}</h1>
{% if museum.subtitle %}<p class="lead" dir="auto">{{ museum.subtitle }}</p>{% endif %}
{% if cover %}<div class="cover">{{ m.picture(cover.work.face, m.alt(cover.work, cover.artist), eager=true) }}</div>
<p class="quiet">{{ _("Plate %(n)s", n=cover.number) }}{{ _(": ") }}{{ m.named(cover.work.title) }}{{ _(", ") }}<bdi>{{ cover.artist.title }}</bdi></p>{% endif %}
<p class="imprint"><bdi>{{ museum.publisher or museum.title }}</bdi>{% if newest %}<br>{{ newest | date }}{% endif %}</p>
</header>
<nav class="contents" aria-label="{{ _('Contents') }}">
<h2>{{ _("Contents") }}</h2>
<ol>
{% for chapter in chapters %}<li><a href="{{ chapter_page(chapter.room) if view.part == "front" else "#room-" ~ chapter.room.name }}"><span class="entry"><span class="numeral">{{ chapter.room.number | roman }}</span> <bdi>{{ chapter.room.title }}</bdi></span><span class="leader"></span><span class="pages">{{ range(chapter) }}</span></a>
<p class="quiet">{% for part in chapter.parts %}<bdi>{{ part.artist.title }}</bdi>{{ _("; ") if not loop.last }}{% endfor %}</p></li>
{% endfor %}
{% if view.part == "whole" %}<li><a href="#index-of-works"><span class="entry">{{ _("Index of works") }}</span></a></li>
{% endif %}<li><a href="#index-of-models"><span class="entry">{{ _("Index of models") }}</span></a></li>
<li><a href="#learned-from"><span class="entry">{{ _("Works learned from") }}</span></a></li>
<li><a href="#colophon"><span class="entry">{{ _("Colophon") }}</span></a></li>
</ol>
<p class="quiet">{% if shown == total %}{{ ngettext("One work is shown.", "All %(num)s works are shown.", total) }}{% else %}{{ _("%(shown)s of %(total)s works are shown; all of them hang in the gallery.", shown=shown | number, total=total | number) }}{% endif %}</p>
<p class="quiet on-screen">{% if view.part == "front" %}<a href="{{ root }}catalogue/print/index.html">{{ _("The whole catalogue on one page, for the printer or a PDF") }}</a>{% else %}{{ _("Set for A4 paper: print this page, or save it as a PDF.") }}{% endif %}</p>
</nav>
{% endif %}
{% for chapter in opened %}
{% set room = chapter.room %}
<section class="chapter room-{{ room.number }}" aria-labelledby="room-{{ room.name }}">
<div class="essay">
<p class="kicker">{{ m.room(room) }}</p>
<h2 id="room-{{ room.name }}" dir="auto"><a href="{{ root }}datasets/{{ room.name }}/index.html">{{ room.title | unbroken }}</a></h2>
{% if room.about.description %}<p dir="auto">{{ room.about.description | clean(600) }}</p>{% endif %}
{% if room.collection %}
{% set works = _("%(n)s works", n=room.collection.kept | number) %}
{% if room.collection.kinds > 1 %}{% set works = _("%(works)s of %(n)s kinds", works=works, n=room.collection.kinds) %}{% endif %}
{% if room.about.creator != "unknown" %}{% set works = _("%(works)s by %(creator)s", works=works, creator=m.isolated(room.about.creator)) %}{% endif %}
<p>{{ ngettext("%(works)s; licence %(licence)s.", "%(works)s; licences %(licence)s.", room.licences | length, works=works, licence=m.licences(room.licences)) }}</p>
{% endif %}
<p>{{ ngettext("The works of one model follow.", "The works of %(num)s models follow.", chapter.parts | length) }}</p>
</div>
{% for part in chapter.parts %}
<section class="model" aria-labelledby="model-{{ part.artist.name }}">
<div class="essay">
<h3 id="model-{{ part.artist.name }}" dir="auto"><a href="{{ root }}models/{{ part.artist.name }}/index.html">{{ part.artist.title | unbroken }}</a></h3>
<p>{% if part.artist.learns %}{{ _("%(kind)s, trained on %(collection)s for %(steps)s steps, in %(time)s of one core.", kind=m.kind(part.artist), collection=m.to_room(room), steps=part.artist.run.steps | number, time=part.artist.run.core_seconds | duration) }}{% else %}{{ _("%(kind)s, made from %(collection)s in %(steps)s steps, in %(time)s of one core.", kind=m.kind(part.artist), collection=m.to_room(room), steps=part.artist.run.steps | number, time=part.artist.run.core_seconds | duration) }}{% endif %}</p>
<p>{{ m.grade(part.artist.report.verdict) }} {{ m.isolated(part.artist.report.verdict | sentence) }}</p>
</div>
{% for group in part.groups %}
<h4>{{ _(group.text.heading) if group.text else group.role | plain }}</h4>
{% if group.text and group.text.note %}<p class="plates-note">{{ _(group.text.note) }}</p>{% endif %}
<ul class="book-plates {{ group.layout }}">
{% for one in group.plates %}{{ show(part.artist, one) }}{% endfor %}
</ul>
{% endfor %}
</section>
{% endfor %}
</section>
{% endfor %}
{% if titles or view.part != "chapter" %}
<section class="chapter back"{% if titles %} aria-labelledby="index-of-works"{% else %} aria-labelledby="index-of-models"{% endif %}>
{% if titles or view.part == "whole" %}<h2 id="index-of-works">{{ _("Index of works") }}</h2>
<ul class="index">
{% for title, artist, numbers in titles %}<li><span class="entry">{{ m.named(title) }}{{ _(", ") }}<span class="quiet"><bdi>{{ artist.title }}</bdi></span></span> <span class="pages">{% for number in numbers %}<a href="#plate-{{ number }}">{{ number }}</a>{{ _(", ") if not loop.last }}{% endfor %}</span></li>
{% endfor %}
</ul>
{% endif %}{% if view.part != "chapter" %}<h2 id="index-of-models">{{ _("Index of models") }}</h2>
<ul class="index models">
{% for chapter in chapters %}{% for part in chapter.parts %}<li><span class="entry"><bdi>{{ part.artist.title }}</bdi>{{ _(", ") }}<span class="quiet">{{ m.kind(part.artist) }}{{ _("; ") }}{{ ngettext("One work", "%(num)s works", part.artist.works | length) }}{{ _("; ") }}{{ m.grade(part.artist.report.verdict) }}</span></span> <a class="pages" href="{{ place(chapter.room, "model-" ~ part.artist.name) }}">{{ range(part) }}</a></li>
{% endfor %}{% endfor %}
</ul>
{% endif %}</section>
{% endif %}
{% if view.part == "chapter" %}
<nav class="turn" aria-label="{{ _('Pages') }}">
{% if before %}<a class="previous" rel="prev" href="{{ chapter_page(before.room) }}"><span aria-hidden="true">\u2039</span> <bdi>{{ before.room.title }}</bdi></a>{% endif %}
{% if after %}<a class="next" rel="next" href="{{ chapter_page(after.room) }}"><bdi>{{ after.room.title }}</bdi> <span aria-hidden="true">\u203a</span></a>{% endif %}
</nav>
{% else %}
<section class="chapter back" aria-labelledby="learned-from">
<h2 id="learned-from">{{ _("Works learned from") }}</h2>
{% for room, listed, owners, others in learned %}
<h3 dir="auto">{{ room.title | unbroken }}</h3>
{% if listed or owners %}<table class="credits">
<thead><tr><th scope="col">{{ _("Work") if listed else _("Creator") }}</th><th scope="col">{{ _("Creator") if listed else _("Works") }}</th><th scope="col">{{ _("Licence") }}</th><th scope="col">{{ _("Origin") }}</th></tr></thead>
<tbody>
{% for work in listed %}<tr><th scope="row" dir="auto">{{ work.title or _("Untitled") }}</th><td>{{ m.isolated(work.creator) }}{% if work.year %}{{ _(", ") }}<bdi>{{ work.year }}</bdi>{% endif %}</td><td>{{ m.licence(work.licence) }}</td><td>{{ m.origin(work.origin) }}</td></tr>
{% endfor %}
{% for row in owners %}<tr><th scope="row">{{ m.isolated(row.creator) }}</th><td>{{ row.count | number }}</td><td>{{ m.licence(row.licence) }}</td><td>{{ m.origin(row.origin) }}</td></tr>
{% endfor %}
</tbody></table>
{% if others %}<p><a href="{{ root }}datasets/{{ room.name }}/attribution.txt">{{ ngettext("One more creator or source stands in the gallery's list.", "%(num)s more creators or sources stand in the gallery's list.", others) }}</a></p>{% endif %}
{% else %}<p>{{ m.no_record(room) }}</p>
{% endif %}{% endfor %}
</section>
<section class="chapter back colophon-page" aria-labelledby="colophon">
<h2 id="colophon">{{ _("Colophon") }}</h2>
<dl class="facts-list">
{% if versions %}<dt>{{ _("Made with") }}</dt><dd>artpipe {{ versions | join(_(", ")) }}</dd>
{% endif %}{% if commits %}<dt>{{ _("Code, commit") }}</dt><dd>{% for commit in commits %}{{ m.mono(commit) }}{% if not loop.last %}<br>{% endif %}{% endfor %}</dd>
{% endif %}{% for room, shards in datasets %}<dt>{{ _("Data, SHA-256") }}<br><bdi>{{ room.title }}</bdi></dt><dd>{% for sha256 in shards %}{{ m.mono(sha256) }}{% if not loop.last %}<br>{% endif %}{% endfor %}</dd>
{% endfor %}{% if museum.credentials %}<dt>{{ _("Certificate, SHA-256") }}</dt><dd>{{ m.mono(museum.credentials.fingerprint) }}</dd>
{% endif %}{% if museum.base_url %}<dt>{{ _("Address") }}</dt><dd><a class="address" href="{{ root }}index.html">{{ museum.base_url }}</a></dd>
{% endif %}</dl>
{% if museum.labels %}<p class="ai-label">{{ _("This gallery shows what AI models generated; each work says so on its label.") }}{% if "cn" in museum.labels %} <span lang="zh">本馆作品由人工智能生成</span>{% endif %}</p>
{% endif %}<p>{{ _("The works on the walls were made by models. Works of the collections stand beside them, or within them, and are named. Every label is taken from the record of how a work was made.") }}</p>
</section>
{% endif %}
</article>
"""


@dataclass(frozen=True)
class CatalogueView:
    """What the sections of the catalogue see."""

    museum: Museum
    part: BookPart = "whole"
    room: str = ""  # of the chapter
    heading: str = ""  # its title
    title: str = "Catalogue"
    description: str = "The whole gallery as a book, to be read, printed, or saved as a PDF."


def list_pages(museum: Museum) -> Iterator[GalleryPage]:
    """Yield the pages; beside the first a stylesheet with the running heads."""
    chapters, files = arrange_chapters(museum), {"catalogue/heads.css": _make_heads(museum)}
    rows = sum(len(works) + len(owners) for _, works, owners, _ in map(_list_learned, _list_rooms(chapters)))
    if len(_list_plates(chapters)) <= _ONE_PAGE_PLATES and rows <= _ONE_PAGE_ROWS:
        yield GalleryPage("catalogue/index.html", CatalogueView(museum), files=files)
        return
    yield GalleryPage("catalogue/index.html", CatalogueView(museum, "front"), files=files)
    for chapter in chapters:
        name, heading = chapter.room.name, chapter.room.title
        yield GalleryPage(f"catalogue/rooms/{name}/index.html", CatalogueView(museum, "chapter", name, heading))
    yield GalleryPage("catalogue/print/index.html", CatalogueView(museum))


def _make_heads(museum: Museum) -> bytes:
    """Return the rules that print the gallery's title and the chapter's on each page."""
    rules = [f"@page {{ @top-left {{ content: {_quote(museum.title)}; }} }}"]
    for room in museum.rooms:
        rules.append(f".room-{room.number} {{ page: room-{room.number}; }}")
        rules.append(f"@page room-{room.number} {{ @top-right {{ content: {_quote(room.title)}; }} }}")
    rules.append("@page front { @top-left { content: none; } }")
    return ("\n".join(rules) + "\n").encode()


def _quote(text: str) -> str:
    """Return a string of CSS: all but letters, digits and spaces is escaped."""
    return '"' + re.sub(r"[^\w ]", lambda match: f"\\{ord(match[0]):x} ", text) + '"'


def _list_rooms(chapters: Sequence[Chapter]) -> list[Room]:
    return [chapter.room for chapter in chapters]


def _list_plates(chapters: Sequence[Chapter]) -> list[Plate]:
    return [one for chapter in chapters for part in chapter.parts for group in part.groups for one in group.plates]


def _choose_cover(plates: Sequence[Plate]) -> Plate | None:
    """Return the plate of the title page: large, in colour, of a model that passed."""
    return max((plate for plate in plates if plate.work.face), key=_rank_cover, default=None)


def _rank_cover(plate: Plate) -> tuple[bool, bool, bool, int, float]:
    artist, work, face = plate.artist, plate.work, plate.work.face
    if face is None:
        return (False, False, False, 0, 0.0)
    is_passing, side = artist.report.verdict.is_passing, min(face.width, face.height, WHOLE_SIDE)
    return (work.kind == "image", is_passing, face.colour, side, work.merit)


def _list_titles(plates: Sequence[Plate]) -> list[tuple[str, Artist, list[int]]]:
    """Return titles in alphabetical order with the numbers of their plates."""
    numbers: dict[tuple[str, str], tuple[Artist, list[int]]] = {}
    for plate in plates:
        numbers.setdefault((plate.work.title, plate.artist.name), (plate.artist, []))[1].append(plate.number)
    ordered = sorted(numbers.items(), key=lambda item: (item[0][0].casefold(), item[1][1]))
    return [(title, artist, found) for (title, _), (artist, found) in ordered]


def _list_learned(
    room: Room, most_owners: int = _SHOWN_OWNERS, most_works: int = _SHOWN_WORKS
) -> tuple[Room, Sequence[Any], Sequence[Any], int]:
    """Return a collection's works or its creators, and how many more there are."""
    collection = room.collection
    if collection is None:
        return room, (), (), 0
    if collection.is_mixed and 0 < len(collection.works) <= most_works:
        return room, collection.works, (), 0
    owners = collection.attributions
    return room, (), owners[:most_owners], max(0, len(owners) - most_owners)


def _fill(view: CatalogueView) -> Mapping[str, Any]:
    museum = view.museum
    chapters = arrange_chapters(museum)
    names = [chapter.room.name for chapter in chapters]
    here = names.index(view.room) if view.room else 0
    opened = {"whole": chapters, "front": [], "chapter": chapters[here : here + 1]}[view.part]
    plates, runs = _list_plates(chapters), [artist.run for _, artist in museum.artists]
    rows = [max(1, _FRONT_ROWS // max(1, len(chapters)))] * 2 if view.part == "front" else []
    return {
        "chapters": chapters,
        "opened": opened,
        "before": chapters[here - 1] if here else None,
        "after": chapters[here + 1] if here + 1 < len(chapters) else None,
        "cover": _choose_cover(plates),
        "newest": max((run.ended for run in runs), default=0),
        "shown": len(plates),
        "total": sum(len(artist.works) for _, artist in museum.artists),
        "lines": _SHOWN_LINES,
        "titles": _list_titles(_list_plates(opened)),
        "learned": [_list_learned(room, *rows) for room in _list_rooms(chapters)],
        "versions": sorted({run.versions["artpipe"] for run in runs if "artpipe" in run.versions}),
        "commits": sorted({run.commit for run in runs if run.commit}),
        "datasets": [
            (room, sorted({artist.report.shards for artist in room.artists})) for room in museum.rooms if room.artists
        ],
    }


SECTION: Section[CatalogueView] = Section(
    page="catalogue", fill=_fill, html=_HTML, list_pages=list_pages, link="Catalogue"
)
