"""Take the rows of some works out of the tables beside works."""

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import PurePosixPath
from typing import Any

from artpipe.layout import folder_words
from artpipe.layout.file_survey import strip_suffix
from artpipe.layout.metadata_tables import is_table
from artpipe.untrusted.metadata import drop_metadata_rows, is_metadata_file, normalise_file_name

_COCO_SPLIT = re.compile(r"captions?_(.*)\.json")  # its pictures lie in train2017/ or images/train2017/


def drop_table_rows(
    path: str, data: bytes, dropped: Collection[str], names: str = "", *, staying: Collection[str] = ()
) -> bytes:
    """Return a table without what it says of some works; another file as it is.

    A row is of the work that it names from the table's folder; by the name alone only where no other work has it.

    Args:
        path: of the table, relative to its input.
        data: its bytes.
        dropped: paths of works, relative to the input.
        names: the encoding of tables that are not in UTF-8.
        staying: paths of works that stay and have the name or stem of one that is dropped.

    Raises:
        UserError: see `drop_metadata_rows`.
    """
    folder, _, name = path.rpartition("/")
    if not is_table(path):
        return data
    works = _DroppedWorks(dropped, staying)
    if is_metadata_file(name):
        return drop_metadata_rows(data, path, lambda file: works.has_path(folder, file), names)
    if name.endswith(".json"):
        folders = (folder, *_list_picture_folders(path))
        return _drop_json_rows(data, lambda file: works.is_named(file, folders))
    pictures = str(PurePosixPath(path).parents[2] / "JPEGImages")  # VOC's lists lie in ImageSets/Main
    lines = data.decode("utf-8", "surrogateescape").splitlines(keepends=True)
    kept = [line for line in lines if not works.is_named((line.split() or [""])[0], (pictures,))]
    return "".join(kept).encode("utf-8", "surrogateescape")


class _DroppedWorks:
    """Tells which works a table names."""

    def __init__(self, dropped: Collection[str], staying: Collection[str]) -> None:
        self._paths, others = set(map(normalise_file_name, dropped)), set(map(normalise_file_name, staying))
        self._others = others | set(map(strip_suffix, others))
        self._stems = set(map(strip_suffix, self._paths)) - self._others
        self._names = _list_names(self._paths) - _list_names(others)

    def has_path(self, folder: str, file: str) -> bool:
        """Return whether a file is a dropped work, by its whole path."""
        return normalise_file_name(str(PurePosixPath(folder, file))) in self._paths

    def is_named(self, file: str, folders: Iterable[str]) -> bool:
        """Return whether a file is a dropped work in a folder, or by its name alone."""
        paths = [normalise_file_name(str(PurePosixPath(folder, file))) for folder in folders] if file else []
        if any(path in self._paths or path in self._stems for path in paths):
            return True
        return not self._others.intersection(paths) and bool(paths) and file.rpartition("/")[2] in self._names


def _list_names(paths: Collection[str]) -> set[str]:
    """Return the names of files without their folders, with and without suffix."""
    names = {path.rpartition("/")[2] for path in paths}
    return names | set(map(strip_suffix, names))


def _list_picture_folders(path: str) -> Iterator[str]:
    """Yield where the pictures may lie that a table of COCO's layout names."""
    table = PurePosixPath(path)
    root = table.parent.parent if folder_words.is_annotation(table.parent.name) else table.parent
    if match := _COCO_SPLIT.fullmatch(table.name):
        yield from (str(root / match[1]), str(root / "images" / match[1]))


def _drop_json_rows(data: bytes, is_dropped: Callable[[str], bool]) -> bytes:
    """Take out pairs and objects that name a file, and annotations of its number."""
    try:
        table = json.loads(data)
    except (ValueError, RecursionError):
        return data
    numbers: set[Any] = set()
    for rows in table.values() if isinstance(table, dict) else ():
        for row in rows if isinstance(rows, list) else ():
            if _names_work(row, is_dropped) and isinstance(row, dict):
                numbers.add(json.dumps(row.get("id")))
    before = json.dumps(table)
    for rows in table.values() if isinstance(table, dict) else ():
        if isinstance(rows, list):
            rows[:] = [row for row in rows if not _names_work(row, is_dropped) and not _is_of(row, numbers)]
    return data if json.dumps(table) == before else json.dumps(table, ensure_ascii=False).encode()


def _names_work(row: Any, is_dropped: Callable[[str], bool]) -> bool:
    values = row[:1] if isinstance(row, list) else [row.get("file_name")] if isinstance(row, dict) else []
    return any(isinstance(value, str) and is_dropped(normalise_file_name(value)) for value in values)


def _is_of(row: Any, numbers: Collection[Any]) -> bool:
    return isinstance(row, dict) and "image_id" in row and json.dumps(row["image_id"]) in numbers
