"""What went wrong, on a page of its own.

Works that are shown because they are wrong, works whose subject the feature extractor doubts, models that did not pass.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from artpipe.contracts.gallery_work import GalleryWork
from artpipe.contracts.section import Artist, GalleryPage, Museum, Section

_NOT_PASSED = frozenset({"failed", "weak"})
_FAILURE = "failure"  # the role of what a model shows because it was wrong
_DOUBTFUL = 0.5  # certainty of the feature extractor below which another class is as likely
_MAXIMUM_WORKS, _WORKS_PER_MODEL = 36, 6  # of each part of the page, and of each model in it

_HTML = """
{% import "macros.html" as m with context %}
{% macro plates(pairs) %}
<ul class="plates">
{% for artist, work in pairs %}<li><figure>{{ m.hung(work, artist, inline=true) }}<figcaption><span class="plate-title"{{ m.spoken(work.title) }}>{{ work.title }}</span><span class="quiet">{{ m.to_model(artist) }}</span></figcaption></figure></li>
{% endfor %}
</ul>
{% endmacro %}
<div class="head">
<p class="kicker">{{ _("What went wrong") }}</p>
<h1>{{ _("Failures") }}</h1>
<p class="lead">{{ _("A gallery that hangs only what it is proud of says little about its models. This is where they were wrong.") }}</p>
</div>
<div class="wall">
{% if wrong %}<h2>{{ _("Answers that were wrong") }}</h2>
<p class="note">{{ _("Works of the collections, and what a model took them for: the mistakes it was surest of.") }}</p>
{{ plates(wrong) }}{% endif %}
{% if doubtful %}<h2>{{ _("Works that are hard to read") }}</h2>
<p class="note">{{ _("The feature extractor gives less than even odds that they show what they should.") }}</p>
{{ plates(doubtful) }}{% endif %}
{% if failed %}<h2>{{ _("Models that did not pass") }}</h2>
{% for artist, works in failed %}
<p class="note">{{ m.to_model(artist) }}{{ _(": ") }}{{ m.standing(artist) }} {{ m.isolated(artist.report.verdict | sentence) }}</p>
{{ plates(works) }}{% endfor %}{% endif %}
{% if not (wrong or doubtful or failed) %}<p class="lead">{{ _("Nothing that hangs here failed its tests.") }}</p>{% endif %}
</div>
"""


@dataclass(frozen=True)
class FailuresView:
    """What the sections of the page of failures see."""

    museum: Museum
    title: str = "Failures"
    description: str = "Where the models were wrong, and which did not pass."


def list_pages(museum: Museum) -> Iterator[GalleryPage]:
    """Yield the page."""
    yield GalleryPage("failures/index.html", FailuresView(museum))


def _is_doubtful(artist: Artist, work: GalleryWork) -> bool:
    return artist.is_own(work) and 0 < work.certainty < _DOUBTFUL


def _fill(view: FailuresView) -> Mapping[str, Any]:
    """Choose the works; of a model that did not pass, none is named a second time."""
    artists = [artist for _, artist in view.museum.artists]
    failed = [artist for artist in artists if artist.report.verdict.grade in _NOT_PASSED]
    passed = [artist for artist in artists if artist.report.verdict.grade not in _NOT_PASSED]
    doubtful = [
        (artist, work)
        for artist in passed
        for work in [work for work in artist.works if _is_doubtful(artist, work)][:_WORKS_PER_MODEL]
    ]
    wrong = [(artist, work) for artist in artists for work in artist.works if work.role == _FAILURE]
    works_of_failed = [
        (artist, [(artist, work) for work in artist.works if work.role != _FAILURE][:_WORKS_PER_MODEL])
        for artist in failed
    ]
    return {
        "wrong": wrong[:_MAXIMUM_WORKS],
        "doubtful": sorted(doubtful, key=lambda pair: pair[1].certainty)[:_MAXIMUM_WORKS],
        "failed": works_of_failed[: _MAXIMUM_WORKS // _WORKS_PER_MODEL],
    }


SECTION: Section[FailuresView] = Section(
    page="failures", fill=_fill, html=_HTML, list_pages=list_pages, link="Failures"
)
