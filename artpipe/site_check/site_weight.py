"""Weigh a gallery: what its entrance loads at first, and what hosts refuse."""

from collections.abc import Iterator

from artpipe.site_check.published_site import Fault, PublishedSite
from artpipe.system.units import format_size

_MOST_REQUESTS, _MOST_BYTES, _MOST_NODES = 40, 500_000, 1500  # of the first view
_MOST_FILE_BYTES = 100 << 20  # that GitHub takes
_MOST_SITE_BYTES = 1 << 30  # that GitHub Pages serves
_FIRST_USES = frozenset({"picture", "style", "script"})


def check_weight(site: PublishedSite) -> Iterator[Fault]:
    """Yield what is heavier than a visitor, or a usual host, will bear."""
    requests, size, nodes = weigh_first_view(site)
    if requests > _MOST_REQUESTS or size > _MOST_BYTES or nodes > _MOST_NODES:
        yield Fault(
            "index.html",
            f"the first view takes {requests} requests, {format_size(size)} and {nodes} nodes; at most {_MOST_REQUESTS},"
            f" {format_size(_MOST_BYTES)} and {_MOST_NODES} open quickly",
        )
    for path, data in site.files.items():
        if len(data) > _MOST_FILE_BYTES:
            yield Fault(path, f"{format_size(len(data))}; GitHub takes no file over {format_size(_MOST_FILE_BYTES)}")
    total = sum(map(len, site.files.values()))
    if total > _MOST_SITE_BYTES:
        yield Fault("the gallery", f"{format_size(total)} in all; GitHub Pages serves {format_size(_MOST_SITE_BYTES)}")


def weigh_first_view(site: PublishedSite) -> tuple[int, int, int]:
    """Return the requests, bytes and nodes of the entrance before anybody scrolls."""
    page = site.pages["index.html"]
    targets = {
        target
        for reference in page.references
        if reference.use in _FIRST_USES and (target := site.find_file("index.html", reference.address))
    }
    loaded = [site.files["index.html"], *(site.files[target] for target in targets if target in site.files)]
    return len(loaded), sum(map(len, loaded)), page.nodes
