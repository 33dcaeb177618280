"""Read metadata.csv and metadata.jsonl of the imagefolder convention.

Each row describes the file named by its `file_name`.
"""

import codecs
import io
import json
import re
import sqlite3
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from artpipe.errors import UserError, did_you_mean
from artpipe.untrusted.table_reader import detect_table_encoding, read_csv_rows, read_json_rows

METADATA_FILES = ("metadata.csv", "metadata.tsv", "metadata.jsonl")
UNREAD_TABLES = ("metadata.xlsx", "metadata.xls", "metadata.ods", "metadata.numbers", "metadata.parquet")
MAX_METADATA_BYTES = 256 << 20  # of such a file: a million rows of a paragraph each
METADATA_FIELDS = ("title", "creator", "year", "licence", "origin", "label", "split", "caption")
_SPELLINGS = {
    "license": "licence",
    "artist": "creator",
    "author": "creator",
    "composer": "creator",
    "text": "caption",
    "prompt": "caption",
}
_FILE_NAME = "file_name"
_SHOWN_COLUMNS = 6  # columns, in a message
# What other tools call it, the first that is there.
_NAME_COLUMNS = (
    *(_FILE_NAME, "filename", "file name", "file", "image_path", "file_path", "filepath", "path"),
    *("image_name", "image_file", "image"),
)
SPLIT_WORDS = {
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
_CONTRADICTION = "rows of the metadata say different things; the last one counts"
_WHOLE_NUMBER = re.compile(r"(-?\d+)\.0+")


def read_metadata(data: bytes, place: str, names: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield ``(file_name, fields)`` of every row.

    Unknown columns and empty fields are left out.

    Fields are those of a Candidate, `notes` among them where the table is not in UTF-8 or its column has another name.

    Args:
        data: the file.
        place: its path, for messages; a name ending in ``.jsonl`` holds one JSON object a line, any other one is CSV.
        names: the encoding where it is not UTF-8; guessed unless said.

    Raises:
        UserError: unknown encoding, not CSV or JSON lines, too long a row, or no `file_name`; the message has place and line.
    """
    encoding = detect_table_encoding(data, place, names)
    if place.lower().endswith(".jsonl"):
        rows = read_json_rows(data, place, encoding)
    else:
        rows = read_csv_rows(data, place, encoding, lambda columns: _find_name_column(columns) is not None)
    file_name = place.rpartition("/")[2]
    read_as = [] if encoding.startswith("utf") else [f"{file_name} read as {encoding}"]
    for line, row in rows:
        column = _find_name_column(list(row))
        name = None if column is None else row[column]
        if column is None or not isinstance(name, str) or not name.strip():
            raise UserError(f"{place}:{line}: {_describe_missing_name(row, column)}")
        other = column.strip().lower() != _FILE_NAME
        notes = [*read_as, *([f"file name from column `{column.strip()}` of {file_name}"] if other else [])]
        fields = select_known_fields(row, skip=column)
        unknown_splits = [
            f"`{split}` in {file_name} is no split" for split in _split_words(row) if "split" not in fields
        ]
        notes = [*notes, *unknown_splits]
        yield normalise_file_name(name), fields | ({"notes": notes} if notes else {})


def drop_metadata_rows(data: bytes, place: str, is_dropped: Callable[[str], bool], names: str = "") -> bytes:
    """Return a table without the rows of some files; all else stays to the byte.

    Raises:
        UserError: see `read_metadata`, or its rows cannot be told apart; they are to be taken out by hand.
    """
    encoding = detect_table_encoding(data, place, names)
    is_json = place.lower().endswith(".jsonl")
    if is_json:
        rows = read_json_rows(data, place, encoding)
    else:
        rows = read_csv_rows(data, place, encoding, lambda columns: _find_name_column(columns) is not None)
    files = [name for name, _ in read_metadata(data, place, names)]
    begins = [begin for begin, _ in rows]
    lines = list(io.StringIO(data.decode(encoding), newline="\n" if is_json else ""))
    for name, begin, end in reversed([*zip(files, begins, [*begins[1:], len(lines) + 1], strict=True)]):
        if is_dropped(name):
            del lines[begin - 1 : end - 1]
    plain_utf8 = encoding == "utf-8-sig" and not data.startswith(codecs.BOM_UTF8)
    edited = "".join(lines).encode("utf-8" if plain_utf8 else encoding)
    if [name for name, _ in read_metadata(edited, place, names)] != [name for name in files if not is_dropped(name)]:
        raise UserError(f"{place}: rows of withdrawn works cannot be told from others; take them out by hand")
    return edited


def _describe_missing_name(row: Mapping[str, Any], column: str | None) -> str:
    if column is not None:
        return f"no `{_FILE_NAME}`: nothing in column `{column.strip()}`"
    suggestion = did_you_mean(_FILE_NAME, [str(key) for key in row])
    columns = ", ".join(f"`{str(key).strip()[:20]}`" for key in list(row)[:_SHOWN_COLUMNS])
    return f"no `{_FILE_NAME}`{suggestion}; found {columns}, and one of {', '.join(_NAME_COLUMNS[:4])} ... is wanted"


def _split_words(row: Mapping[str, Any]) -> list[str]:
    """Return what a row says in its column of splits."""
    return [str(value).strip()[:20] for key, value in row.items() if str(key).strip().lower() == "split" and value]


def is_metadata_file(name: str) -> bool:
    """Return whether a file of this name, in whatever case, is read as metadata."""
    return name.lower() in METADATA_FILES


def require_readable_table(place: str, names: Iterable[str]) -> None:
    """Refuse metadata in an unread format, unless a readable table lies beside it.

    Raises:
        UserError: with what to do.
    """
    names = list(names)
    if not any(is_metadata_file(name.rpartition("/")[2]) for name in names):
        other = next((name for name in names if name.rpartition("/")[2].lower() in UNREAD_TABLES), None)
        if other is not None:
            refuse_unread_table(f"{place}/{other}")


def refuse_unread_table(place: str) -> None:
    """Refuse a metadata table in a format that is not read.

    Raises:
        UserError: with what to do.
    """
    if place.lower().endswith(".parquet"):
        remedy = "write it as CSV: `pandas.read_parquet('metadata.parquet').to_csv('metadata.csv', index=False)`"
    else:
        remedy = "save it in the spreadsheet as `CSV UTF-8`, named metadata.csv, beside it"
    raise UserError(f"{place}: not a table that is read ({', '.join(METADATA_FILES)}); {remedy}")


def _find_name_column(columns: Sequence[str]) -> str | None:
    """Return the column that holds file names, None where there is none."""
    columns_by_name = {str(column).strip().lower(): str(column) for column in reversed(columns)}
    for name in _NAME_COLUMNS:
        if name in columns_by_name:
            return columns_by_name[name]
    return next((column for name, column in columns_by_name.items() if name.endswith(f"_{_FILE_NAME}")), None)


def normalise_file_name(name: str) -> str:
    """Return a relative path in the form that metadata is matched by.

    NFC, `/` between parts, no leading ``./``.
    """
    return unicodedata.normalize("NFC", name.strip().replace("\\", "/")).removeprefix("./")


class Metadata:
    """Rows by file name, on disk, so that memory does not grow with their number."""

    def __init__(self, rows: Iterable[tuple[str, dict[str, str]]] = ()) -> None:
        self._rows = sqlite3.connect("", isolation_level=None)  # a private file that vanishes with the connection
        self._rows.execute(
            "CREATE TABLE rows (name TEXT PRIMARY KEY, fields TEXT, used INTEGER, others INTEGER) WITHOUT ROWID"
        )
        self._rows.execute("BEGIN")
        encodable = ((_make_encodable(name), json.dumps(fields)) for name, fields in rows)
        try:
            self._rows.executemany(
                """INSERT INTO rows VALUES (?, ?, 0, 0) ON CONFLICT (name) DO UPDATE
                   SET fields = excluded.fields, others = others + (fields <> excluded.fields)""",
                encodable,
            )
        except BaseException:
            self._rows.close()
            raise

    def find_fields(self, name: str) -> dict[str, Any]:
        """Return the fields of a picture by its relative path, empty without a row."""
        key = _make_encodable(normalise_file_name(name))
        record = self._rows.execute("SELECT fields, others FROM rows WHERE name = ?", (key,)).fetchone()
        if record is None:
            return {}
        self._rows.execute("UPDATE rows SET used = 1 WHERE name = ?", (key,))
        fields: dict[str, Any] = json.loads(record[0])
        notes = (*fields.pop("notes", ()), *([_CONTRADICTION] if record[1] else []))
        return fields | ({"notes": notes} if notes else {})

    def unused_names(self) -> Iterator[str]:
        """Yield the names in the metadata that were never looked up: missing files."""
        for (name,) in self._rows.execute("SELECT name FROM rows WHERE used = 0 ORDER BY name"):
            yield name

    def close(self) -> None:
        """Close the file."""
        self._rows.close()


def _make_encodable(name: str) -> str:
    return name.encode("utf-8", "backslashreplace").decode()


def select_known_fields(row: Mapping[str, Any], skip: str | None = None) -> dict[str, str]:
    """Return the known columns of a row by their own names, as text.

    The column `skip`, empty values and unknown splits are left out.
    """
    fields: dict[str, str] = {}
    for key, value in row.items():
        column = str(key).strip().lower()
        field = _SPELLINGS.get(column, column)
        if key == skip or field not in METADATA_FIELDS or (field != column and field in fields):
            continue
        text = str(value).strip() if isinstance(value, str | int | float) else ""
        if text and text != "nan":  # as pandas writes what is not there
            fields[field] = text
    if whole_year := _WHOLE_NUMBER.fullmatch(fields.get("year", "")):  # what a spreadsheet or pandas made of a number
        fields["year"] = whole_year[1]
    split = fields.pop("split", "").lower()
    return fields | ({"split": SPLIT_WORDS[split]} if split in SPLIT_WORDS else {})
