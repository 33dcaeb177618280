"""Take the rows of some works out of the tables beside works."""

import json
from collections.abc import Collection
from pathlib import PurePosixPath
from typing import Any

from artpipe.layout.metadata_tables import is_table
from artpipe.untrusted.metadata import drop_metadata_rows, is_metadata_file, normalise_file_name


def drop_table_rows(path: str, data: bytes, dropped: Collection[str], names: str = "") -> bytes:
    """Return a table without what it says of some works; another file as it is.

    Args:
        path: of the table, relative to its input.
        data: its bytes.
        dropped: paths of works, relative to the input.
        names: the encoding of tables that are not in UTF-8.

    Raises:
        UserError: see `drop_metadata_rows`.
    """
    folder, _, name = path.rpartition("/")
    if not is_table(path):
        return data
    works = {normalise_file_name(work) for work in dropped}
    if is_metadata_file(name):

        def is_dropped(file: str) -> bool:
            return normalise_file_name(str(PurePosixPath(folder, file))) in works

        return drop_metadata_rows(data, path, is_dropped, names)
    known = works | {work.rpartition("/")[2] for work in works}
    known |= {work.rpartition(".")[0] for work in known}
    if name.endswith(".json"):
        return _drop_json_rows(data, known)
    lines = data.decode("utf-8", "surrogateescape").splitlines(keepends=True)
    kept = [line for line in lines if (line.split() or [""])[0] not in known]
    return "".join(kept).encode("utf-8", "surrogateescape")


def _drop_json_rows(data: bytes, known: Collection[str]) -> bytes:
    """Take out pairs and objects that name a file, and annotations of its number."""
    try:
        table = json.loads(data)
    except (ValueError, RecursionError):
        return data
    numbers: set[Any] = set()
    for rows in table.values() if isinstance(table, dict) else ():
        for row in rows if isinstance(rows, list) else ():
            if _names_work(row, known) and isinstance(row, dict):
                numbers.add(json.dumps(row.get("id")))
    before = json.dumps(table)
    for rows in table.values() if isinstance(table, dict) else ():
        if isinstance(rows, list):
            rows[:] = [row for row in rows if not _names_work(row, known) and not _is_of(row, numbers)]
    return data if json.dumps(table) == before else json.dumps(table, ensure_ascii=False).encode()


def _names_work(row: Any, known: Collection[str]) -> bool:
    values = row[:1] if isinstance(row, list) else [row.get("file_name")] if isinstance(row, dict) else []
    return any(isinstance(value, str) and normalise_file_name(value) in known for value in values)


def _is_of(row: Any, numbers: Collection[Any]) -> bool:
    return isinstance(row, dict) and "image_id" in row and json.dumps(row["image_id"]) in numbers
