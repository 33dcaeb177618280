"""Decode JPEG files that lack only their end mark (ITU-T T.81).

libjpeg silently fills what is missing with grey, so that adding the mark alone would accept half a picture as a whole
one.
"""

import io
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from PIL import Image

_END = b"\xff\xd9"
_FRAMES = frozenset({0xC0, 0xC1, 0xC2, 0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF})
_DECODED = frozenset({0xC0, 0xC1, 0xC2, 0xC9, 0xCA})  # the frames libjpeg reads
_RESTARTS = frozenset(bytes([mark]) for mark in range(0xD0, 0xD8))
_LAST, _SCAN, _RESTART_INTERVAL = 0xD9, 0xDA, 0xDD
_FRAME_BYTES = 6  # before the components
_BITS, _COEFFICIENTS = 8, 64
_NEXT_MARK = re.compile(rb"\xff[^\x00\x01\xd0-\xd8\xff]")  # that has a segment, or is the last one
_PADDING = 64  # zero bytes at the end: allocated by a file system and never written
# Read as scan data, they make different pixels. By the first three alone one in a hundred small pictures that lacked three to
# six bytes was taken for whole, by all one in a hundred thousand.
_FILLINGS = (b"\x00", b"\x5a", b"\xa7\x31", b"\xcc\x0f", b"\x3c\x69\x96", b"\xfe")


class _Scan(NamedTuple):
    components: tuple[int, ...]
    first: int  # coefficient of the band, 0 to 63
    last: int
    low_bit: int  # 0: the band is complete with this scan
    place: int  # of its data in the file


class JpegHeader(NamedTuple):
    """The markers of a JPEG file."""

    process: int  # 0xC0 baseline, 0xC2 progressive; 0 where there is none
    bits: int  # a sample
    components: tuple[int, ...]
    scans: tuple[_Scan, ...]
    units: int  # of 8 x 8 blocks of all components, that a scan of all components has (minimum coded units)
    restart_every: int  # units; 0: never
    has_end: bool  # by its end mark


def read_jpeg_header(data: bytes) -> JpegHeader:
    """Return the frame and the scans of a JPEG file, as far as they are there."""
    process, bits, units, restart_every = 0, _BITS, 0, 0
    components: tuple[int, ...] = ()
    scans: list[_Scan] = []
    place, has_end = 2, False
    while (place := _find_next_mark(data, place)) < len(data):
        mark, length = data[place + 1], int.from_bytes(data[place + 2 : place + 4])
        body = data[place + 4 : place + 2 + length]
        if mark == _LAST:
            has_end = True
            break
        if mark in _FRAMES and len(body) >= _FRAME_BYTES and not process:
            process, bits, components, units = mark, body[0], tuple(body[6 : 6 + 3 * body[5] : 3]), _count_units(body)
        elif mark == _RESTART_INTERVAL:
            restart_every = int.from_bytes(body[:2])
        place += 2 + length
        if mark == _SCAN and body and len(body) >= 4 + 2 * body[0]:
            first, last, bit = body[1 + 2 * body[0] : 4 + 2 * body[0]]
            scans.append(_Scan(tuple(body[1 : 1 + 2 * body[0] : 2]), first, last, bit & 15, place))
    return JpegHeader(process, bits, components, tuple(scans), units, restart_every, has_end)


def describe_unsupported_process(header: JpegHeader) -> str:
    """Return what a usual JPEG decoder cannot read, empty where it can."""
    if header.bits != _BITS:
        return f"JPEG of {header.bits} bits a sample"
    if header.process and header.process not in _DECODED:
        return "lossless or hierarchical JPEG"
    return ""


def load_without_end(data: bytes) -> "Image.Image | None":
    """Decode a JPEG file that has no end mark; None where pixels are missing.

    A decoder that lacks scan data reads what follows instead: pixels that depend on it were missing.

    Args:
        data: the whole file.

    Raises:
        OSError: damaged; other exceptions are Pillow's.
    """
    header = read_jpeg_header(data)
    if not _has_all_bands(header):
        return None
    images = (_load_scan_data(part) for part in _strip_end(data) if _has_all_restarts(part, header))
    return next((image for image in images if image), None)


def _strip_end(data: bytes) -> Iterator[bytes]:
    """Yield what may be a file without zero bytes and half an end mark at its end.

    The first zero byte may be the last one of the scan data.
    """
    if data.endswith(bytes(_PADDING)):
        stripped = data.rstrip(b"\0")
        yield stripped.rstrip(b"\xff")
        yield stripped + b"\0"
    else:
        yield data.rstrip(b"\xff")


def _load_scan_data(data: bytes) -> "Image.Image | None":
    """Decode a file up to its scan data; None where what follows changes a pixel."""
    from PIL import Image, ImageChops

    first: Image.Image | None = None
    for filling in _FILLINGS:
        image = Image.open(io.BytesIO(data + filling * _PADDING + _END), formats=("JPEG",))
        image.load()
        if first is not None and ImageChops.difference(first, image).getbbox(alpha_only=False):
            return None
        first = first or image
    return first


def _has_all_restarts(data: bytes, header: JpegHeader) -> bool:
    """Return whether all restart marks of the picture are there.

    Several scans with restarts are not checked.
    """
    if not header.restart_every:
        return True
    if len(header.scans) > 1:
        return False
    place = next_place = header.scans[0].place
    count = 0
    while (place := data.find(b"\xff", next_place)) >= 0:
        count += data[place + 1 : place + 2] in _RESTARTS
        next_place = place + 2
    return count == -(-header.units // header.restart_every) - 1


def _count_units(frame: bytes) -> int:
    """Return the number of minimum coded units of a frame.

    By its size and its components' sampling factors.
    """
    height, width = int.from_bytes(frame[1:3]), int.from_bytes(frame[3:5])
    factors = frame[7 : 6 + 3 * frame[5] : 3]
    if not factors:
        return 0
    across, down = max(1, *(factor >> 4 for factor in factors)), max(1, *(factor & 15 for factor in factors))
    if len(factors) == 1:  # a scan of one component has its blocks one by one
        across = down = 1
    return -(-width // (8 * across)) * -(-height // (8 * down))


def _has_all_bands(header: JpegHeader) -> bool:
    """Return whether each component has all its coefficients, with all their bits."""
    for component in header.components:
        complete: set[int] = set()
        for scan in header.scans:
            if component in scan.components and scan.low_bit == 0:
                complete.update(range(scan.first, scan.last + 1))
        if len(complete) < _COEFFICIENTS:
            return False
    return bool(header.components)


def _find_next_mark(data: bytes, place: int) -> int:
    """Return the place of the next marker, as libjpeg finds it.

    Stuffed zeros and restarts belong to the data.
    """
    mark = _NEXT_MARK.search(data, place)
    return len(data) if mark is None else mark.start()
