"""What a file beside a work says of it: a caption, a class, fields as metadata has them; boxes and masks say nothing."""

import json
import re
from typing import Any

from artpipe.layout import folder_words
from artpipe.layout.work_kinds import suffix_of
from artpipe.untrusted.metadata import select_known_fields

SPEAKING = (".txt", ".caption", ".captions", ".cap", ".tags", ".json", ".cls")
MOST_BYTES = 1 << 18  # of one sidecar; a longer one is no caption
_CAPTIONS = ("caption", "description", "prompt", "text", "captions")
_MOST_CAPTION = 4096  # characters
_MOST_LABEL = 100
_NUMBERS = re.compile(r"\S*(?:[\s,]+-?\d+(?:\.\d+)?(?:e-?\d+)?){4,}.*|[\d\s.,:e+-]*", re.IGNORECASE)  # boxes, points


def sidecar_fields(name: str, data: bytes) -> dict[str, str]:
    """Return what a sidecar says of its work, under the names of metadata's columns; nothing where it cannot be read."""
    suffix = suffix_of(name)
    if len(data) > MOST_BYTES:
        return {}
    text = _decoded(data)
    if suffix == ".cls":
        label = text.strip()
        return {"label": label} if label and len(label) <= _MOST_LABEL and "\n" not in label else {}
    if suffix == ".json":
        return _json_fields(text)
    caption = " ".join(text.split())
    boxes = all(_NUMBERS.fullmatch(line.strip()) for line in text.splitlines())
    return {"caption": caption[:_MOST_CAPTION]} if caption and not boxes else {}


def skeleton(folder: str) -> str:
    """Return a folder's path without the parts that say what lies there: ``train`` of both ``train/images`` and ``labels/train``."""
    parts = [
        part
        for part in folder.split("/")
        if not folder_words.is_container(part) and not folder_words.is_annotation(part)
    ]
    return "/".join(parts)


def _decoded(data: bytes) -> str:
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError:
        return ""


def _json_fields(text: str) -> dict[str, str]:
    try:
        row: Any = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(row, dict):
        return {}
    fields = select_known_fields(row)
    captions = (row.get(key) for key in _CAPTIONS)
    caption = next((one for one in captions if isinstance(one, str) and one.strip()), None)
    if caption:
        fields["caption"] = " ".join(caption.split())[:_MOST_CAPTION]
    if re.search(r"\.[A-Za-z0-9]{2,5}$", fields.get("title", "")):  # Google Takeout: the name of the file
        del fields["title"]
    return fields
