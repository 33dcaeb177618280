"""Read tables beside works.

metadata of each folder, StyleGAN's dataset.json, captions of COCO, lists of VOC.
"""

import json
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from artpipe.errors import UserError
from artpipe.language.sentences import read_sentence
from artpipe.layout import folder_words
from artpipe.layout.file_survey import STYLEGAN_TABLE, FileSurvey
from artpipe.layout.input_files import WHOLE_FILE, InputFiles
from artpipe.untrusted.metadata import (
    MAX_METADATA_BYTES,
    UNREAD_TABLES,
    is_metadata_file,
    normalise_file_name,
    read_metadata,
    require_readable_table,
)

Row = tuple[str, dict[str, Any]]  # a work's path relative to the place, or ANYWHERE and its name; fields
ANY_FOLDER = "*/"  # before the name of a work that a table knows without its folder
_PAIR = re.compile(rb'\[\s*("(?:[^"\\]|\\.)*")\s*,\s*(-?\d+)\s*\]')
_MAX_JSON_BYTES = 64 << 20  # of COCO's captions; in Python they take up to eight times as much
_COCO = re.compile(r"captions?_.*\.json|_annotations\.coco\.json")
_VOC = re.compile(r"(?:.*/)?ImageSets/Main/(train|val|test)\.txt")
_MAX_LIST_BYTES = 1 << 24
_STEM = re.compile(r"\S+")


def is_table(path: str) -> bool:
    """Return whether a file is read as a table about works."""
    name = path.rpartition("/")[2]
    return (
        is_metadata_file(name)
        or name == STYLEGAN_TABLE
        or _COCO.fullmatch(name) is not None
        or _VOC.fullmatch(path) is not None
    )


def read_tables(inputs: InputFiles) -> Iterator[Row]:
    """Yield the rows of all tables of an input, the more general first.

    Raises:
        UserError: one cannot be read; the message has its place and line.
    """
    for entry in inputs.read_entries(lambda path: WHOLE_FILE if is_table(path) else 0):
        if not is_table(entry.name):
            continue
        shown = f"{inputs.path}/{entry.name}"
        if entry.rejected is not None:
            if entry.rejected == "too large":
                raise UserError(f"{shown}: {read_sentence(entry.detail)}")
            continue
        if len(entry.data) > MAX_METADATA_BYTES:
            raise UserError(f"{shown}: {len(entry.data) / 2**20:.0f} MiB, at most {MAX_METADATA_BYTES >> 20}")
        yield from _parse_table(entry.name, entry.data, shown, inputs.limits.names)


def refuse_unread_tables(survey: FileSurvey) -> None:
    """Refuse metadata in an unread format, unless a readable table replaces it.

    Raises:
        UserError: with what to do.
    """
    names = ", ".join(f"'{name}'" for name in UNREAD_TABLES)
    files = survey.files(f"role = 'table' OR lower(name) IN ({names})")
    require_readable_table(str(survey.inputs.path), (file.path for file in files))


def _parse_table(path: str, data: bytes, shown: str, names: str) -> Iterator[Row]:
    folder, _, name = path.rpartition("/")
    if is_metadata_file(name):
        yield from ((_join_path(folder, file), fields) for file, fields in read_metadata(data, shown, names))
    elif name == STYLEGAN_TABLE:
        yield from _parse_stylegan(folder, data)
    elif match := _VOC.fullmatch(path):
        split = folder_words.parse_split(match[1])
        if split and len(data) <= _MAX_LIST_BYTES:
            lines = (_STEM.match(line) for line in data.decode("utf-8", "replace").splitlines())
            yield from ((f"{ANY_FOLDER}{line[0]}", {"split": split}) for line in lines if line)
    else:
        yield from _parse_coco(data)


def _join_path(folder: str, file: str) -> str:
    """Return the path of a file that a table in a folder names."""
    return normalise_file_name(str(PurePosixPath(folder, file)) if folder else file)


def _parse_stylegan(folder: str, data: bytes) -> Iterator[Row]:
    """Yield the integer labels of StyleGAN's dataset.json, a pair at a time.

    Other labels are no classes.
    """
    if b'"labels"' not in data[: 1 << 12]:
        return
    for pair in _PAIR.finditer(data):
        yield _join_path(folder, json.loads(pair[1])), {"label": pair[2].decode()}


def _parse_coco(data: bytes) -> Iterator[Row]:
    """Yield the first caption of each picture of COCO's annotations.

    A file that is too large or of another form yields nothing.
    """
    if len(data) > _MAX_JSON_BYTES or b'"caption"' not in data:
        return
    try:
        table = json.loads(data)
        names = {image["id"]: image["file_name"] for image in table["images"]}
        for annotation in table["annotations"]:
            if (name := names.pop(annotation["image_id"], None)) is not None:
                caption = str(annotation["caption"]).strip()
                yield f"{ANY_FOLDER}{str(name).rpartition('/')[2]}", {"caption": caption}
    except (ValueError, RecursionError, KeyError, TypeError):
        return
