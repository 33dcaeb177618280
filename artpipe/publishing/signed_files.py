"""Sign the works that a gallery offers to take away: pictures, films and sounds.

A picture hangs as a small file; its original, as the model made it, is the one to take. Films and sounds are signed as
they play.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from artpipe import __version__
from artpipe.artifacts import paths
from artpipe.artifacts.report import SavedExhibit
from artpipe.contracts.gallery_work import GalleryWork, Media
from artpipe.contracts.generation_facts import GenerationFacts, SourceType
from artpipe.contracts.plugin_info import WallText
from artpipe.contracts.section import Artist, GalleryCredentials, Museum, Room
from artpipe.credentials.file_cache import FileCache
from artpipe.credentials.media_signing import MediaSigner
from artpipe.credentials.media_types import MEDIA_TYPES
from artpipe.credentials.signing_identity import FOLDER, SigningIdentity
from artpipe.language.message import WRITTEN
from artpipe.site.loader import name_works, require_inside
from artpipe.site.media_files import MediaStore, read_verified

CERTIFICATES = "provenance/certificates.pem"


class SignedFiles:
    """Collects the signed files of one rendering, path in the gallery to bytes."""

    def __init__(self, root: Path, identity: SigningIdentity, media: MediaStore) -> None:
        self.files: dict[str, bytes] = {CERTIFICATES: identity.chain}
        self._cache = FileCache(root / FOLDER / "files")
        self._root, self._media, self._signer = root, media, MediaSigner(identity, self._cache)
        self._count, self._unsigned = 0, set[str]()

    def sign_museum(self, museum: Museum) -> Museum:
        """Return the museum whose works have their signed file.

        Raises:
            CorruptError: a file does not verify after it was signed.
        """
        rooms = tuple(
            replace(room, artists=tuple(self._sign_artist(room, artist) for artist in room.artists))
            for room in museum.rooms
        )
        self._cache.forget_unused()
        identity = self._signer.identity
        credentials = GalleryCredentials(
            CERTIFICATES,
            identity.subject,
            identity.fingerprint,
            identity.until,
            identity.is_own,
            self._count,
            tuple(sorted(self._unsigned)),
        )
        return replace(museum, rooms=rooms, credentials=credentials)

    def _sign_artist(self, room: Room, artist: Artist) -> Artist:
        exhibits = dict(name_works(artist.name, artist.report))
        works = tuple(self._sign_work(room, artist, work, exhibits[work.id]) for work in artist.works)
        return replace(artist, works=works)

    def _sign_work(self, room: Room, artist: Artist, work: GalleryWork, exhibit: SavedExhibit) -> GalleryWork:
        facts = make_facts(room, artist, work, exhibit)
        if work.media is None:
            return work
        if work.kind != "image":
            media, parts = self._sign_played(work.media, work.id, facts), work.parts
            if work.kind == "video":
                films = {
                    name: self._sign_played(film, work.id, facts)
                    for name, film in work.parts.items()
                    if name in work.films
                }
                parts = {**parts, **films}
            return replace(work, media=media, parts=parts, signed=media if media is not work.media else None)
        suffix = Path(exhibit.file).suffix.lower()
        if not self._can_sign(suffix):
            return work
        original = require_inside(self._root / paths.report(artist.name), exhibit.file)
        src = f"works/{work.id}/{work.id}{suffix}"
        data = self._sign(read_verified(original, exhibit.sha256), suffix, facts, work.id)
        self.files[src] = data
        return replace(work, signed=Media(src, size=len(data)))

    def _sign_played(self, media: Media, name: str, facts: GenerationFacts) -> Media:
        suffix = Path(media.src).suffix
        if not self._can_sign(suffix):
            return media
        data = self._sign(self._media.files[media.src], suffix, facts, name)
        return replace(media, src=self._media.add_document(data, suffix).src, size=len(data))

    def _can_sign(self, suffix: str) -> bool:
        if suffix not in MEDIA_TYPES:
            self._unsigned.add(suffix.removeprefix("."))
        return suffix in MEDIA_TYPES

    def _sign(self, data: bytes, suffix: str, facts: GenerationFacts, name: str) -> bytes:
        self._count += 1
        return self._signer.sign(data, suffix, facts, name + suffix)


def make_facts(room: Room, artist: Artist, work: GalleryWork, exhibit: SavedExhibit) -> GenerationFacts:
    """Return what the file of a work says of itself."""
    report, run = artist.report, artist.run
    return GenerationFacts(
        title=work.title,
        source_type=choose_source_type(artist.wall_texts, work),
        model=artist.name,
        kind=artist.kind,
        artpipe=__version__,
        dataset=room.name,
        dataset_sha256=report.shards,
        checkpoint=run.checkpoint,
        step=artist.step,
        run=run.run_id,
        commit=run.commit,
        dirty=run.dirty,
        seed=work.seed,
        prompt=" ".join(_list_prompts(exhibit)),
        sources=work.sources,
        shares=work.shares,
    )


def choose_source_type(wall_texts: Mapping[str, WallText], work: GalleryWork) -> SourceType:
    """Return what IPTC calls a work: as its kind declares, else by whether it was made of given works."""
    text = wall_texts.get(work.role, WallText(heading=work.role))
    if text.source_type:
        return text.source_type
    return "compositeWithTrainedAlgorithmicMedia" if text.given or work.sources else "trainedAlgorithmicMedia"


def _list_prompts(exhibit: SavedExhibit) -> Iterator[str]:
    """Yield the words a sample was asked for; a class is none."""
    if exhibit.role == "sample" and exhibit.caption.code == WRITTEN:
        yield from map(str, exhibit.caption.values.values())
