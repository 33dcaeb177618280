"""What tables beside works say of them: metadata of each folder, StyleGAN's dataset.json, captions of COCO, lists of VOC."""

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from artpipe.errors import UserError
from artpipe.language.sentences import sentence_of
from artpipe.layout import folder_words
from artpipe.layout.file_survey import STYLEGAN, Survey
from artpipe.layout.places import WHOLE, Place
from artpipe.untrusted.metadata import (
    MOST_BYTES,
    OTHER_TABLES,
    is_metadata,
    normalised,
    read_metadata,
    require_read_table,
)

Row = tuple[str, dict[str, Any]]  # a work's path relative to the place, or ANYWHERE and its name; fields
ANYWHERE = "*/"  # before the name of a work that a table knows without its folder
_PAIR = re.compile(rb'\[\s*("(?:[^"\\]|\\.)*")\s*,\s*(-?\d+)\s*\]')
_JSON_BYTES = 64 << 20  # of COCO's captions; in Python they take up to eight times as much
_COCO = re.compile(r"captions?_.*\.json|_annotations\.coco\.json")
_VOC = re.compile(r"(?:.*/)?ImageSets/Main/(train|val|test)\.txt")
_LIST_BYTES = 1 << 24
_STEM = re.compile(r"\S+")


def is_table(path: str) -> bool:
    """Return whether a file is read for what it says of works."""
    name = path.rpartition("/")[2]
    return (
        is_metadata(name) or name == STYLEGAN or _COCO.fullmatch(name) is not None or _VOC.fullmatch(path) is not None
    )


def read_tables(place: Place) -> Iterator[Row]:
    """Yield what all tables of a place say, the more general first.

    Raises:
        UserError: one cannot be read; the message has its place and line.
    """
    for entry in place.entries(lambda path: WHOLE if is_table(path) else 0):
        if not is_table(entry.name):
            continue
        shown = f"{place.path}/{entry.name}"
        if entry.rejected is not None:
            if entry.rejected == "too large":
                raise UserError(f"{shown}: {sentence_of(entry.detail)}")
            continue
        if len(entry.data) > MOST_BYTES:
            raise UserError(f"{shown}: {len(entry.data) / 2**20:.0f} MiB, at most {MOST_BYTES >> 20}")
        yield from _rows(entry.name, entry.data, shown, place.limits.names)


def refuse_unread_tables(survey: Survey) -> None:
    """Refuse metadata in a format that is not read, where none that is read stands in its place.

    Raises:
        UserError: with what to do.
    """
    names = ", ".join(f"'{name}'" for name in OTHER_TABLES)
    files = survey.files(f"role = 'table' OR lower(name) IN ({names})")
    require_read_table(str(survey.place.path), (file.path for file in files))


def _rows(path: str, data: bytes, shown: str, names: str) -> Iterator[Row]:
    folder, _, name = path.rpartition("/")
    if is_metadata(name):
        yield from ((_joined(folder, file), fields) for file, fields in read_metadata(data, shown, names))
    elif name == STYLEGAN:
        yield from _stylegan_rows(folder, data)
    elif match := _VOC.fullmatch(path):
        split = folder_words.split_of(match[1])
        if split and len(data) <= _LIST_BYTES:
            lines = (_STEM.match(line) for line in data.decode("utf-8", "replace").splitlines())
            yield from ((f"{ANYWHERE}{line[0]}", {"split": split}) for line in lines if line)
    else:
        yield from _coco_rows(data)


def _joined(folder: str, file: str) -> str:
    """Return the path of a file that a table in a folder names."""
    return normalised(str(PurePosixPath(folder, file)) if folder else file)


def _stylegan_rows(folder: str, data: bytes) -> Iterator[Row]:
    """Yield the whole-numbered labels of StyleGAN's dataset.json, a pair at a time; other labels are no classes."""
    if b'"labels"' not in data[: 1 << 12]:
        return
    for pair in _PAIR.finditer(data):
        yield _joined(folder, json.loads(pair[1])), {"label": pair[2].decode()}


def _coco_rows(data: bytes) -> Iterator[Row]:
    """Yield the first caption of each picture of COCO's annotations; what is too large or no such file says nothing."""
    if len(data) > _JSON_BYTES or b'"caption"' not in data:
        return
    try:
        table = json.loads(data)
        names = {image["id"]: image["file_name"] for image in table["images"]}
        for annotation in table["annotations"]:
            if (name := names.pop(annotation["image_id"], None)) is not None:
                caption = str(annotation["caption"]).strip()
                yield f"{ANYWHERE}{str(name).rpartition('/')[2]}", {"caption": caption}
    except (ValueError, RecursionError, KeyError, TypeError):
        return
