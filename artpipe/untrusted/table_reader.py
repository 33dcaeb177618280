"""Read CSV and JSON-lines tables in bounded memory.

Encoding and separator are detected.

The standard library's csv reads them and not pandas: a message can name the line of the file, a row is measured before
it is parsed, and separators at the end of a line are no error (docs/log.md).
"""

import codecs
import csv
import io
import json
import re
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, Self

from artpipe.errors import UserError
from artpipe.untrusted.encodings.name_encodings import CERTAIN, guess_encoding

_MAX_ROW_CHARACTERS = 1 << 22  # characters; in Python a row takes up to thirty times as much
_CHUNK = 1 << 20
_MAX_GUESSED_LINE_BYTES = 1 << 16  # bytes; the encoding of longer ones is not guessed
_UTF8_SHARE = 0.75  # of the bytes that are not ASCII: from here on it is UTF-8 with damage
_SEPARATORS = (",", ";", "\t", "|")
_SEPARATOR_LINE = re.compile(r"\s*\"?sep=(.)\"?[\s,;]*", re.IGNORECASE)  # Excel's own first line
_SAVE_AS = "save it as `CSV UTF-8`"
_OTHER_FORMATS = {
    b"PK\x03\x04": f"an Excel or OpenDocument workbook under another name; {_SAVE_AS} in the spreadsheet",
    b"\xd0\xcf\x11\xe0": f"an old Excel workbook (.xls) under another name; {_SAVE_AS} in the spreadsheet",
    b"PAR1": "a Parquet file under another name; write it as CSV: `pandas.read_parquet(FILE).to_csv(NAME, index=False)`",
}
Row = tuple[int, dict[str, Any]]  # the line it begins in, its fields by column


def detect_table_encoding(data: bytes, place: str, named: str = "") -> str:
    """Return the encoding of a table.

    By its mark, UTF-8, `named`, or guessed where that is beyond doubt.

    Raises:
        UserError: it is no text, or its encoding is not certain; the message has the row and what to do.
    """
    for magic, description in _OTHER_FORMATS.items():
        if data.startswith(magic):
            raise UserError(f"{place}: {description}")
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)) or (len(data) > 1 and data[:2].count(0) == 1):
        return _detect_utf16(data, place)
    invalid_byte = _find_invalid_byte(data, "utf-8")
    if invalid_byte is None:
        return "utf-8-sig"
    encoding = named or _guess_table_encoding(data)
    if encoding and _find_invalid_byte(data, encoding) is None:
        return encoding
    row = 1 + sum(data.count(end, 0, invalid_byte) for end in (b"\n", b"\r")) - data.count(b"\r\n", 0, invalid_byte)
    also = f" nor {named}" if named else ""
    remedy = f"{_SAVE_AS}, or name its encoding: `--names gbk`, `names: gbk` below `ingest` in params.yaml"
    raise UserError(f"{place}: not UTF-8 (byte {invalid_byte}){also}, in line {row}; {remedy}")


def read_csv_rows(data: bytes, place: str, encoding: str, is_header: Callable[[Sequence[str]], bool]) -> Iterator[Row]:
    """Yield the rows of a CSV file that are not blank.

    Columns are separated by what `is_header` recognises the first row by: comma, semicolon, tab or bar.

    Raises:
        UserError: no CSV, too long a row, or a field without a column; the message has the line.
    """
    lines = _LineReader(data, "", place, encoding)
    head = [line for line in _read_header_lines(lines) if line]
    separator, head = _detect_separator(head, is_header)
    first_line = lines.number - len(head) + 1  # the lines of `head` are the last ones read
    head = [re.sub(rf'" +(?={re.escape(separator)})', '"', line) for line in head]  # blanks behind a quote
    reader = csv.reader(chain(head, lines), delimiter=separator, strict=True, skipinitialspace=True)
    columns: list[str] | None = None
    start = first_line
    try:
        for fields in reader:
            lines.row, begin, start = 0, start, first_line + reader.line_num
            if not any(field.strip() for field in fields):
                continue
            if columns is None:
                columns = [field.strip().strip("'\"").strip() for field in fields]
                continue
            if extra := [field for field in fields[len(columns) :] if field.strip()]:
                raise UserError(
                    f"{place}:{begin}: {len(columns)} columns, and a field `{extra[0][:40]}` beyond them; "
                    f"a field that has `{separator}` in it needs quotes"
                )
            yield begin, dict(zip(columns, fields, strict=False))
    except csv.Error as error:
        unclosed = str(error) == "unexpected end of data"
        problem = "a quote opens in this row and never closes" if unclosed else error
        raise UserError(f"{place}:{start}: not CSV: {problem}") from None


def read_json_rows(data: bytes, place: str, encoding: str) -> Iterator[Row]:
    """Yield the objects of a file that has one in each line.

    Raises:
        UserError: a line that is no JSON object; the message has its number.
    """
    lines = _LineReader(data, "\n", place, encoding)
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


class _LineReader:
    """Read text line by line, with a maximum length of a row.

    All of it at once would take four bytes a character; no row may be longer than `_MAX_ROW_CHARACTERS`.
    """

    def __init__(self, data: bytes, newline: str, place: str, encoding: str) -> None:
        self._stream = io.TextIOWrapper(io.BytesIO(data), encoding=encoding, newline=newline)
        self._place = place
        self.row = 0  # characters since the last row; the reader of a row resets it
        self.number = 0  # of the last line

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        """Return the next line with its end."""
        line = self._stream.readline(_MAX_ROW_CHARACTERS + 1)
        self.row += len(line)
        if not line:
            raise StopIteration
        if self.row > _MAX_ROW_CHARACTERS:
            raise UserError(f"{self._place}: a row of more than {_MAX_ROW_CHARACTERS:,} characters")
        self.number += 1
        return line


def _read_header_lines(lines: _LineReader) -> Iterator[str]:
    """Yield the lines up to and including the header.

    It is the first line that is neither blank nor Excel's `sep=`.
    """
    for line in lines:
        yield line
        if line.strip(' \t\r\n,;|"') and not _SEPARATOR_LINE.fullmatch(line):
            return
        lines.row = 0


def _detect_separator(head: list[str], is_header: Callable[[Sequence[str]], bool]) -> tuple[str, list[str]]:
    """Return the separator, and the lines without Excel's own first one."""
    if head and (match := _SEPARATOR_LINE.fullmatch(head[0])):
        return match[1], head[1:]
    try:
        rows = {separator: next(csv.reader(head[-1:], delimiter=separator), []) for separator in _SEPARATORS}
    except csv.Error:
        return _SEPARATORS[0], head
    recognised = [separator for separator, row in rows.items() if is_header(row)]
    separator_of_header = max(recognised or _SEPARATORS, key=lambda separator: (len(rows[separator]), separator == ","))
    return separator_of_header, head


def _detect_utf16(data: bytes, place: str) -> str:
    marked = data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    encoding = "utf-16" if marked else ("utf-16-le" if data[1] == 0 else "utf-16-be")
    if data in {codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE}:
        raise UserError(f"{place}: not UTF-8 but UTF-16, and nothing in it")
    if (invalid_byte := _find_invalid_byte(data, encoding)) is not None:
        raise UserError(f"{place}: not UTF-8, and damaged as UTF-16 (byte {invalid_byte}); {_SAVE_AS}")
    return encoding


def _find_invalid_byte(data: bytes, encoding: str) -> int | None:
    """Return the position of the first byte that is not in the encoding, or None."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for at in range(0, len(data) + 1, _CHUNK):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(data[at : at + _CHUNK], final=at + _CHUNK > len(data))
        except UnicodeDecodeError as error:
            return at - pending + error.start
    return None


def _guess_table_encoding(data: bytes) -> str:
    """Return the encoding that a table is in beyond doubt, or an empty string."""
    lines = data[:_CHUNK].splitlines()
    texts = [
        line for line in (lines if len(data) <= _CHUNK else lines[:-1]) if not line.isascii()
    ]  # the last may be cut
    if not texts or any(len(text) > _MAX_GUESSED_LINE_BYTES for text in texts) or _is_damaged_utf8(texts):
        return ""
    guess = guess_encoding(texts)
    return guess.encoding if guess and guess.margin >= CERTAIN else ""


def _is_damaged_utf8(texts: list[bytes]) -> bool:
    non_ascii = sum(byte >= 0x80 for text in texts for byte in text)  # noqa: PLR2004  # not ASCII
    valid = sum(len(char.encode()) for text in texts for char in text.decode("utf-8", "ignore") if char >= "\x80")
    return valid > _UTF8_SHARE * non_ascii
