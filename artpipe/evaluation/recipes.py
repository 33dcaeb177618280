"""The recipe that paints a picture again, written into its file and found there."""

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

_KEYWORD = b"artpipe-recipe\0\0\0\0\0"  # of the PNG's text: not compressed, of no language
_KEYWORDS = {b"iTXt": _KEYWORD, b"tEXt": b"artpipe\0"}  # of `artpipe sample`, of the live room
_PNG = b"\x89PNG\r\n\x1a\n"
_END = struct.pack(">I", 0) + b"IEND"


def add_recipe(png: bytes, recipe: Mapping[str, Any]) -> bytes:
    """Return a PNG with a recipe as JSON in an iTXt chunk; other files as they are."""
    end = png.rfind(_END)
    if not png.startswith(_PNG) or end < 0:
        return png
    text = json.dumps(recipe, ensure_ascii=False, sort_keys=True).encode()
    body = b"iTXt" + _KEYWORD + text
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:end] + chunk + png[end:]


def find_recipe(data: bytes) -> bytes:
    """Return the JSON that a PNG holds under our keywords, whole by its checksum.

    Other files are returned as they are, a PNG without a recipe as nothing.
    """
    if not data.startswith(_PNG):
        return data
    start = len(_PNG)
    while start + 12 <= len(data):
        length, kind = struct.unpack(">I4s", data[start : start + 8])
        body = data[start + 8 : start + 8 + length]
        checksum = data[start + 8 + length : start + 12 + length]
        keyword = _KEYWORDS.get(kind)
        if keyword and body.startswith(keyword) and checksum == struct.pack(">I", zlib.crc32(kind + body)):
            return body.removeprefix(keyword)
        start += 12 + length
    return b""


def make_command(recipe: Mapping[str, Any]) -> list[str]:
    """Return the words of the command that paints a recipe's picture again."""
    words = ["artpipe", "sample", str(recipe["model"])]
    for name, value in recipe.items():
        if name in _OPTIONS and value is not None:
            if name == "move":
                words += [word for move in value for word in ("--move", move)]
                continue
            values = value if isinstance(value, list) else [value]
            words += [_OPTIONS[name], *(repr(one) if isinstance(one, float) else str(one) for one in values)]
    return [*words, "-n", str(recipe.get("n", 1))]


_OPTIONS = {
    name: f"--{name}"
    for name in (
        "seed",
        "label",
        "prompt",
        "negative",
        "guidance",
        "steps",
        "like",
        "strength",
        "keep",
        "between",
        "move",
        "enlarge",
    )
}
