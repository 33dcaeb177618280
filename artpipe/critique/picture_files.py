"""Find the pictures of a file or folder and decode them in a worker with limits."""

import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from artpipe.config.params import IngestParams
from artpipe.critique.critiqued_picture import CritiquedPicture
from artpipe.errors import UserError
from artpipe.language.message import Message
from artpipe.language.sentences import load_sentences
from artpipe.layout.input_files import WHOLE_FILE, FolderFiles, InputFile, make_archive_limits, walk_files
from artpipe.modalities.picture.picture_pixels import read_pixels
from artpipe.system.hashing import sha256_bytes
from artpipe.system.plain_text import to_printable
from artpipe.untrusted.worker_pool import WorkerLimits, outcomes

MOST_PICTURES = 200  # of one page
_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"})
_JOB = "artpipe.modalities.picture.picture_pixels:encode_pixels"


@dataclass(frozen=True)
class RefusedPicture:
    """A file that could not be read as a picture, and why."""

    name: str
    reason: str
    detail: str = ""

    def describe(self, language: str) -> str:
        """Return the reason as one line."""
        sentences = load_sentences(language)
        reason = sentences.translate_name(self.reason)
        return f"{reason}: {sentences.read_text(self.detail)}" if self.detail else reason


def count_pictures(path: Path) -> int:
    """Return how many pictures a folder holds by their names; 1 for a file.

    Raises:
        UserError: there is none, or there are too many for one page.
    """
    if not path.is_dir():
        return 1
    count = sum(_is_wanted(file.name) for file in walk_files(path))
    place = to_printable(str(path))
    if not count:
        raise UserError(f"{place}: no picture in this folder; JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF are read")
    if count > MOST_PICTURES:
        raise UserError(f"{place}: {count:,} pictures, at most {MOST_PICTURES} fit on one page; name a folder in it")
    return count


def decode_pictures(path: Path, max_megapixels: float) -> Iterator[CritiquedPicture | RefusedPicture]:
    """Decode a picture, or those of a folder one after the other.

    They come in the order of their names; a bad one is refused and the rest goes on.
    """
    ingest = IngestParams()
    megabytes = int(ingest.decode_megabytes * max(1.0, max_megapixels / ingest.max_megapixels))
    limits = WorkerLimits(ingest.decode_seconds, megabytes, workers=1, batch_inputs=1)
    inputs = ((file, file.data) for file in _read_files(path))
    for file, outcome in outcomes(inputs, job=_JOB, settings={"max_megapixels": max_megapixels}, limits=limits):
        if file.rejected is not None:
            yield RefusedPicture(file.name, file.rejected, file.detail)
        elif outcome.reason is not None:
            yield RefusedPicture(file.name, outcome.reason, outcome.detail)
        else:
            pixels = read_pixels(outcome.payload)
            picture = CritiquedPicture(file.name, sha256_bytes(file.data), pixels.image, pixels.notes)
            is_empty = picture.transparent_share == 1
            yield RefusedPicture(file.name, "wholly transparent") if is_empty else picture


def _read_files(path: Path) -> Iterator[InputFile]:
    if not path.is_dir():
        yield _read_file(path)
        return
    files = FolderFiles(path, make_archive_limits(IngestParams()))
    for file in files.read_entries(lambda name: WHOLE_FILE if _is_wanted(name) else 0):
        if _is_wanted(file.name):
            yield file


def _is_wanted(name: str) -> bool:
    return Path(name).suffix.lower() in _SUFFIXES


def _read_file(path: Path) -> InputFile:
    """Return a regular file that is not too large, or why not."""
    most = IngestParams().max_megabytes
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            return InputFile(path.name, rejected="special file")
        if status.st_size > most * 2**20:
            size = Message(code="megabytes_of_most", values={"megabytes": status.st_size / 2**20, "most": most})
            return InputFile(path.name, rejected="too large", detail=size.encode())
        return InputFile(path.name, path.read_bytes())
    except OSError as error:
        return InputFile(path.name, rejected="unreadable", detail=error.strerror or type(error).__name__)
