"""Put an XMP packet into a file without decoding it: PNG, WebP, JPEG, WAV and MP4.

Where each form has it: Adobe's XMP Specification Part 3, Storage in Files.
"""

import struct
import zlib
from collections.abc import Callable, Mapping

from artpipe.errors import CorruptError

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_KEYWORD = b"XML:com.adobe.xmp\0\0\0\0\0"  # not compressed, of no language
_MP4_UUID = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_JPEG_HEAD = b"http://ns.adobe.com/xap/1.0/\0"
_JPEG_LARGEST = 65533  # bytes of a segment after its length
_XMP_FLAG, _ALPHA_FLAG = 0x04, 0x10  # of VP8X
_RIFF_HEAD, _LOSSLESS_HEAD, _LOSSY_HEAD = 12, 25, 30  # bytes up to the first chunk, and to the sizes of a WebP


def embed_xmp(data: bytes, suffix: str, packet: bytes) -> bytes:
    """Return a file with the packet; one of another form as it is.

    Raises:
        CorruptError: the file is not of the form that its suffix says.
    """
    embed = _FORMS.get(suffix.lower())
    return embed(data, packet) if embed else data


def add_riff_chunk(data: bytes, kind: bytes, body: bytes) -> bytes:
    """Return a RIFF file (WAV, WebP) with one more chunk at its end.

    Raises:
        CorruptError: it is no RIFF file.
    """
    if data[:4] != b"RIFF" or len(data) < _RIFF_HEAD:
        raise CorruptError("no RIFF file")
    end = min(len(data), 8 + struct.unpack("<I", data[4:8])[0])
    content: bytes = data[8:end] + b"\0" * (end % 2)
    chunk = kind + struct.pack("<I", len(body)) + body + b"\0" * (len(body) % 2)
    return b"RIFF" + struct.pack("<I", len(content) + len(chunk)) + content + chunk


def _embed_png(data: bytes, packet: bytes) -> bytes:
    if not data.startswith(_PNG) or data[12:16] != b"IHDR":
        raise CorruptError("no PNG")
    body = b"iTXt" + _PNG_KEYWORD + packet
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    head = len(_PNG) + 25  # IHDR has 13 bytes
    return data[:head] + chunk + data[head:]


def _embed_webp(data: bytes, packet: bytes) -> bytes:
    """Add the chunk `XMP `; a simple file gets the extended header that announces it."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise CorruptError("no WebP")
    if data[12:16] == b"VP8X":
        data = data[:20] + bytes([data[20] | _XMP_FLAG]) + data[21:]
    else:
        width, height, alpha = _measure_webp(data)
        flags = _XMP_FLAG | (_ALPHA_FLAG if alpha else 0)
        sides = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
        header = b"VP8X" + struct.pack("<I", 10) + bytes([flags, 0, 0, 0]) + sides
        data = data[:4] + struct.pack("<I", len(data) - 8 + len(header)) + data[8:12] + header + data[12:]
    return add_riff_chunk(data, b"XMP ", packet)


def _measure_webp(data: bytes) -> tuple[int, int, bool]:
    """Return width, height and whether a simple file has transparent pixels."""
    if data[12:16] == b"VP8L" and len(data) > _LOSSLESS_HEAD:
        (bits,) = struct.unpack("<I", data[21:25])
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    if data[12:16] == b"VP8 " and len(data) > _LOSSY_HEAD:
        width, height = struct.unpack("<HH", data[26:30])
        return width & 0x3FFF, height & 0x3FFF, False
    raise CorruptError("no WebP picture")


def _embed_jpeg(data: bytes, packet: bytes) -> bytes:
    body = _JPEG_HEAD + packet
    if data[:2] != b"\xff\xd8" or len(body) > _JPEG_LARGEST:
        raise CorruptError("no JPEG, or too much to say")
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    head = 2
    if data[2:4] == b"\xff\xe0":  # JFIF stays first
        head += 2 + struct.unpack(">H", data[4:6])[0]
    return data[:head] + segment + data[head:]


def _embed_wav(data: bytes, packet: bytes) -> bytes:
    return add_riff_chunk(data, b"_PMX", packet)


def _embed_mp4(data: bytes, packet: bytes) -> bytes:
    """Add a box at the end, which moves nothing that another box points at."""
    if data[4:8] != b"ftyp":
        raise CorruptError("no MP4")
    return data + struct.pack(">I", 24 + len(packet)) + b"uuid" + _MP4_UUID + packet


_FORMS: Mapping[str, Callable[[bytes, bytes], bytes]] = {
    ".png": _embed_png,
    ".webp": _embed_webp,
    ".jpg": _embed_jpeg,
    ".jpeg": _embed_jpeg,
    ".wav": _embed_wav,
    ".mp4": _embed_mp4,
}
