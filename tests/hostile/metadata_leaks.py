"""Pictures full of what cameras and programs write beside the pixels, and where of it something has come to."""

import base64
import io
import re
import struct
import zlib
from pathlib import Path

from PIL import Image, ImageCms, PngImagePlugin

from tests.hostile.pictures import saved, with_chunk

MARKS = [f"MARK-{what}-4711" for what in ("EXIF", "GPS", "THUMB", "XMP", "IPTC", "COMMENT", "TEXT", "ZTXT")]
PROFILE = "MARKICC-4711x"  # as many letters as `sRGB built-in`, whose place it takes
_TELLING = {
    "exif",
    "xmp",
    "XML:com.adobe.xmp",
    "icc_profile",
    "photoshop",
    "iptc",
    "comment",
    "Comment",
    "Raw profile type iptc",
}
_INLINE = re.compile(rb"data:image/[a-z]+;base64,([A-Za-z0-9+/=]+)")


def make_marked_picture(image: Image.Image, kind: str) -> bytes:
    """Return a JPEG or PNG with all the marks in EXIF, GPS, its thumbnail, XMP, IPTC, comments and the ICC profile."""
    return _jpeg(image) if kind == "JPEG" else _png(image)


def _exif() -> bytes:
    exif = Image.Exif()
    exif[0x010F], exif[0x010E] = MARKS[0], MARKS[0]  # maker, description
    exif[0x8825] = {
        1: "N",
        2: (52.0, 31.0, 12.5),
        3: "E",
        4: (13.0, 24.0, 17.5),
        27: b"ASCII\0\0\0" + MARKS[1].encode(),
    }
    return exif.tobytes()


def _profile() -> bytes:
    made = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    name = "sRGB built-in".encode("utf-16-be")
    assert name in made
    return made.replace(name, PROFILE.encode("utf-16-be"))


def _xmp() -> bytes:
    return f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description dc:creator="{MARKS[3]}"/></x:xmpmeta>'.encode()


def _iptc() -> bytes:
    value = MARKS[4].encode()
    record = b"\x1c\x02\x78" + struct.pack(">H", len(value)) + value  # caption
    return b"Photoshop 3.0\x008BIM\x04\x04\0\0" + struct.pack(">I", len(record)) + record


def _jpeg(image: Image.Image) -> bytes:
    data = saved(image, "JPEG", quality=98, exif=_exif(), icc_profile=_profile(), xmp=_xmp(), comment=MARKS[5].encode())
    small = saved(image.resize((8, 8)), "JPEG", comment=MARKS[2].encode())
    segments = [b"\xff\xed" + _sized(_iptc()), b"\xff\xeb" + _sized(b"PREVIEW\0" + small)]
    return data[:2] + b"".join(segments) + data[2:] + MARKS[6].encode()  # and behind the picture's end


def _sized(body: bytes) -> bytes:
    return struct.pack(">H", len(body) + 2) + body


def _png(image: Image.Image) -> bytes:
    texts = PngImagePlugin.PngInfo()
    texts.add_text("Comment", MARKS[5])
    texts.add_itxt("XML:com.adobe.xmp", _xmp().decode())
    texts.add_text("Author", MARKS[6])
    texts.add_text("Raw profile type iptc", MARKS[4])
    data = saved(image, pnginfo=texts, exif=_exif(), icc_profile=_profile())
    data = with_chunk(data, b"zTXt", b"Software\0\0" + zlib.compress(MARKS[7].encode()))
    return with_chunk(data, b"tEXt", b"Preview\0" + MARKS[2].encode())


def find_marks(data: bytes) -> list[str]:
    """Return the marks in some bytes: as they stand, as UTF-16, in pictures, and in pictures that are written into text."""
    spellings = [(mark, code) for mark in (*MARKS, PROFILE) for code in ("ascii", "utf-16-be", "utf-16-le")]
    marks = [mark for mark, code in spellings if mark.encode(code) in data]
    for inner in _INLINE.findall(data):
        cut = inner[:-1] if len(inner) % 4 == 1 else inner  # a database cuts what is longer than its pages
        marks += find_marks(base64.b64decode(cut + b"=" * (-len(cut) % 4)))
    return marks + _told_by(data)


def _told_by(data: bytes) -> list[str]:
    """Return what a picture says of itself beside its pixels, packed or not."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            told = {name: value for name, value in image.info.items() if name in _TELLING and value}
            texts = getattr(image, "text", {})
            exif = dict(image.getexif())
    except OSError:
        return []
    packed = [mark for mark in MARKS if any(mark in str(text) for text in texts.values())]
    return packed + [f"{name} of a picture" for name in (*told, *texts, *(["EXIF"] if exif else []))]


def make_marked_files(folder: Path) -> dict[str, list[str]]:
    """Return the files below a folder that have any of it."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    told = {str(path.relative_to(folder)): find_marks(path.read_bytes()) for path in files}
    return {name: marks for name, marks in told.items() if marks}
