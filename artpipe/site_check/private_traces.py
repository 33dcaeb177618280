"""Look for what tells of the machine or its user: paths, names, `file:` addresses.

Every byte is searched, also of text that a PNG holds compressed and of what a page holds as a `data:` address.
"""

import base64
import binascii
import contextlib
import re
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from artpipe.site_check.published_site import Fault, PublishedSite

_MOST_BYTES = 1 << 20  # of a compressed text
_PATH = re.compile(
    rb"(?<![\w.+/=~-])/(?:home|Users|root|tmp|var|mnt|opt|private|Volumes)/[\w.][^\s\"'<>&,;]*|\b[A-Za-z]:\\+Users\\[^\s\"'<>]*|\bfile:/+\S{0,60}"
)
_DATA_ADDRESS = re.compile(rb"data:[\w/+.-]+;base64,([A-Za-z0-9+/=]{16,})")
_PNG = b"\x89PNG\r\n\x1a\n"
_SHOWN = 60  # characters of what was found


@dataclass(frozen=True)
class PrivateTexts:
    """What must not stand in a published file."""

    paths: Sequence[str] = ()  # of this machine, in any byte
    names: Sequence[str] = ()  # of the user and the machine, as whole words of texts


def check_traces(site: PublishedSite, private: PrivateTexts) -> Iterator[Fault]:
    """Yield each file that holds one, with the first that was found."""
    paths = _compile_paths(private.paths)
    names = _compile_names(private.names)
    texts = dict(site.list_texts())
    for path, data in site.files.items():
        parts = [data, *_list_hidden_parts(data)]
        trace = next((trace for part in parts if (trace := _find_path(part, paths))), "")
        if trace:
            yield Fault(path, f"a path of this machine stands in it: {trace}")
        elif names and not path.startswith("assets/") and (match := _find_name(names, texts.get(path), parts[1:])):
            yield Fault(path, f"the name of this user or machine stands in it: {match}")


def _compile_names(names: Sequence[str]) -> re.Pattern[str] | None:
    words = "|".join(re.escape(name) for name in names if name)
    return re.compile(rf"(?<![\w-])(?:{words})(?![\w-])", re.IGNORECASE) if words else None


def _compile_paths(paths: Sequence[str]) -> re.Pattern[bytes]:
    """Return a pattern of paths, those of this machine and what looks like one.

    A path is a whole one: `/data` stands in `/data/9.png`, not in `../data/9.png` or `/databank`.
    """
    known = b"|".join(re.escape(path.encode()) for path in paths)
    return re.compile(rb"(?<![\w.+/=~-])(?:%s)(?![\w-])|%s" % (known, _PATH.pattern)) if known else _PATH


def _find_path(data: bytes, paths: re.Pattern[bytes]) -> str:
    match = paths.search(data)
    return match[0].decode("utf-8", "replace")[:_SHOWN] if match else ""


def _find_name(names: re.Pattern[str], text: str | None, parts: Sequence[bytes]) -> str:
    searched = [*([text] if text else []), *(part.decode("utf-8", "replace") for part in parts)]
    return next((match[0] for one in searched if (match := names.search(one))), "")


def _list_hidden_parts(data: bytes) -> Iterator[bytes]:
    """Yield what a file holds in another form."""
    if data.startswith(_PNG):
        yield from _list_png_texts(data)
    for match in _DATA_ADDRESS.finditer(data):
        with contextlib.suppress(binascii.Error):
            inner = base64.b64decode(match[1])
            yield inner
            yield from _list_png_texts(inner) if inner.startswith(_PNG) else ()


def _list_png_texts(data: bytes) -> Iterator[bytes]:
    """Yield the texts of a PNG, compressed ones unpacked."""
    start = len(_PNG)
    while start + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[start : start + 8])
        body = data[start + 8 : start + 8 + length]
        if kind in {b"tEXt", b"zTXt", b"iTXt", b"eXIf"}:
            yield body
            yield from _decompress(body)
        start += 12 + length


def _decompress(body: bytes) -> Iterator[bytes]:
    """Yield what begins like a zlib stream in a text, unpacked."""
    start = body.find(b"\x78")
    while start >= 0:
        with contextlib.suppress(zlib.error):
            yield zlib.decompressobj().decompress(body[start:], _MOST_BYTES)
            return
        start = body.find(b"\x78", start + 1)
