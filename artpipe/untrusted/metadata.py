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
_SHOWN = 6  # columns, in a message
# What other tools call it, the first that is there.
_NAME_COLUMNS = (
    *(_FILE_NAME, "filename", "file name", "file", "image_path", "file_path", "filepath", "path"),
    *("image_name", "image_file", "image"),
)
SPLITS = {
    **dict.fromkeys(("train", "training", "trn", "entrainement", "entraînement", "训练集", "训练"), "train"),
    **dict.fromkeys(
        ("validation", "valid", "val", "validate", "dev", "eval", "evaluation", "验证集", "验证"), "validation"
    ),
    **dict.fromkeys(
        ("test", "testing", "tst", "holdout", "hold-out", "hold_out", "held-out", "测试集", "测试"), "test"
    ),
    "publictest": "validation",
    "privatetest": "test",
}
_DIFFERENT = "rows of the metadata say different things; the last one counts"
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
            raise UserError(f"{place}:{line}: {_no_name(row, column)}")
        other = column.strip().lower() != _FILE_NAME
        notes = [*read_as, *([f"file name from column `{column.strip()}` of {base}"] if other else [])]
        fields = known_fields(row, but=column)
        strange = [f"`{split}` in {base} is no split" for split in _splits(row) if "split" not in fields]
        notes = [*notes, *strange]
        yield normalised(name), fields | ({"notes": notes} if notes else {})


def _no_name(row: Mapping[str, Any], column: str | None) -> str:
    if column is not None:
        return f"no `{_FILE_NAME}`: nothing in column `{column.strip()}`"
    near = did_you_mean(_FILE_NAME, [str(key) for key in row])
    found = ", ".join(f"`{str(key).strip()[:20]}`" for key in list(row)[:_SHOWN])
    return f"no `{_FILE_NAME}`{near}; found {found}, and one of {', '.join(_NAME_COLUMNS[:4])} ... is wanted"


def _splits(row: Mapping[str, Any]) -> list[str]:
    """Return what a row says in its column of splits."""
    return [str(value).strip()[:20] for key, value in row.items() if str(key).strip().lower() == "split" and value]


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
        self._rows.execute(
            "CREATE TABLE rows (name TEXT PRIMARY KEY, fields TEXT, used INTEGER, others INTEGER) WITHOUT ROWID"
        )
        self._rows.execute("BEGIN")
        encodable = ((_utf8(name), json.dumps(fields)) for name, fields in rows)
        try:
            self._rows.executemany(
                """INSERT INTO rows VALUES (?, ?, 0, 0) ON CONFLICT (name) DO UPDATE
                   SET fields = excluded.fields, others = others + (fields <> excluded.fields)""",
                encodable,
            )
        except BaseException:
            self._rows.close()
            raise

    def of(self, name: str) -> dict[str, Any]:
        """Return the fields of a picture, by its path relative to the root; none where it has no row."""
        key = _utf8(normalised(name))
        found = self._rows.execute("SELECT fields, others FROM rows WHERE name = ?", (key,)).fetchone()
        if found is None:
            return {}
        self._rows.execute("UPDATE rows SET used = 1 WHERE name = ?", (key,))
        fields: dict[str, Any] = json.loads(found[0])
        notes = (*fields.pop("notes", ()), *([_DIFFERENT] if found[1] else []))
        return fields | ({"notes": notes} if notes else {})

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
        text = str(value).strip() if isinstance(value, str | int | float) else ""
        if text and text != "nan":  # as pandas writes what is not there
            fields[known] = text
    if whole := _WHOLE.fullmatch(fields.get("year", "")):  # what a spreadsheet or pandas made of a number
        fields["year"] = whole[1]
    split = fields.pop("split", "").lower()
    return fields | ({"split": SPLITS[split]} if split in SPLITS else {})
