"""What the first and last bytes of a file say, without any decoder."""

_KINDS: tuple[
    tuple[bytes, int, str], ...
] = (  # magic, offset, kind: Pillow's names for what is read, a word for what is not
    (b"\xff\xd8\xff", 0, "JPEG"),
    (b"\x89PNG\r\n\x1a\n", 0, "PNG"),
    (b"WEBP", 8, "WEBP"),
    (b"GIF87a", 0, "GIF"),
    (b"GIF89a", 0, "GIF"),
    (b"BM", 0, "BMP"),
    (b"II*\0", 0, "TIFF"),
    (b"MM\0*", 0, "TIFF"),
    (b"II+\0", 0, "TIFF"),
    (b"MM\0+", 0, "TIFF"),
    (b"8BPS", 0, "Photoshop"),
    (b"ftypavif", 4, "AVIF"),
    (b"ftypheic", 4, "HEIC"),
    (b"ftypmif1", 4, "HEIC"),
    (b"\xff\x0a", 0, "JPEG XL"),
    (b"\0\0\0\x0cJXL ", 0, "JPEG XL"),
    (b"\0\0\0\x0cjP  ", 0, "JPEG 2000"),
    (b"\0\0\1\0", 0, "icon"),
    (b"P5", 0, "PGM"),
    (b"P6", 0, "PPM"),
    (b"%PDF", 0, "PDF"),
    (b"<svg", 0, "SVG"),
    (b"\x76\x2f\x31\x01", 0, "OpenEXR"),
    (b"DDS ", 0, "DDS"),
)
_READ = frozenset({"JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"})
SIGNATURE_BYTES = 16
_WEBP_HEADER = 30  # bytes up to the size in each of the three kinds
_SMALLEST_BMP = 26  # bytes: a file header and the oldest picture header; shorter text may well begin with BM


def kind_of(data: bytes) -> str | None:
    """Return what the file says it is: one of Pillow's six names that are read, another picture format, or None."""
    for magic, offset, kind in _KINDS:
        if data.startswith(magic, offset):
            if kind == "BMP" and not _plausible_bmp(data):
                continue
            return kind
    return None


def looks_like_picture(start: bytes) -> bool:
    """Return whether the first `SIGNATURE_BYTES` of a file are those of a picture that can be read."""
    return kind_of(start) in _READ


def is_cut(data: bytes, error: BaseException) -> bool:
    """Return whether a picture that failed to decode ends before its own end mark or declared length."""
    kind, tail = kind_of(data), data[-1024:]
    if kind != "PNG" and "truncated" in str(error).lower():  # of a PNG with a wrong length Pillow says so too
        return True
    if kind == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if kind == "BMP":
        return int.from_bytes(data[2:6], "little") > len(data)
    if kind == "TIFF":
        return len(data) < int.from_bytes(data[4:8], "little" if data[:2] == b"II" else "big") + 2
    ends = {"PNG": b"IEND", "JPEG": b"\xff\xd9", "GIF": b";"}
    return kind in ends and ends[kind] not in tail


def webp_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a WebP file's canvas in pixels, None where the header is too short to say."""
    chunk = data[12:16]
    if len(data) < _WEBP_HEADER:
        return None
    if chunk == b"VP8X":
        return int.from_bytes(data[24:27], "little") + 1, int.from_bytes(data[27:30], "little") + 1
    if chunk == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if chunk == b"VP8 ":
        return int.from_bytes(data[26:28], "little") & 0x3FFF, int.from_bytes(data[28:30], "little") & 0x3FFF
    return None


def _plausible_bmp(data: bytes) -> bool:
    """`BM` begins many a text: the reserved four bytes are zero and the pixels start within reach in a real one."""
    return data[6:10] == b"\0\0\0\0" and _SMALLEST_BMP <= int.from_bytes(data[10:14], "little") < 1 << 16
