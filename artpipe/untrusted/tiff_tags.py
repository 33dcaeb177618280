"""Read the tags of a TIFF file's first directory without a decoder.

TIFF 6.0 and BigTIFF.
"""

import struct
from collections.abc import Mapping

TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
Tags = Mapping[int, tuple[int, ...] | bytes]  # whole numbers, or the bytes of text and of what is undefined

SUBFILE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, MAKE, CHANNELS = 254, 256, 257, 258, 259, 262, 271, 277
HIGHEST, SUB_DIRECTORIES, SAMPLE_FORMAT, SAMPLE_HIGHEST, DNG_VERSION = 281, 330, 339, 341, 50706
_COLOUR_FILTER, _LINEAR_RAW = 32803, 34892  # photometric interpretations
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3  # sample formats
_BIG_FIELD = 8  # bytes of an entry of BigTIFF that hold the value or say where it is
_BYTE_BITS = 8
_MOST_TAGS, _MOST_VALUES = 512, 64
_STRUCT_FORMATS = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 11: "f", 12: "d", 13: "I", 16: "Q"}
_BYTE_TYPES = {2, 7}
_RAW_FORMATS = {b"CANON": "CR2", b"NIKON": "NEF", b"SONY": "ARW", b"PENTAX": "PEF", b"SAMSUNG": "SRW", b"EPSON": "ERF"}


def read_tags(data: bytes) -> Tags:
    """Return the tags of the first directory.

    A tag that lies outside the bytes at hand is left out.

    Args:
        data: a TIFF file, or its beginning.
    """
    order, big = ("<" if data[:2] == b"II" else ">"), data[2:4] in {b"+\0", b"\0+"}
    count_form, entry_form, field = ("Q", "HHQ", 8) if big else ("H", "HHI", 4)
    entry_bytes = struct.calcsize(f"={entry_form}") + field
    tags: dict[int, tuple[int, ...] | bytes] = {}
    try:
        (place,) = struct.unpack_from(order + ("Q" if big else "I"), data, 8 if big else 4)
        (count,) = struct.unpack_from(order + count_form, data, place)
        place += struct.calcsize(f"={count_form}")
        for entry in range(place, place + entry_bytes * min(count, _MOST_TAGS), entry_bytes):
            tag, kind, number = struct.unpack_from(order + entry_form, data, entry)
            value = _read_value(data, order, kind, number, entry + entry_bytes - field, field)
            if value is not None:
                tags[tag] = value
    except struct.error:
        pass
    return tags


def _read_value(
    data: bytes, order: str, kind: int, number: int, place: int, field: int
) -> tuple[int, ...] | bytes | None:
    form = "s" if kind in _BYTE_TYPES else _STRUCT_FORMATS.get(kind)
    if form is None or not 0 < number <= _MOST_VALUES:
        return None
    if struct.calcsize(f"={number}{form}") > field:
        (place,) = struct.unpack_from(order + ("Q" if field == _BIG_FIELD else "I"), data, place)
    try:
        values = struct.unpack_from(f"{order}{number}{form}", data, place)
    except struct.error:
        return None
    return values[0] if kind in _BYTE_TYPES else values


def tag_numbers(tags: Tags, tag: int, default: tuple[int, ...] = ()) -> tuple[int, ...]:
    """Return a tag's whole numbers, `default` where there are none."""
    value = tags.get(tag, default)
    return default if isinstance(value, bytes) else value


def detect_camera_raw(data: bytes) -> str | None:
    """Return the name of the raw format of a TIFF file, None for a picture.

    The first directory of most raw formats is a small preview, which a decoder of TIFF would take for the work.
    """
    if data[8:10] == b"CR" and data[:4] == b"II*\0":
        return "CR2"
    tags = read_tags(data)
    if DNG_VERSION in tags:
        return "DNG"
    preview = bool(tag_numbers(tags, SUBFILE, (0,))[0] & 1) and SUB_DIRECTORIES in tags
    if preview or tag_numbers(tags, PHOTOMETRIC, (0,))[0] in {_COLOUR_FILTER, _LINEAR_RAW}:
        make = tags.get(MAKE, b"")
        maker = make.upper() if isinstance(make, bytes) else b""
        return next((name for start, name in _RAW_FORMATS.items() if maker.startswith(start)), "raw TIFF")
    return None


def describe_samples(data: bytes) -> str:
    """Return how a TIFF file stores its samples.

    Such as ``3 channels of 32-bit floating point``.
    """
    tags = read_tags(data)
    bits = tag_numbers(tags, BITS, (1,))
    kinds = {_UNSIGNED: "unsigned", _SIGNED: "signed", _FLOAT: "floating point"}
    kind = kinds.get(tag_numbers(tags, SAMPLE_FORMAT, (_UNSIGNED,))[0], "other numbers")
    channels = tag_numbers(tags, CHANNELS, (len(bits),))[0]
    plural = "" if channels == 1 else "s"
    return (
        f"{channels} channel{plural} of {max(bits)}-bit {kind}, compression {tag_numbers(tags, COMPRESSION, (1,))[0]}"
    )


def is_signed_byte(data: bytes) -> bool:
    """Return whether the samples are signed bytes.

    Pillow takes them for unsigned ones.
    """
    tags = read_tags(data)
    return (
        tag_numbers(tags, SAMPLE_FORMAT, (_UNSIGNED,))[0] == _SIGNED
        and max(tag_numbers(tags, BITS, (1,))) == _BYTE_BITS
    )


def is_unsigned(data: bytes) -> bool:
    """Return whether the samples are unsigned integers, which is the default."""
    return tag_numbers(read_tags(data), SAMPLE_FORMAT, (_UNSIGNED,))[0] == _UNSIGNED


def read_white_level(data: bytes) -> int | None:
    """Return the declared level of white: SMaxSampleValue, else MaxSampleValue."""
    tags = read_tags(data)
    values = tag_numbers(tags, SAMPLE_HIGHEST) or tag_numbers(tags, HIGHEST)
    highest = max(values, default=0)
    return int(highest) if 0 < highest < 2**32 else None
