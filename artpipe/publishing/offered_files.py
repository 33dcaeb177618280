"""Label and sign the pictures, films and sounds that a gallery offers.

A picture hangs as a small file; its original, as the model made it, is the one to take. Films and sounds are labelled
and signed as they play.
"""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from artpipe import __version__
from artpipe.ai_labels.file_labels import find_suffix, hash_labelling, is_marked, label_file, label_metadata
from artpipe.ai_labels.visible_marks import mark_picture
from artpipe.artifacts import paths
from artpipe.artifacts.report import SavedExhibit
from artpipe.config.params import GalleryParams
from artpipe.contracts.gallery_work import SAMPLE, GalleryWork, Media
from artpipe.contracts.generation_facts import GenerationFacts, format_moment
from artpipe.contracts.section import Artist, GalleryCredentials, Gap, Museum, Room
from artpipe.credentials.media_signing import MediaSigner
from artpipe.credentials.media_types import MEDIA_TYPES
from artpipe.credentials.signing_identity import FOLDER, SigningIdentity
from artpipe.errors import CorruptError
from artpipe.language.message import WRITTEN
from artpipe.publishing.iiif import make_iiif_files
from artpipe.publishing.iiif_images import make_image_service
from artpipe.site.loader import name_works, require_inside
from artpipe.site.media_files import MediaStore, read_verified
from artpipe.system.file_cache import FileCache
from artpipe.system.hashing import sha256_bytes
from artpipe.system.plain_text import to_printable

CERTIFICATES = "provenance/certificates.pem"
_VIEW = ".jpg"  # the form of a picture for viewers


class OfferedFiles:
    """Collects the files to take away of one rendering, path in the gallery to bytes."""

    def __init__(self, root: Path, gallery: GalleryParams, identity: SigningIdentity | None, media: MediaStore) -> None:
        self.files: dict[str, bytes] = {CERTIFICATES: identity.chain} if identity else {}
        self._root, self._gallery, self._media = root, gallery, media
        self._cache = FileCache(root / FOLDER / "files")
        self._signer = MediaSigner(identity, self._cache) if identity else None
        self._count, self._unsigned = 0, set[str]()

    def prepare_museum(self, museum: Museum) -> Museum:
        """Return the museum whose works have their file to take away.

        A model with a file that cannot be labelled or signed does not hang: it is a gap, and a line on stderr says why.
        """
        if not self._signer and not self._gallery.labels:
            return museum
        return replace(museum, rooms=tuple(map(self._prepare_room, museum.rooms)))

    def add_iiif_files(self, museum: Museum) -> None:
        """Add manifests and pictures for viewers, where the museum has an address."""
        self.files |= dict(make_iiif_files(museum, self._make_service))

    def finish(self, museum: Museum) -> Museum:
        """Return the museum that says how many files are signed.

        What earlier renderings made is forgotten.
        """
        if self._signer or self._gallery.labels:
            self._cache.forget_unused()
        return replace(museum, credentials=self._describe_credentials())

    def _make_service(
        self, address: str, room: Room, artist: Artist, work: GalleryWork
    ) -> tuple[tuple[int, int], Mapping[str, bytes]] | None:
        """Return a picture's size and its image service; None where there is no picture.

        Each whole picture is labelled and signed, a tile is labelled. Where people have to see a mark, it is in the picture.
        """
        picture = self._media.files.get(work.face.src) if work.face else None
        if picture is None:
            return None
        facts, keep = make_facts(room, artist, work, "", self._gallery), self._media.keep
        if is_marked(facts, self._gallery.labels):
            unmarked = picture
            picture = keep(lambda: mark_picture(unmarked), unmarked, hash_labelling().encode())
        size, files = make_image_service(address, picture, keep)
        return size, {path: self._seal_view(path, data, facts, work.id) for path, data in files.items()}

    def _seal_view(self, path: str, data: bytes, facts: GenerationFacts, name: str) -> bytes:
        """Return a file of an image service with its labels, a whole picture signed."""
        if not path.endswith(_VIEW):
            return data
        labelled = self._label_view(data, facts)
        if not self._signer or not path.startswith("full/"):
            return labelled
        self._count += 1
        return self._signer.sign(labelled, _VIEW, facts, f"{name}{_VIEW}")

    def _label_view(self, data: bytes, facts: GenerationFacts) -> bytes:
        labels = self._gallery.labels
        parts = [data, repr((facts, labels)).encode(), hash_labelling().encode()]
        return self._cache.get_or_make(parts, lambda: label_metadata(data, _VIEW, facts, labels)) if labels else data

    def _prepare_room(self, room: Room) -> Room:
        artists, gaps = list[Artist](), list(room.gaps)
        for artist in room.artists:
            try:
                artists.append(self._prepare_artist(room, artist))
            except CorruptError as error:
                sys.stderr.write(f"{artist.name}: {to_printable(str(error))}\n")
                gaps.append(Gap(artist.name, artist.title, "damaged"))
        return replace(room, artists=tuple(artists), gaps=tuple(gaps))

    def _describe_credentials(self) -> GalleryCredentials | None:
        if not self._signer:
            return None
        identity = self._signer.identity
        return GalleryCredentials(
            CERTIFICATES,
            identity.subject,
            identity.fingerprint,
            identity.until,
            identity.is_own,
            self._count,
            tuple(sorted(self._unsigned)),
        )

    def _prepare_artist(self, room: Room, artist: Artist) -> Artist:
        exhibits = dict(name_works(artist.name, artist.report))
        works = tuple(self._prepare_work(room, artist, work, exhibits.get(work.id)) for work in artist.works)
        return replace(artist, works=works)

    def _prepare_work(self, room: Room, artist: Artist, work: GalleryWork, exhibit: SavedExhibit | None) -> GalleryWork:
        if work.media is None:
            return work
        facts = make_facts(room, artist, work, _join_prompts(exhibit) if exhibit else "", self._gallery)
        if work.kind != "image":
            return self._prepare_played(work, work.media, facts)
        suffix = Path(exhibit.file if exhibit else work.media.src).suffix.lower()
        if not self._can_offer(suffix):
            return work
        if exhibit:
            file = require_inside(self._root / paths.report(artist.name), exhibit.file)
            original = read_verified(file, exhibit.sha256)
        else:  # bred: no report has it
            original = self._media.files[work.media.src]
        data, suffix = self._make(original, suffix, facts, work.id)
        src = f"works/{work.id}/{work.id}{suffix}"
        self.files[src] = data
        return replace(work, offered=Media(src, size=len(data), sha256=sha256_bytes(data)))

    def _prepare_played(self, work: GalleryWork, media: Media, facts: GenerationFacts) -> GalleryWork:
        offered = self._prepare_media(media, work.id, facts)
        films = {name: film for name, film in work.parts.items() if work.kind == "video" and name in work.films}
        parts = {**work.parts, **{name: self._prepare_media(film, work.id, facts) for name, film in films.items()}}
        if is_marked(facts, self._gallery.labels):  # a film without the mark that people have to see is left out
            parts = {name: part for name, part in parts.items() if name not in films or f".{name}" in MEDIA_TYPES}
        return replace(work, media=offered, parts=parts, offered=offered if offered is not media else None)

    def _prepare_media(self, media: Media, name: str, facts: GenerationFacts) -> Media:
        suffix = Path(media.src).suffix
        if not self._can_offer(suffix):
            return media
        data, suffix = self._make(self._media.files[media.src], suffix, facts, name)
        return self._media.add_other_bytes(data, suffix)

    def _can_offer(self, suffix: str) -> bool:
        if suffix not in MEDIA_TYPES:
            self._unsigned.add(suffix.removeprefix("."))
        return suffix in MEDIA_TYPES

    def _make(self, data: bytes, suffix: str, facts: GenerationFacts, name: str) -> tuple[bytes, str]:
        labels = self._gallery.labels
        new_suffix = find_suffix(suffix, facts, labels)
        parts = [data, new_suffix.encode(), repr((facts, labels)).encode(), hash_labelling().encode()]
        labelled = self._cache.get_or_make(parts, lambda: label_file(data, suffix, facts, labels)) if labels else data
        if not self._signer:
            return labelled, new_suffix
        self._count += 1
        return self._signer.sign(labelled, new_suffix, facts, name + new_suffix), new_suffix


def make_facts(room: Room, artist: Artist, work: GalleryWork, prompt: str, gallery: GalleryParams) -> GenerationFacts:
    """Return what the file of a work says of itself."""
    report, run = artist.report, artist.run
    return GenerationFacts(
        title=work.title,
        source_type=artist.source_type(work),
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
        prompt=prompt,
        publisher=gallery.publisher or gallery.title,
        created=format_moment(run.ended),
        sources=work.sources,
        shares=work.shares,
        other_models=work.other_models,
    )


def _join_prompts(exhibit: SavedExhibit) -> str:
    """Return the words a sample was asked for; a class is none."""
    if exhibit.role != SAMPLE or exhibit.caption.code != WRITTEN:
        return ""
    return " ".join(map(str, exhibit.caption.values.values()))
