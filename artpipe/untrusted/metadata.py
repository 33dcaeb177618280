"""metadata.csv and metadata.jsonl, as in the imagefolder convention: one row a picture, by its `file_name`."""

import json
import re
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from artpipe.errors import UserError, did_you_mean
from artpipe.untrusted.table_reader import csv_rows, json_rows, table_encoding

FILES = ("metadata.csv", "metadata.tsv", "metadata.jsonl")
OTHER_TABLES = ("metadata.xlsx", "metadata.xls", "metadata.ods", "metadata.numbers", "metadata.parquet")
MOST_BYTES = 256 << 20  # of such a file: a million rows of a paragraph each
FIELDS = ("title", "creator", "year", "licence", "origin", "label", "split", "caption")
_SPELLINGS = {
    "license": "licence",
    "artist": "creator",
    "author": "creator",
    "composer": "creator",
    "text": "caption",
    "prompt": "caption",
}
_FILE_NAME = "file_name"
# What other tools call it, the first that is there.
_NAME_COLUMNS = (
    *(_FILE_NAME, "filename", "file name", "file", "image_path", "file_path", "filepath", "path"),
    *("image_name", "image_file", "image"),
)
SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}
_WHOLE = re.compile(r"(-?\d+)\.0+")


def read_metadata(data: bytes, place: str, names: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``(file_name, fields)`` of every row; unknown columns are left out, empty fields too.

    Fields are those of a Candidate, `notes` among them where the table is not in UTF-8 or its column has another name.

    Args:
        data: the file.
        place: its path, for messages; a name ending in ``.jsonl`` holds one JSON object a line, any other one is CSV.
        names: the encoding where it is not UTF-8; guessed unless said.

    Raises:
        UserError: unknown encoding, not CSV or JSON lines, too long a row, or no `file_name`; the message has place and line.
    """
    encoding = table_encoding(data, place, names)
    if place.lower().endswith(".jsonl"):
        rows = json_rows(data, place, encoding)
    else:
        rows = csv_rows(data, place, encoding, lambda columns: _name_column(columns) is not None)
    base = place.rpartition("/")[2]
    read_as = [] if encoding.startswith("utf") else [f"{base} read as {encoding}"]
    for line, row in rows:
        column = _name_column(list(row))
        name = None if column is None else row[column]
        if column is None or not isinstance(name, str) or not name.strip():
            near = did_you_mean(_FILE_NAME, [str(key) for key in row]) if column is None else ""
            raise UserError(f"{place}:{line}: no `{_FILE_NAME}`{near}")
        other = column.strip().lower() != _FILE_NAME
        notes = [*read_as, *([f"file name from column `{column.strip()}` of {base}"] if other else [])]
        yield normalised(name), known_fields(row, but=column) | ({"notes": notes} if notes else {})


def is_metadata(name: str) -> bool:
    """Return whether a file of this name, in whatever case, is read as metadata."""
    return name.lower() in FILES


def require_read_table(place: str, names: Iterable[str]) -> None:
    """Refuse metadata in a format that is not read among the names of files, unless a table is there that is.

    Raises:
        UserError: with what to do.
    """
    names = list(names)
    if not any(is_metadata(name.rpartition("/")[2]) for name in names):
        other = next((name for name in names if name.rpartition("/")[2].lower() in OTHER_TABLES), None)
        if other is not None:
            refuse_other_table(f"{place}/{other}")


def refuse_other_table(place: str) -> None:
    """Refuse a metadata table in a format that is not read.

    Raises:
        UserError: with what to do.
    """
    if place.lower().endswith(".parquet"):
        remedy = "write it as CSV: `pandas.read_parquet('metadata.parquet').to_csv('metadata.csv', index=False)`"
    else:
        remedy = "save it in the spreadsheet as `CSV UTF-8`, named metadata.csv, beside it"
    raise UserError(f"{place}: not a table that is read ({', '.join(FILES)}); {remedy}")


def _name_column(columns: Sequence[str]) -> str | None:
    """Return the column that holds file names, None where there is none."""
    known = {str(column).strip().lower(): str(column) for column in reversed(columns)}
    for name in _NAME_COLUMNS:
        if name in known:
            return known[name]
    return next((column for name, column in known.items() if name.endswith(f"_{_FILE_NAME}")), None)


def normalised(name: str) -> str:
    """Return a relative path as metadata is matched by: NFC, `/` between parts, no leading ``./``."""
    return unicodedata.normalize("NFC", name.strip().replace("\\", "/")).removeprefix("./")


class Metadata:
    """Rows by file name, on disk, so that memory does not grow with their number."""

    def __init__(self, rows: Iterable[tuple[str, dict[str, str]]] = ()) -> None:
        self._rows = sqlite3.connect("", isolation_level=None)  # a private file that vanishes with the connection
        self._rows.execute("CREATE TABLE rows (name TEXT PRIMARY KEY, fields TEXT, used INTEGER) WITHOUT ROWID")
        self._rows.execute("BEGIN")
        encodable = ((_utf8(name), json.dumps(fields)) for name, fields in rows)
        try:
            self._rows.executemany("INSERT OR REPLACE INTO rows VALUES (?, ?, 0)", encodable)
        except BaseException:
            self._rows.close()
            raise

    def of(self, name: str) -> dict[str, Any]:
        """Return the fields of a picture, by its path relative to the root; none where it has no row."""
        key = _utf8(normalised(name))
        found = self._rows.execute("SELECT fields FROM rows WHERE name = ?", (key,)).fetchone()
        if found is None:
            return {}
        self._rows.execute("UPDATE rows SET used = 1 WHERE name = ?", (key,))
        fields: dict[str, Any] = json.loads(found[0])
        return fields | ({"notes": tuple(fields["notes"])} if "notes" in fields else {})

    def unused(self) -> Iterator[str]:
        """Yield the names that stand in the metadata and were never asked for: files that are not there."""
        for (name,) in self._rows.execute("SELECT name FROM rows WHERE used = 0 ORDER BY name"):
            yield name

    def close(self) -> None:
        """Let go of the file."""
        self._rows.close()


def _utf8(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()


def known_fields(row: Mapping[str, Any], but: str | None = None) -> dict[str, str]:
    """Return the known columns but one, under their own names, as text; empty ones and strange splits left out."""
    fields: dict[str, str] = {}
    for key, value in row.items():
        column = str(key).strip().lower()
        known = _SPELLINGS.get(column, column)
        if key == but or known not in FIELDS or (known != column and known in fields):
            continue
        if isinstance(value, str | int | float) and str(value).strip():
            fields[known] = str(value).strip()
    if whole := _WHOLE.fullmatch(fields.get("year", "")):  # what a spreadsheet or pandas made of a number
        fields["year"] = whole[1]
    split = fields.pop("split", "").lower()
    return fields | ({"split": SPLITS[split]} if split in SPLITS else {})
