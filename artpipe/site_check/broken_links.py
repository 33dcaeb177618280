"""Follow every link from the entrance: each leads to a file, each page is reached."""

import json
import re
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

from artpipe.site_check.published_site import Fault, ParsedPage, PublishedSite, Reference

_ELSEWHERE = frozenset({"http", "https", "mailto", "data"})  # schemes that may stand on a page
_STYLE_FILE = re.compile(r"""url\(\s*["']?([^"')]+)["']?\s*\)""")
_FEED_ADDRESS = re.compile(r"<loc>([^<]+)</loc>|<link[^>]* href=\"([^\"]+)\"")
_IIIF_FILES = ("manifest.json", "collection.json")
_SERVED = frozenset({"Manifest", "Collection", "Image", "Sound", "Video", "Text", "Dataset", "ImageService3"})
_UNLINKED = frozenset({"404.html"})  # web servers ask for it by name


def check_links(site: PublishedSite) -> Iterator[Fault]:
    """Yield links that lead nowhere, and pages that nothing leads to."""
    for path, page in site.pages.items():
        for reference in dict.fromkeys(page.references):
            if message := _find_problem(site, path, page, reference):
                yield Fault(path, message)
    yield from _check_other_files(site)
    reached = _crawl(site)
    for path in sorted(site.pages.keys() - reached - _UNLINKED):
        yield Fault(path, "no link from the entrance leads here")


def _find_problem(site: PublishedSite, path: str, page: ParsedPage, reference: Reference) -> str:
    """Return what is wrong with a link, empty where nothing is."""
    address, parts = reference.address, urlsplit(reference.address)
    if parts.scheme and parts.scheme not in _ELSEWHERE:
        return (
            f"`{address[:80]}` works on this machine only"
            if parts.scheme == "file"
            else f"`{address[:80]}` is no address of a page"
        )
    if parts.netloc and not parts.scheme:
        return f"`{address[:80]}` begins with `//`, which no file on a disk understands"
    target = site.find_file(path, address)
    if target is None:
        return ""
    if not target:
        return f"`{address[:80]}` leads out of the gallery"
    if target not in site.files:
        return f"`{address[:80]}` leads nowhere: there is no {target}"
    anchor = unquote(parts.fragment)
    named = page if target == path else site.pages.get(target)
    # `#q=...` is no anchor: a script of the page reads it.
    return (
        f"`{address[:80]}`: there is no such place on {target}"
        if anchor and named and "=" not in anchor and anchor not in named.names
        else ""
    )


def _check_other_files(site: PublishedSite) -> Iterator[Fault]:
    for path, address in _list_other_addresses(site):
        target = site.find_file(path, address)
        if target is not None and target not in site.files:
            yield Fault(path, f"`{address[:80]}` leads nowhere")


def _list_other_addresses(site: PublishedSite) -> Iterator[tuple[str, str]]:
    """Yield the addresses in styles, feeds and the site map, with their file."""
    for path, text in site.list_texts():
        if path.endswith(".css"):
            yield from ((path, address) for address in _STYLE_FILE.findall(text))
        elif path.endswith(".xml"):
            yield from ((path, first or second) for first, second in _FEED_ADDRESS.findall(text))
        elif path.endswith(_IIIF_FILES):
            yield from ((path, address) for address in _list_served(json.loads(text)))
        elif path == "feed.json":
            for item in json.loads(text)["items"]:
                yield from ((path, item[name]) for name in ("url", "image") if name in item)


def _list_served(value: object) -> Iterator[str]:
    """Yield the addresses of what is served in a IIIF manifest or collection."""
    if isinstance(value, list):
        for item in value:
            yield from _list_served(item)
    elif isinstance(value, dict):
        if value.get("type") in _SERVED:
            yield value["id"] + ("/info.json" if value["type"] == "ImageService3" else "")
        yield from _list_served([*value.values()])


def _crawl(site: PublishedSite) -> set[str]:
    """Return the pages that links lead to from the entrance, however many."""
    reached, waiting = {"index.html"}, ["index.html"]
    while waiting:
        path = waiting.pop()
        references = site.pages[path].references if path in site.pages else ()
        targets = {
            target for one in references if (target := site.find_file(path, one.address)) in site.pages and target
        }
        waiting += sorted(targets - reached)
        reached |= targets
    return reached
