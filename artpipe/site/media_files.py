"""Files of the gallery, named by their content.

Larger pictures become WebP where that is smaller.
"""

import base64
import io
import re
import wave
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artpipe.contracts.gallery_work import Media
from artpipe.errors import CorruptError
from artpipe.site.sound_files import encode_opus
from artpipe.system.ffmpeg import find_ffmpeg
from artpipe.system.file_cache import FileCache
from artpipe.system.hashing import sha256_bytes

if TYPE_CHECKING:
    from PIL import Image

_INLINE_BYTES = 1400  # bytes; below, a request costs more than the picture
_SIDES = (448, 896)  # pixels of the longer side of further copies, for screens that need no more
_SMALL_SIDE = 224  # pixels of the longer side on a wall with others, for screens of 1.5 dots a pixel
_BROAD = 2  # width by height from which a picture is one size larger there
_LIGHT_FROM = 50_000  # bytes of a WAV; smaller ones load at once
_WEBP_FROM = 129  # pixels; smaller pictures keep every pixel as it was painted
_PICTURES = frozenset({".png", ".webp", ".jpg", ".jpeg", ".gif"})
_SUFFIX = re.compile(r"\.[a-z0-9]{1,5}")


class MediaStore:
    """Collects the media of a gallery, path to bytes; the same content is kept once."""

    def __init__(self, encoded: FileCache | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self._encoded = encoded  # what earlier renderings encoded
        # Whether the works of the dataset whose pictures are being added were shrunk: their squares are nobody's.
        self.are_shrunk = False
        self._widths: set[int] = set()
        self._pictures: dict[
            tuple[str, bool], Media
        ] = {}  # by their own hash, so that a shelf used again encodes none twice

    def add_picture(self, path: Path, sha256: str = "") -> Media:
        """Put a picture on the shelf.

        Raises:
            CorruptError: missing, not what `sha256` says (where given), or not a picture.
        """
        data = read_verified(path, sha256)
        key = sha256 or sha256_bytes(data), self.are_shrunk
        if key not in self._pictures:
            self._pictures[key] = self._encode(path, data)
        return self._pictures[key]

    def _encode(self, path: Path, data: bytes) -> Media:
        from PIL import Image

        try:
            with Image.open(io.BytesIO(data)) as image:
                image.load()
                width, height = image.size
                colour = image.mode not in {"1", "L", "LA", "I;16"}
                suffix = f".{(image.format or 'png').lower()}"
                exact = min(width, height) < _WEBP_FROM or not colour
                copies = (
                    []
                    if exact
                    else [copy for side in (_SMALL_SIDE, *_SIDES) if (copy := self._add_copy(image, data, side))]
                )
                if len(data) > _INLINE_BYTES and image.mode in {"L", "RGB"}:
                    lossless = min(width, height) < _WEBP_FROM
                    webp = self.keep(lambda: _encode_webp(image, lossless=lossless), data, b"webp %d" % lossless)
                    if len(webp) < len(data):
                        data, suffix, exact = webp, ".webp", min(width, height) < _WEBP_FROM
        except Exception as error:  # noqa: BLE001 - Pillow raises far more than OSError on damaged files
            raise CorruptError(f"{path}: not a picture: {error}") from None
        self._widths.add(width)
        inline = f"data:image/png;base64,{base64.b64encode(data).decode()}" if _is_tiny_png(data, suffix) else ""
        facts = {"width": width, "height": height, "exact": exact, "inline": inline, "colour": colour}
        facts["is_soft"] = self.are_shrunk and colour
        return self._add(data, suffix, **facts, small=_choose_small(copies), sizes=tuple(copies))

    def keep(self, make: Callable[[], bytes], *parts: bytes) -> bytes:
        """Return what an earlier rendering encoded from these parts, else make it."""
        return self._encoded.get_or_make([*parts, _name_encoders()], make) if self._encoded else make()

    def forget_unused(self) -> None:
        """Remove what earlier renderings encoded and this one did not need."""
        if self._encoded:
            self._encoded.forget_unused()

    def _add_copy(self, image: "Image.Image", data: bytes, side: int) -> Media | None:
        """Add a copy whose longer side is `side`; None if the picture is not longer."""
        if max(image.size) <= side:
            return None
        copy = self.keep(lambda: _encode_copy(image, side), data, b"copy %d" % side)
        width, height = _read_size(copy)
        self._widths.add(width)
        return self._add(copy, ".webp", width=width, height=height, exact=False, colour=True)

    def add_picture_bytes(self, data: bytes) -> Media:
        """Put a picture that no file holds on the shelf.

        Raises:
            CorruptError: it is not a picture.
        """
        return self._encode(Path("a picture"), data)

    def add_file(self, path: Path, sha256: str = "") -> Media:
        """Put a file on the shelf, as a picture if its suffix says that it is one.

        Raises:
            CorruptError: missing, not what `sha256` says (where given), or a picture that is none.
        """
        return (self.add_picture if path.suffix.lower() in _PICTURES else self.add_other_file)(path, sha256)

    def add_other_file(self, path: Path, sha256: str = "") -> Media:
        """Put any other file (video, audio) on the shelf.

        Raises:
            CorruptError: missing or not what `sha256` says (where given).
        """
        suffix = path.suffix.lower() if _SUFFIX.fullmatch(path.suffix.lower()) else ""
        return self.add_other_bytes(read_verified(path, sha256), suffix)

    def add_other_bytes(self, data: bytes, suffix: str) -> Media:
        """Put what no file holds on the shelf.

        A WAV comes with its length and a lighter copy.
        """
        if suffix != ".wav":
            return self._add(data, suffix)
        return self._add(data, suffix, seconds=_measure_seconds(data), light=self._add_opus(data))

    def _add_opus(self, data: bytes) -> Media | None:
        """Add a WAV as Opus; None where that is not smaller, or cannot be made."""
        if len(data) <= _LIGHT_FROM:
            return None
        try:
            opus = self.keep(lambda: _encode_opus(data), _read_samples(data), b"opus")
        except _NotEncodedError:  # not kept: another time ffmpeg may be there
            return None
        return self._add(opus, ".ogg") if len(opus) < len(data) else None

    def add_document(self, data: bytes, suffix: str) -> Media:
        """Put a text for visitors to take on the shelf."""
        return self._add(data, suffix)

    def make_stylesheet(self) -> bytes:
        """Return a rule per width in use.

        Pictures are enlarged by whole factors of their own width.
        """
        return "".join(f".w{width} {{ --w: {width}px; }}\n" for width in sorted(self._widths)).encode()

    def _add(self, data: bytes, suffix: str, **facts: Any) -> Media:
        """Keep a file under the name of its content; `facts` are further fields of it."""
        sha256 = sha256_bytes(data)
        name = f"media/{sha256[:16]}{suffix}"
        self.files[name] = data
        return Media(name, size=len(data), sha256=sha256, **facts)


def read_verified(path: Path, sha256: str) -> bytes:
    """Return the bytes of a file.

    Raises:
        CorruptError: missing, or not what `sha256` says (where given).
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CorruptError(f"{path}: cannot be read: {error.strerror}") from None
    if sha256 and sha256_bytes(data) != sha256:
        raise CorruptError(f"{path}: SHA-256 is {sha256_bytes(data)[:12]}, expected {sha256[:12]}")
    return data


def _measure_seconds(data: bytes) -> float:
    """Return how long a WAV sounds, 0 where its header does not say."""
    try:
        with wave.open(io.BytesIO(data)) as sound:
            return float(sound.getnframes() / sound.getframerate())
    except (wave.Error, EOFError, ZeroDivisionError):
        return 0.0


class _NotEncodedError(Exception):
    """A sound that ffmpeg, missing perhaps, made nothing of."""


def _encode_opus(data: bytes) -> bytes:
    if (opus := encode_opus(data, ".wav")) is None:
        raise _NotEncodedError
    return opus


def _read_samples(data: bytes) -> bytes:
    """Return what sounds in a WAV, with its form; all of it where it cannot be read."""
    try:
        with wave.open(io.BytesIO(data)) as sound:
            samples: bytes = sound.readframes(sound.getnframes())
            return repr(sound.getparams()).encode() + samples
    except (wave.Error, EOFError):
        return data


@cache
def _name_encoders() -> bytes:
    """Return the versions of what encodes; others may make other bytes."""
    import PIL
    from PIL import features

    return f"{PIL.__version__} {features.version('webp')} {find_ffmpeg()}".encode()


def _choose_small(copies: Sequence[Media]) -> Media | None:
    """Return the copy that hangs with others.

    It is one size larger of a broad picture, as a score is.
    """
    is_broad = bool(copies) and copies[0].width > _BROAD * copies[0].height
    return copies[min(int(is_broad), len(copies) - 1)] if copies else None


def _read_size(webp: bytes) -> tuple[int, int]:
    from PIL import Image

    with Image.open(io.BytesIO(webp)) as image:
        width, height = image.size
    return width, height


def _encode_copy(image: "Image.Image", side: int) -> bytes:
    copy = image.convert("RGB")
    copy.thumbnail((side, side))
    return _encode_webp(copy, lossless=False, quality=80)


def _encode_webp(image: "Image.Image", *, lossless: bool, quality: int = 88) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "WEBP", lossless=lossless, quality=quality, method=4)
    return buffer.getvalue()


def _is_tiny_png(data: bytes, suffix: str) -> bool:
    return suffix == ".png" and len(data) <= _INLINE_BYTES
