"""metadata.csv and metadata.jsonl, as in the imagefolder convention: one row a picture, by its `file_name`."""

import codecs
import csv
import io
import json
import sqlite3
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from artpipe.errors import UserError, did_you_mean

FILES = ("metadata.csv", "metadata.jsonl")
MOST_BYTES = 256 << 20  # of such a file: a million rows of a paragraph each
_MOST_ROW = 1 << 22  # characters; in Python a row takes up to thirty times as much
_CHUNK = 1 << 20
FIELDS = ("title", "creator", "year", "licence", "origin", "label", "split")
_SPELLINGS = {"license": "licence", "artist": "creator", "author": "creator", "composer": "creator"}
SPLITS = {"train": "train", "validation": "validation", "valid": "validation", "val": "validation", "test": "test"}


def read_metadata(data: bytes, place: str) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield ``(file_name, fields)`` of every row; unknown columns are left out, empty fields too.

    Args:
        data: the file.
        place: its path, for messages; a name ending in ``.jsonl`` holds one JSON object a line, any other one is CSV.

    Raises:
        UserError: not UTF-8, not CSV or JSON lines, too long a row, or no `file_name`; the message has place and line.
    """
    if (strange := _not_utf8(data)) is not None:
        raise UserError(f"{place}: not UTF-8 (byte {strange})")
    rows = _json_rows(data, place) if place.endswith(".jsonl") else _csv_rows(data, place)
    for line, row in rows:
        name = row.get("file_name")
        if not isinstance(name, str) or not name.strip():
            raise UserError(f"{place}:{line}: no `file_name`{did_you_mean('file_name', [str(key) for key in row])}")
        yield normalised(name), known_fields(row)


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
        return fields

    def unused(self) -> Iterator[str]:
        """Yield the names that stand in the metadata and were never asked for: files that are not there."""
        for (name,) in self._rows.execute("SELECT name FROM rows WHERE used = 0 ORDER BY name"):
            yield name

    def close(self) -> None:
        """Let go of the file."""
        self._rows.close()


def _utf8(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()


def known_fields(row: Mapping[str, Any]) -> dict[str, str]:
    """Return the columns that are known, under their own names, as text; empty ones and strange splits left out."""
    fields: dict[str, str] = {}
    for key, value in row.items():
        column = str(key).strip().lower()
        column = _SPELLINGS.get(column, column)
        if column in FIELDS and isinstance(value, str | int | float) and str(value).strip():
            fields[column] = str(value).strip()
    split = fields.pop("split", "").lower()
    return fields | ({"split": SPLITS[split]} if split in SPLITS else {})


def _csv_rows(data: bytes, place: str) -> Iterator[tuple[int, dict[str, Any]]]:
    lines = _Lines(data, newline="", place=place)
    reader = csv.DictReader(lines, strict=True)
    try:
        for row in reader:
            lines.row = 0
            yield reader.line_num, row
    except csv.Error as error:
        raise UserError(f"{place}:{reader.line_num}: not CSV: {error}") from None


def _not_utf8(data: bytes) -> int | None:
    """Return the first byte that is not UTF-8, None where all are."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for at in range(0, len(data) + 1, _CHUNK):
        kept = len(decoder.getstate()[0])
        try:
            decoder.decode(data[at : at + _CHUNK], final=at + _CHUNK > len(data))
        except UnicodeDecodeError as error:
            return at - kept + error.start
    return None


class _Lines:
    """Text line by line, since all of it at once would take four bytes a character; no row may be longer than `_MOST_ROW`."""

    def __init__(self, data: bytes, newline: str, place: str) -> None:
        self._stream = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8-sig", newline=newline)
        self._place = place
        self.row = 0  # characters since the last row; whoever has taken one sets it back

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        """Return the next line with its end."""
        line = self._stream.readline(_MOST_ROW + 1)
        self.row += len(line)
        if not line:
            raise StopIteration
        if self.row > _MOST_ROW:
            raise UserError(f"{self._place}: a row of more than {_MOST_ROW:,} characters")
        return line


def _json_rows(data: bytes, place: str) -> Iterator[tuple[int, dict[str, Any]]]:
    lines = _Lines(data, newline="\n", place=place)
    for line, content in enumerate(lines, start=1):
        lines.row = 0
        if not content.strip():
            continue
        try:
            row = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{place}:{line}: not JSON: {error}") from None
        if not isinstance(row, dict):
            raise UserError(f"{place}:{line}: not a JSON object")
        yield line, row
