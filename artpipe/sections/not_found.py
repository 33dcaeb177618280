"""The page of an address where nothing hangs: `404.html`.

Web servers look for that name. It answers at any depth, so its links begin at the folder where the gallery is published, if that is known.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from artpipe.contracts.section import GalleryPage, Museum, Section, fill_nothing

_HTML = """
<div class="entrance lost">
<div>
<p class="kicker">404</p>
<h1>{{ _("An empty frame") }}</h1>
<p class="lead">{{ _("Nothing hangs at this address: the work was taken down, or the address has a slip of the pen.") }}</p>
<p><a href="{{ root }}index.html">{{ _("To the entrance") }}</a></p>
{% for word, kind in links %}<p><a href="{{ root }}{{ kind }}/index.html">{{ _(word) }}</a></p>
{% endfor %}</div>
<span class="frame empty" aria-hidden="true"></span>
</div>
"""


@dataclass(frozen=True)
class NotFoundView:
    """What the page of a wrong address sees."""

    museum: Museum
    title: str = "An empty frame"
    description: str = "Nothing hangs at this address."


def list_pages(museum: Museum) -> Iterator[GalleryPage]:
    """Yield the page."""
    folder = re.sub(r"^https?://[^/]+", "", museum.base_url)
    yield GalleryPage("404.html", NotFoundView(museum), root=folder, is_single=True)


SECTION: Section[NotFoundView] = Section(page="not_found", fill=fill_nothing, html=_HTML, list_pages=list_pages)
