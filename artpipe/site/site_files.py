"""Files of a gallery that are no pages: feeds and the site map."""

from collections.abc import Callable, Iterator, Sequence

from artpipe.contracts.section import Museum
from artpipe.site.feeds import make_feeds
from artpipe.site.site_map import make_site_map

# Each takes the museum and the paths of its pages, and yields files by their path in the gallery.
_MAKERS: Sequence[Callable[[Museum, Sequence[str]], Iterator[tuple[str, bytes]]]] = (make_feeds, make_site_map)


def make_site_files(museum: Museum, pages: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield every such file with its path."""
    for make_files in _MAKERS:
        yield from make_files(museum, pages)
