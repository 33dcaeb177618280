"""A gallery that is about to be published: its files, and what its pages refer to."""

import functools
import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any, Literal, NamedTuple
from urllib.parse import unquote, urlsplit

_ADDRESSES = frozenset({"href", "src", "poster", "data"})  # attributes that hold an address
_FILE_RELATIONS = frozenset({"stylesheet", "icon"})  # links of a page's head that a browser loads
_FILES = {"img": "picture", "script": "script", "source": "source", "video": "source", "audio": "source"}
_TEXT_SUFFIXES = (".html", ".css", ".js", ".json", ".xml", ".md", ".txt", ".svg", ".sha256")


class Fault(NamedTuple):
    """What is wrong with a gallery, where, and what to do."""

    place: str  # a path in the gallery, or what it is about
    message: str


class Reference(NamedTuple):
    """An address that a page refers to, as it stands there."""

    address: str
    use: str  # link, picture, style, script, source, and `lazy` of what is loaded when it comes near
    relation: str = ""


@dataclass
class ParsedPage:
    """What the checks ask of a page."""

    references: list[Reference] = field(default_factory=list)
    names: set[str] = field(default_factory=set)  # the anchors in it
    nodes: int = 0
    pictures_without_alt: int = 0
    is_early: bool = False  # made while its models were still in training
    empty_frames: int = 0  # in place of models that do not hang yet


@dataclass(frozen=True)
class PublishedSite:
    """The files of a gallery by their path, and where they will stand."""

    files: Mapping[str, bytes]
    base_url: str = ""  # with a slash at its end; empty where nobody said
    labels: Sequence[str] = ()  # the laws by which its works are labelled

    @functools.cached_property
    def pages(self) -> Mapping[str, ParsedPage]:
        """Return every page, parsed."""
        return {path: parse_page(data.decode()) for path, data in self.files.items() if path.endswith(".html")}

    def list_records(self, kind: Literal["works", "models"]) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Yield the record of each work or model, with its path."""
        name = {"works": "/work.json", "models": "/model.json"}[kind]
        for path, data in self.files.items():
            if path.startswith(f"{kind}/") and path.endswith(name):
                yield path, json.loads(data)

    def list_texts(self) -> Iterator[tuple[str, str]]:
        """Yield the files that are text, with their path."""
        for path, data in self.files.items():
            if path.endswith(_TEXT_SUFFIXES):
                yield path, data.decode("utf-8", "replace")

    def find_file(self, page: str, address: str) -> str | None:
        """Return the path that an address on a page leads to.

        It is None where the address leads elsewhere, and empty where it leads out of the gallery.
        """
        if self.base_url and address.startswith(self.base_url):
            page, address = "index.html", address.removeprefix(self.base_url)
        parts = urlsplit(address)
        if parts.scheme or parts.netloc:
            return None
        folder = urlsplit(self.base_url).path
        if parts.path.startswith("/") and not (folder and parts.path.startswith(folder)):
            return ""
        path = unquote(parts.path)
        path = path.removeprefix(folder) if path.startswith("/") else posixpath.join(posixpath.dirname(page), path)
        target = posixpath.normpath(path) if parts.path else page
        if target.startswith(".."):
            return ""
        is_folder = target == "." or parts.path.endswith("/")
        return posixpath.normpath(posixpath.join(target, "index.html")) if is_folder else target


def parse_page(html: str) -> ParsedPage:
    """Return what a page refers to, and what its anchors are called."""
    parser = _PageParser()
    parser.feed(html)
    parser.close()
    return parser.page


class _PageParser(HTMLParser):
    """Collects the references of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.page = ParsedPage()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element refers to."""
        values = {name: value or "" for name, value in attrs}
        self.page.nodes += 1
        self.page.names |= {values[name] for name in ("id", "name") if values.get(name)}
        self.page.is_early |= tag == "body" and "data-early" in values
        self.page.empty_frames += "gap" in values.get("class", "").split()
        self.page.pictures_without_alt += tag == "img" and "alt" not in values
        self.page.references += _list_references(tag, values)


def _list_references(tag: str, values: Mapping[str, str]) -> Sequence[Reference]:
    relation = values.get("rel", "")
    is_style = tag == "link" and not _FILE_RELATIONS.isdisjoint(relation.split())
    use = "style" if is_style else _FILES.get(tag, "link")
    if values.get("loading") == "lazy" or values.get("preload") == "none":
        use = f"lazy {use}"
    listed = [values[name] for name in _ADDRESSES & values.keys()]
    copies = [copy.split()[0] for copy in values.get("srcset", "").split(",") if copy.strip()]
    if tag == "meta" and values.get("property") in {"og:url", "og:image"}:
        listed.append(values.get("content", ""))
    return [Reference(address, use, relation) for address in listed] + [
        Reference(address, "further copy") for address in copies
    ]
