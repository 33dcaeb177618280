"""The recipe that paints a picture again, kept in its own file."""

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

KEYWORD = "artpipe-recipe"  # of the PNG's text
_PNG = b"\x89PNG\r\n\x1a\n"
_END = struct.pack(">I", 0) + b"IEND"


def add_recipe(png: bytes, recipe: Mapping[str, Any]) -> bytes:
    """Return a PNG with a recipe as JSON in an iTXt chunk; other files as they are."""
    end = png.rfind(_END)
    if not png.startswith(_PNG) or end < 0:
        return png
    text = json.dumps(recipe, ensure_ascii=False, sort_keys=True).encode()
    body = b"iTXt" + KEYWORD.encode() + b"\0\0\0\0\0" + text  # not compressed, of no language
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return png[:end] + chunk + png[end:]


def make_command(recipe: Mapping[str, Any]) -> list[str]:
    """Return the words of the command that paints a recipe's picture again."""
    words = ["artpipe", "sample", str(recipe["model"])]
    for name, value in recipe.items():
        if name in _OPTIONS and value is not None:
            values = value if isinstance(value, list) else [value]
            words += [_OPTIONS[name], *(repr(one) if isinstance(one, float) else str(one) for one in values)]
    return [*words, "-n", str(recipe.get("n", 1))]


_OPTIONS = {
    name: f"--{name}"
    for name in ("seed", "label", "prompt", "negative", "guidance", "steps", "like", "strength", "keep", "between")
}
