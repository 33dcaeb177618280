"""The site map of a published gallery (sitemaps.org), for search engines."""

from collections.abc import Iterator, Sequence

from markupsafe import escape

from artpipe.contracts.section import Museum

_PAGES_PER_FILE = 50_000  # the protocol's limit
_NAMESPACE = "http://www.sitemaps.org/schemas/sitemap/0.9"


def page_address(museum: Museum, path: str) -> str:
    """Return the published address of a page; an index is called by its folder."""
    folder = path.removesuffix("index.html")
    return museum.base_url + (folder if folder == "" or folder.endswith("/") else path)


def make_site_map(museum: Museum, pages: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield `sitemap.xml`, and its parts where one file may not hold all pages.

    One in the gallery's own language names the pages of all.
    """
    if not museum.base_url or museum.here.prefix:
        return
    addresses = [
        page_address(museum, one.prefix + path)
        for one in museum.languages or [museum.here]
        for path in pages
        if path != "404.html"
    ]
    parts = [addresses[start : start + _PAGES_PER_FILE] for start in range(0, len(addresses), _PAGES_PER_FILE)]
    if len(parts) == 1:
        yield "sitemap.xml", _encode("urlset", "url", parts[0])
        return
    names = [f"sitemap-{number}.xml" for number in range(1, len(parts) + 1)]
    yield "sitemap.xml", _encode("sitemapindex", "sitemap", [museum.base_url + name for name in names])
    for name, part in zip(names, parts, strict=True):
        yield name, _encode("urlset", "url", part)


def _encode(root: str, entry: str, addresses: Sequence[str]) -> bytes:
    lines = [f"<{entry}><loc>{escape(address)}</loc></{entry}>" for address in addresses]
    head = f'<?xml version="1.0" encoding="UTF-8"?>\n<{root} xmlns="{_NAMESPACE}">'
    return "\n".join([head, *lines, f"</{root}>\n"]).encode()
