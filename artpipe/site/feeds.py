"""The newest works as feeds: JSON Feed 1.1 and Atom (RFC 4287).

Where the gallery's address is not known, addresses in them are relative to the feed.
"""

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from artpipe.contracts.gallery_work import GalleryWork
from artpipe.contracts.generation_facts import (
    GENERATION_LABELS,
    SOURCE_TYPES,
    format_moment,
    is_by_trained_model,
)
from artpipe.contracts.section import Artist, Museum, Room
from artpipe.language.sentences import make_sentence

_MAXIMUM_WORKS = 60  # in a feed, the newest
_WORKS_PER_MODEL = 12  # so that a model with a thousand works leaves room for others


class FeedEntry(NamedTuple):
    """A work as an entry of a feed."""

    room: Room
    artist: Artist
    work: GalleryWork

    @property
    def id(self) -> str:
        """Return a name that is another one when a training made the work anew."""
        return uuid.uuid5(uuid.NAMESPACE_URL, f"{self.artist.run.checkpoint}/{self.work.id}").urn

    @property
    def path(self) -> str:
        """Return the path of its page."""
        return f"works/{self.work.id}/index.html"

    @property
    def date(self) -> str:
        """Return the end of its training, in the form of RFC 3339."""
        return format_moment(self.artist.run.ended)


def make_feeds(museum: Museum, pages: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield `feed.json` and `feed.xml`."""
    del pages
    entries = _choose_entries(museum)
    yield "feed.json", _make_json_feed(museum, entries)
    yield "feed.xml", _make_atom_feed(museum, entries)


def _choose_entries(museum: Museum) -> Sequence[FeedEntry]:
    newest = sorted(museum.artists, key=lambda pair: (-int(pair[1].run.ended), pair[1].name))
    entries = [FeedEntry(room, artist, work) for room, artist in newest for work in artist.works[:_WORKS_PER_MODEL]]
    return entries[:_MAXIMUM_WORKS]


def _show_work(museum: Museum, entry: FeedEntry) -> Markup:
    """Return a work as a reader of feeds shows it, with its label."""
    label = _describe_generation(museum, entry)
    return _show_content(museum, entry) + (Markup("<p>{}</p>").format(label) if label else Markup(""))


def _show_content(museum: Museum, entry: FeedEntry) -> Markup:
    work, base, media = entry.work, museum.pages_address, museum.media_address
    if work.text:
        return Markup("<p>{}</p>").format(Markup("<br>").join(work.text.split("\n")))
    shown = Markup("")
    if work.face:
        image = Markup('<p><a href="{}"><img src="{}" width="{}" height="{}" alt="{}"></a></p>')
        shown += image.format(base + entry.path, media + work.face.src, work.face.width, work.face.height, work.title)
    if work.kind == "audio" and work.media:
        shown += Markup('<p><audio controls src="{}"></audio></p>').format(media + (work.media.light or work.media).src)
    return shown + Markup("<p>{}, {}</p>").format(entry.artist.title, entry.room.title)


def _describe_generation(museum: Museum, entry: FeedEntry) -> str:
    """Return the label that the law asks for, as the work's page has it.

    Empty where none is asked for.
    """
    if not museum.labels:
        return ""
    source_type = entry.artist.source_type(entry.work)
    mark = " AI生成" if "cn" in museum.labels and is_by_trained_model(source_type) else ""
    return make_sentence(GENERATION_LABELS[source_type], museum.language) + mark


def _make_json_feed(museum: Museum, entries: Sequence[FeedEntry]) -> bytes:
    base = museum.pages_address
    feed: dict[str, Any] = {
        "version": "https://jsonfeed.org/version/1.1",
        "title": museum.title,
        "description": museum.subtitle,
        "language": museum.here.tag,
        "home_page_url": f"{base}index.html",
        "feed_url": f"{base}feed.json",
        "items": [_make_item(museum, entry) for entry in entries],
    }
    return (json.dumps(feed, ensure_ascii=False, indent=1) + "\n").encode()


def _make_item(museum: Museum, entry: FeedEntry) -> Mapping[str, Any]:
    work, artist, base, shared = entry.work, entry.artist, museum.pages_address, museum.media_address
    item: dict[str, Any] = {
        "id": entry.id,
        "url": base + entry.path,
        "title": work.title,
        "content_html": str(_show_work(museum, entry)),
        "date_published": entry.date,
        "authors": [{"name": artist.title, "url": f"{base}models/{artist.name}/index.html"}],
        "tags": [entry.room.title],
        "_artpipe": {
            "record": f"{shared}works/{work.id}/work.json",
            "model": artist.name,
            "seed": work.seed,
            "digital_source_type": f"{SOURCE_TYPES}{artist.source_type(work)}",
        },
    }
    return {**item, "image": shared + work.face.src} if work.face else item


def _make_atom_feed(museum: Museum, entries: Sequence[FeedEntry]) -> bytes:
    base, language = museum.pages_address, museum.here.tag
    name = uuid.uuid5(uuid.NAMESPACE_URL, base or museum.title).urn
    updated = entries[0].date if entries else "1970-01-01T00:00:00Z"
    head = Markup(
        '<?xml version="1.0" encoding="UTF-8"?>\n<feed xmlns="http://www.w3.org/2005/Atom" xml:lang="{}">\n'
        "<title>{}</title>\n<subtitle>{}</subtitle>\n<id>{}</id>\n<updated>{}</updated>\n"
        '<link href="{}"/>\n<link rel="self" href="{}"/>\n'
    ).format(language, museum.title, museum.subtitle, name, updated, f"{base}index.html", f"{base}feed.xml")
    lines = [str(head), *(_make_atom_entry(museum, entry) for entry in entries), "</feed>\n"]
    return "".join(lines).encode()


def _make_atom_entry(museum: Museum, entry: FeedEntry) -> str:
    author = f"{museum.pages_address}models/{entry.artist.name}/index.html"
    html = escape(str(_show_work(museum, entry)))
    source_type = entry.artist.source_type(entry.work)
    label = make_sentence(GENERATION_LABELS[source_type], museum.language)
    return str(
        Markup(
            '<entry>\n<title>{}</title>\n<id>{}</id>\n<updated>{}</updated>\n<link href="{}"/>\n'
            '<author><name>{}</name><uri>{}</uri></author>\n<category term="{}"/>\n<category scheme="{}" term="{}" label="{}"/>\n<content type="html">{}</content>\n</entry>\n'
        ).format(
            entry.work.title, entry.id, entry.date, museum.pages_address + entry.path, entry.artist.title, author,
            entry.room.title, SOURCE_TYPES, source_type, label, html,
        )
    )  # fmt: skip
