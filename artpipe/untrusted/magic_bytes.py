"""Identify a file's format by its first and last bytes, without a decoder."""

import re
import struct
from typing import NamedTuple

from artpipe.untrusted.tiff_tags import TIFF_STARTS, detect_camera_raw

_RASTER = "convert it to PNG or JPEG"
_RAW = "a camera's raw data: develop it and export TIFF, PNG or JPEG"
_VIDEO = "a video: export the frames that are works as PNG or JPEG"
_VECTOR = "a drawing without pixels of its own: export it as PNG"
_PROJECT = "a painting program's own file: export it as PNG, TIFF or JPEG"
_MEASURED = "of more than 8 bits: export it as 16-bit PNG or TIFF"


class _Signature(NamedTuple):
    magic: bytes
    offset: int
    kind: str  # Pillow's name where it is read
    advice: str = ""  # what to do with a format that is not read


_SIGNATURES = (
    _Signature(b"\xff\xd8\xff", 0, "JPEG"),
    _Signature(b"\x89PNG\r\n\x1a\n", 0, "PNG"),
    _Signature(b"GIF87a", 0, "GIF"),
    _Signature(b"GIF89a", 0, "GIF"),
    _Signature(b"BM", 0, "BMP"),
    *(_Signature(magic, 0, "TIFF") for magic in TIFF_STARTS),
    _Signature(b"\xff\x0a", 0, "JPEG XL", _RASTER),
    _Signature(b"\0\0\0\x0cJXL ", 0, "JPEG XL", _RASTER),
    _Signature(b"\0\0\0\x0cjP  ", 0, "JPEG 2000", _RASTER),
    _Signature(b"\xff\x4f\xff\x51", 0, "JPEG 2000", _RASTER),
    _Signature(b"II\xbc", 0, "JPEG XR", _RASTER),
    _Signature(b"BPG\xfb", 0, "BPG", _RASTER),
    _Signature(b"qoif", 0, "QOI", _RASTER),
    _Signature(b"\0\0\1\0", 0, "ICO", _RASTER),
    _Signature(b"icns", 0, "ICNS", _RASTER),
    _Signature(b"DDS ", 0, "DDS", _RASTER),
    _Signature(b"AT&TFORM", 0, "DjVu", _RASTER),
    _Signature(b"IIRO", 0, "ORF", _RAW),
    _Signature(b"IIRS", 0, "ORF", _RAW),
    _Signature(b"MMOR", 0, "ORF", _RAW),
    _Signature(b"IIU\0", 0, "RW2", _RAW),
    _Signature(b"FUJIFILMCCD-RAW", 0, "RAF", _RAW),
    _Signature(b"FOVb", 0, "X3F", _RAW),
    _Signature(b"HEAPCCDR", 6, "CRW", _RAW),
    _Signature(b"\0MRM", 0, "MRW", _RAW),
    _Signature(b"8BPS", 0, "PSD", _PROJECT),
    _Signature(b"gimp xcf", 0, "XCF", _PROJECT),
    _Signature(b"CSFCHUNK", 0, "CLIP", _PROJECT),
    _Signature(b"mimetypeapplication/x-krita", 30, "KRA", _PROJECT),
    _Signature(b"mimetypeimage/openraster", 30, "ORA", _PROJECT),
    _Signature(b"%PDF", 0, "PDF", "a document: export its pages or its pictures as PNG or TIFF"),
    _Signature(b"%!PS", 0, "EPS", _VECTOR),
    _Signature(b"\xc5\xd0\xd3\xc6", 0, "EPS", _VECTOR),
    _Signature(b"\xd7\xcd\xc6\x9a", 0, "WMF", _VECTOR),
    _Signature(b" EMF", 40, "EMF", _VECTOR),
    _Signature(b"\x76\x2f\x31\x01", 0, "OpenEXR", _MEASURED),
    _Signature(b"#?RADIANCE", 0, "HDR", _MEASURED),
    _Signature(b"#?RGBE", 0, "HDR", _MEASURED),
    _Signature(b"SIMPLE  =", 0, "FITS", _MEASURED),
    _Signature(b"DICM", 128, "DICOM", _MEASURED),
    _Signature(b"\x93NUMPY", 0, "NumPy", "an array: write its pictures as PNG"),
    _Signature(b"\x1a\x45\xdf\xa3", 0, "WebM", _VIDEO),
    _Signature(b"moov", 4, "QuickTime", _VIDEO),
    _Signature(b"mdat", 4, "QuickTime", _VIDEO),
    _Signature(b"FLV\1", 0, "FLV", _VIDEO),
    _Signature(b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", 0, "WMV", _VIDEO),
    _Signature(b"\0\0\1\xba", 0, "MPEG", _VIDEO),
)
_PATTERNS = (  # of text formats
    (re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:<\?xml[^>]*>\s*|<!--.*?-->\s*|<!DOCTYPE\s+svg[^>]*>\s*)*<svg[\s>]", re.DOTALL | re.IGNORECASE), "SVG", _VECTOR),
    (re.compile(rb"P[1-6]\s+(?:#[^\n]*\n\s*)*\d+\s|P7\s+(?:#|WIDTH|HEIGHT)|P[Ff]\s+\d+\s"), "PNM", _RASTER),
)  # fmt: skip
_AVIF_BRANDS = frozenset({b"avif", b"avis", b"avio"})
_HEIC_BRANDS = frozenset(b"heic heix heim heis hevc hevx hevm hevs mif1 mif2 mif3 msf1 miaf".split())
_NON_PICTURES = (  # files that stand where a picture was expected
    (re.compile(rb"\s*(?:<!--.*?-->\s*)?<(?:!doctype\s+html|html|script)\b", re.DOTALL | re.IGNORECASE), "a web page: the download brought the page, not the picture"),
    (re.compile(rb"version https://git-lfs\.github\.com/"), "a Git LFS pointer: `git lfs pull` fetches the file"),
    (re.compile(rb"(?:\.\./)*\.git/annex/objects/|/annex/objects/"), "a git-annex pointer: `git annex get` fetches the file"),
    (re.compile(rb"(?:\xef\xbb\xbf)?<\?xml[^>]*>\s*<Error>"), "the error message of a server"),
    (re.compile(rb"bplist00"), "a property list, as iCloud leaves for a file that is not on this disk"),
    (re.compile(rb"\0+\Z"), "nothing but zero bytes"),
)  # fmt: skip
READ_FORMATS = frozenset({"JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF", "AVIF"})
SIGNATURE_BYTES = 512
_WEBP_HEADER = 30  # bytes up to the size in each of the three kinds
_SMALLEST_BMP = 26  # bytes: a file header and the oldest picture header; shorter text may well begin with BM
_BOX_HEADER = 8  # bytes: size and type
_TGA_HEADER = struct.Struct("<BBBHHBHHHHBB")
_TGA_END = b"TRUEVISION-XFILE.\0"


def detect_picture_format(data: bytes) -> str | None:
    """Return the picture format of a file, or of its first bytes, by its content.

    Returns:
        Pillow's name of a format in `READ_FORMATS`, the usual name of any other picture or video format, None if it is none.
    """
    return _identify(data)[0]


def describe_unread_format(data: bytes) -> str:
    """Return the name of an unread format and what to do with the file, on one line."""
    kind, advice = _identify(data)
    return f"{kind}: {advice}" if advice else kind or ""


def describe_non_picture(data: bytes) -> str:
    """Return what a file is that is no picture, empty where it cannot be told."""
    return next((description for pattern, description in _NON_PICTURES if pattern.match(data[:SIGNATURE_BYTES])), "")


def describe_unread_file(start: bytes) -> str:
    """Return what an unread file is by its first bytes, and what to do with it.

    Empty where it is a picture that can be read.
    """
    return "" if looks_like_picture(start) else describe_unread_format(start) or describe_non_picture(start)


def looks_like_picture(start: bytes) -> bool:
    """Return whether the first bytes are those of a picture that can be read.

    `SIGNATURE_BYTES` of them are enough.
    """
    return detect_picture_format(start) in READ_FORMATS


def _identify(data: bytes) -> tuple[str | None, str]:
    if data[4:8] == b"ftyp":
        return _identify_iso_media(data)
    if data[:4] == b"RIFF":
        return {b"WEBP": ("WEBP", ""), b"AVI ": ("AVI", _VIDEO)}.get(data[8:12], (None, ""))
    for magic, offset, kind, advice in _SIGNATURES:
        if data.startswith(magic, offset) and (kind != "BMP" or _is_plausible_bmp(data)):
            if kind == "TIFF" and (raw := detect_camera_raw(data)):
                return raw, _RAW
            return kind, advice
    for pattern, kind, advice in _PATTERNS:
        if pattern.match(data[:SIGNATURE_BYTES]):
            return kind, advice
    return ("TGA", _RASTER) if _is_plausible_tga(data) else (None, "")


def _identify_iso_media(data: bytes) -> tuple[str, str]:
    """Tell AVIF, HEIC, raw and video apart by the brands of the ``ftyp`` box.

    ISO/IEC 14496-12, 23008-12.
    """
    length = min(int.from_bytes(data[:4]), len(data), SIGNATURE_BYTES)
    major = data[8:12]
    brands = {major, *(data[place : place + 4] for place in range(16, length - 3, 4))}
    if brands & _AVIF_BRANDS:
        return "AVIF", "this Pillow has no AVIF decoder: convert it to PNG or JPEG, or update Pillow"
    if major == b"crx ":
        return "CR3", _RAW
    if major in _HEIC_BRANDS or (brands & (_HEIC_BRANDS - {b"mif1", b"msf1", b"miaf"})):
        return "HEIC", "convert it to JPEG or PNG (a telephone sends JPEG where its camera is set to it)"
    if major == b"jxl ":
        return "JPEG XL", _RASTER
    if major in {b"jp2 ", b"jpx ", b"jph "}:
        return "JPEG 2000", _RASTER
    return "QuickTime" if major == b"qt  " else "MP4", _VIDEO


def is_truncated(data: bytes, error: BaseException) -> bool:
    """Return whether a picture that failed to decode ends too early.

    That is before its own end mark or its declared length.
    """
    kind, tail = detect_picture_format(data), data[-1024:]
    if kind != "PNG" and "truncated" in str(error).lower():  # of a PNG with a wrong length Pillow says so too
        return True
    if kind == "WEBP":
        return int.from_bytes(data[4:8], "little") + 8 > len(data)
    if kind == "BMP":
        return int.from_bytes(data[2:6], "little") > len(data)
    if kind == "TIFF":
        return len(data) < int.from_bytes(data[4:8], "little" if data[:2] == b"II" else "big") + 2
    if kind == "AVIF":
        return _ends_within_box(data)
    ends = {"PNG": b"IEND", "JPEG": b"\xff\xd9", "GIF": b";"}
    return kind in ends and ends[kind] not in tail


def read_webp_size(data: bytes) -> tuple[int, int] | None:
    """Return width and height of a WebP file's canvas in pixels.

    None where the header is too short.
    """
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


def _ends_within_box(data: bytes) -> bool:
    """Return whether a file of ISO boxes ends before the last box does.

    The size of a box is 4 bytes, or 8 after a 1.
    """
    place = 0
    while place + _BOX_HEADER <= len(data):
        size = int.from_bytes(data[place : place + 4])
        if size == 0:  # up to the end of the file
            return False
        if size == 1:
            size = int.from_bytes(data[place + 8 : place + 16])
        if size < _BOX_HEADER:
            return False
        place += size
    return place > len(data)


def _is_plausible_bmp(data: bytes) -> bool:
    """Return whether a file that begins with `BM` is a BMP and not text.

    In a BMP the four reserved bytes are zero and the pixels start within reach.
    """
    return data[6:10] == b"\0\0\0\0" and _SMALLEST_BMP <= int.from_bytes(data[10:14], "little") < 1 << 16


def _is_plausible_tga(data: bytes) -> bool:
    """Return whether a file is Targa, which has no signature.

    Its second version has a footer, the first only a header whose size fits the file's.
    """
    if data.endswith(_TGA_END):
        return True
    if len(data) <= _TGA_HEADER.size:
        return False
    comment, mapped, kind, _, colours, entry, _, _, width, height, depth, _ = _TGA_HEADER.unpack_from(data)
    if mapped > 1 or kind not in {1, 2, 3} or depth not in {8, 15, 16, 24, 32} or not width or not height:
        return False
    min_bytes = _TGA_HEADER.size + comment + mapped * colours * -(-entry // 8) + width * height * -(-depth // 8)
    return bool(min_bytes <= len(data) <= min_bytes + 4096)
