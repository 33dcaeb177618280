"""The gallery in several languages: a folder of pages each, shared media.

The gallery's own language stands at its root, each other one in a folder called as the language.
"""

import posixpath
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from artpipe.config.params import Params
from artpipe.contracts.gallery_work import GalleryWork
from artpipe.contracts.section import Artist, Gap, Museum, Room
from artpipe.contracts.site_language import SiteLanguage
from artpipe.errors import UserError, did_you_mean
from artpipe.language.sentences import list_languages, load_sentences

_ADDRESSES = re.compile(r'\b(href|src|poster|srcset|data-live|data-pictures)="([^"]*)"')


def list_site_languages(params: Params) -> Sequence[SiteLanguage]:
    """Return the languages of the gallery, its own first.

    Raises:
        UserError: artpipe has no such language, and the project neither.
    """
    gallery, known = params.gallery, list_languages()
    codes = list(dict.fromkeys([gallery.language, *gallery.languages]))
    for code in codes:
        if code not in known:
            raise UserError(
                f"params.yaml: `gallery.languages`: there is no language `{code}`; there are: {', '.join(known)}"
                f"{did_you_mean(code, known)}. Another one is a file plugins/languages/{code}.json"
            )
    return [
        SiteLanguage(code, load_sentences(code).name or code, f"{code}/" if place else "")
        for place, code in enumerate(codes)
    ]


def choose_language(params: Params, language: str) -> Params:
    """Return the parameters of the same gallery in another language."""
    return params.model_copy(update={"gallery": params.gallery.model_copy(update={"language": language})})


def adopt_files(museum: Museum, original: Museum) -> Museum:
    """Return a museum in its own words with the files of the same one elsewhere.

    A file to take away is labelled and signed once; what does not hang in one language hangs in none.
    """
    rooms = {room.name: room for room in museum.rooms}
    adopted = [_adopt_room(rooms[room.name], room) for room in original.rooms]
    return replace(museum, rooms=adopted, credentials=original.credentials, languages=original.languages)


def _adopt_room(room: Room, original: Room) -> Room:
    artists = {artist.name: artist for artist in room.artists}
    titles = {**{gap.model: gap.title for gap in room.gaps}, **{name: artist.title for name, artist in artists.items()}}
    return replace(
        room,
        artists=[_adopt_artist(artists[artist.name], artist) for artist in original.artists],
        gaps=[Gap(gap.model, titles.get(gap.model, gap.title), gap.reason) for gap in original.gaps],
        card=original.card,
    )


def _adopt_artist(artist: Artist, original: Artist) -> Artist:
    works = {work.id: work for work in artist.works}
    return replace(artist, works=[_adopt_work(works[work.id], work) for work in original.works], card=original.card)


def _adopt_work(work: GalleryWork, original: GalleryWork) -> GalleryWork:
    return replace(work, media=original.media, parts=original.parts, offered=original.offered)


def share_files(files: Mapping[str, bytes], prefix: str) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a further language below its folder.

    Their links to whatever is not among them lead to the root.
    """
    for path, data in files.items():
        yield prefix + path, _share_links(path, data.decode(), files).encode() if path.endswith(".html") else data


def _share_links(path: str, html: str, own: Collection[str]) -> str:
    """Return a page whose links to files of all languages lead to the root."""
    home = "../" * (path.count("/") + 1)

    def share_address(address: str) -> str:
        bare = re.split("[?#]", address)[0]
        if not bare or re.match(r"[a-z][a-z0-9+.-]*:|/", bare):
            return address
        target = posixpath.normpath(posixpath.join(posixpath.dirname(path), bare))
        return address if target in own or target.startswith("..") else home + target + address[len(bare) :]

    def share_attribute(match: re.Match[str]) -> str:
        name, value = match.groups()
        if name != "srcset":
            return f'{name}="{share_address(value)}"'
        copies = (copy.strip().partition(" ") for copy in value.split(","))
        return f'{name}="{", ".join(f"{share_address(address)} {width}" for address, _, width in copies)}"'

    return _ADDRESSES.sub(share_attribute, html)
