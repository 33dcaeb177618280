"""Read the file beside a work: a caption, a class, or metadata fields.

Boxes and masks are ignored.
"""

import json
import re
from typing import Any

from artpipe.layout import folder_words
from artpipe.layout.work_kinds import get_suffix
from artpipe.untrusted.metadata import select_known_fields

SIDECAR_SUFFIXES = (".txt", ".caption", ".captions", ".cap", ".tags", ".json", ".cls")
MAX_SIDECAR_BYTES = 1 << 18  # of one sidecar; a longer one is no caption
_CAPTION_KEYS = ("caption", "description", "prompt", "text", "captions")
_MAX_CAPTION_CHARACTERS = 4096  # characters
_MAX_LABEL_CHARACTERS = 100
_BOXES = re.compile(r"[^\s,]*(?:[\s,]+-?\d+(?:\.\d+)?(?:e-?\d+)?){4,}.*|[\d\s.,:e+-]*", re.IGNORECASE)  # boxes, points


def parse_sidecar(name: str, data: bytes) -> dict[str, str]:
    """Return the fields of a sidecar, named like the columns of metadata.

    Empty where it cannot be read.
    """
    suffix = get_suffix(name)
    if len(data) > MAX_SIDECAR_BYTES:
        return {}
    text = _decode(data)
    if suffix == ".cls":
        label = text.strip()
        return {"label": label} if label and len(label) <= _MAX_LABEL_CHARACTERS and "\n" not in label else {}
    if suffix == ".json":
        return _parse_json_sidecar(text)
    caption = " ".join(text.split())
    boxes = all(_BOXES.fullmatch(line.strip()) for line in text.splitlines())
    return {"caption": caption[:_MAX_CAPTION_CHARACTERS]} if caption and not boxes else {}


def strip_container_folders(folder: str) -> str:
    """Return a folder's path without container and annotation folders.

    It is ``train`` for both ``train/images`` and ``labels/train``.
    """
    parts = [
        part
        for part in folder.split("/")
        if not folder_words.is_container(part) and not folder_words.is_annotation(part)
    ]
    return "/".join(parts)


def _decode(data: bytes) -> str:
    marked = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if marked else "utf-8-sig")
    except UnicodeDecodeError:
        return ""


def _parse_json_sidecar(text: str) -> dict[str, str]:
    try:
        row: Any = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(row, dict):
        return {}
    fields = select_known_fields(row)
    captions = (row.get(key) for key in _CAPTION_KEYS)
    caption = next(
        (caption_text for caption_text in captions if isinstance(caption_text, str) and caption_text.strip()), None
    )
    if caption:
        fields["caption"] = " ".join(caption.split())[:_MAX_CAPTION_CHARACTERS]
    if re.search(r"\.[A-Za-z0-9]{2,5}$", fields.get("title", "")):  # Google Takeout: the name of the file
        del fields["title"]
    return fields
