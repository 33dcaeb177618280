"""Files that hold many works: JSON lines, JSON lists, JSON by split, plain text with a separator."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from artpipe.language.message import Message
from artpipe.untrusted.encodings.text_decoding import as_utf8
from artpipe.untrusted.metadata import SPLITS, known_fields

_CONTENT = ("text", "paragraphs", "lines", "content")  # the first that is there is the work itself
_NAMES = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
_SHOWN = 4  # names of an object
_BLANK = rb"(?:[ \t\f\v]|\xc2\xa0|\xe2\x80[\x80-\x8f\xaf]|\xe3\x80\x80|\xef\xbb\xbf)"  # in UTF-8, of any width or none
_BLANK_LINES = re.compile(rb"(?:%b*+\n)+" % _BLANK)
_NOTHING = re.compile(rb"(?:%b|\n)*+" % _BLANK)
_JSON_BYTES = 64 << 20  # parsed at once; in Python it takes up to eight times as much
_JSON_VALUES = 3_000_000  # a hundred bytes each
_WORKS = 1_000_000  # of one file
Record = tuple[str, Any, dict[str, Any]]  # name in the file, content, what is known of it: fields of a Candidate


def records(name: str, data: bytes, separator: str = "", encoding: str = "") -> Iterator[Record]:
    """Yield the records of a file by its name's suffix; content is text, or what JSON holds (a score as numbers).

    ``.jsonl``: an object or a string in each line. ``.json``: a list of them, or an object of such lists by split.
    Anything else: text, cut at `separator` where there is one: its line ends stand for those of any system, and lines
    of blanks for empty ones. What is no JSON is yielded as rejected: one bad line
    costs that line. All of it is read here and not in a worker, so what would take more than some hundred megabytes of
    memory is rejected before it is parsed; of text in another encoding the beginning is looked at.
    """
    for count, record in enumerate(_records(name, data, separator, encoding)):
        if count == _WORKS:
            told = Message(code="more_works_than", values={"works": _WORKS})
            yield "", b"", {"rejected": "bomb", "notes": (told.encode(),)}
            return
        yield record


def _records(name: str, data: bytes, separator: str, encoding: str) -> Iterator[Record]:
    suffix = name.rpartition(".")[2].lower()
    if suffix not in {"json", "jsonl"} and not separator:
        yield "", data, {}
        return
    data, read_as = as_utf8(data, encoding)
    if suffix == "jsonl":
        lines = data.replace(b"\r", b"\n") if b"\n" not in data else data
        found: Iterator[Record] = (_line(number, line) for number, line in _lines(lines))
    elif suffix == "json":
        found = _listed(data)
    else:
        parts = enumerate(_cut(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), separator))
        found = ((f"#{number:05d}", part, {}) for number, part in parts if not _NOTHING.fullmatch(part))
    yield from (
        (_noted(record, Message(code="text_read_as", values={"encoding": read_as}).encode()) for record in found)
        if read_as
        else found
    )


def _noted(record: Record, note: str) -> Record:
    name, content, fields = record
    return name, content, fields if "rejected" in fields else {**fields, "notes": (note,)}


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank with their numbers from 0; a list of them would outgrow the file."""
    number = at = 0
    for found in re.finditer(rb"\S[^\n]*", data):
        number, at = number + data.count(b"\n", at, found.start()), found.start()
        yield number, data[data.rfind(b"\n", 0, at) + 1 : found.end()]


def _cut(data: bytes, separator: str) -> Iterator[bytes]:
    """Yield what stands between separators, without empty lines around it."""
    start = 0
    for found in _separator(separator).finditer(data):
        yield _trimmed(data[start : found.start()])
        start = found.end()
    yield _trimmed(data[start:])


def _trimmed(part: bytes) -> bytes:
    blank = _BLANK_LINES.match(part)
    return part[blank.end() if blank else 0 :].strip(b"\n")


def _separator(text: str) -> re.Pattern[bytes]:
    """Return what a separator is in UTF-8 whose lines end with a line feed; blanks at the end of a line do not count."""
    lines = text.replace("\r\n", "\n").replace("\r", "\n").encode().split(b"\n")
    if not any(lines):
        return re.compile(rb"\n(?:%b*+\n){%d,}" % (_BLANK, len(lines) - 2))
    ends = [(_BLANK + b"*+" if line or number else b"") + b"\n" for number, line in enumerate(lines[:-1])] + [b""]
    return re.compile(b"".join(re.escape(line) + end for line, end in zip(lines, ends, strict=True)))


class _TooMuchError(ValueError):
    """JSON that would take too much memory."""


def _parsed(data: bytes) -> Any:
    if len(data) > _JSON_BYTES:
        raise _TooMuchError(
            Message(code="json_megabytes", values={"megabytes": len(data) / 2**20, "most": _JSON_BYTES >> 20}).encode()
        )
    if (values := sum(map(data.count, (b",", b"[", b"{", b":")))) > _JSON_VALUES:
        raise _TooMuchError(Message(code="json_values", values={"values": values, "most": _JSON_VALUES}).encode())
    return json.loads(data)


def _listed(data: bytes) -> Iterator[Record]:
    try:
        found = _parsed(data)
    except (ValueError, RecursionError) as error:
        yield "", b"", _no_json(error)
        return
    by_split = isinstance(found, dict) and found and all(key in SPLITS for key in found)
    lists = found.items() if by_split else [_only_list(found)]
    for key, listed in lists:
        known = {"split": SPLITS[key]} if by_split else {}
        for number, one in enumerate(listed if isinstance(listed, list) else [listed]):
            yield _opened(f"#{key}{'-' if key else ''}{number:05d}", one, known)


def _only_list(found: Any) -> tuple[str, Any]:
    """Return the one list of records in an object that is no record itself, and its name; else all there is as a list."""
    if isinstance(found, dict) and not any(key in found for key in _CONTENT):
        lists = [(key, value) for key, value in found.items() if isinstance(value, list)]
        if len(lists) == 1 and all(isinstance(record, dict | str) for record in lists[0][1]):
            return lists[0]
    return "", found if isinstance(found, list) else [found]


def _line(number: int, line: bytes) -> Record:
    try:
        return _opened(f"#{number:05d}", _parsed(line), {})
    except (ValueError, RecursionError) as error:
        return f"#{number:05d}", b"", _no_json(error, number + 1)


def _no_json(error: Exception, line: int = 0) -> dict[str, Any]:
    """Return the fields of a candidate that is rejected for what was found in it."""
    if isinstance(error, _TooMuchError):
        return {"rejected": "too large", "notes": (str(error),)}
    problem = _json_problem(error)
    if line:
        told = Message(code="line_no_json", values={"line": line, "problem": problem})
    else:
        told = Message(code="no_json", values={"problem": problem})
    return {"rejected": "damaged", "notes": (told.encode(),)}


def _json_problem(error: Exception) -> str | Message:
    if isinstance(error, UnicodeDecodeError):
        return Message(code="byte_not_in_encoding", values={"byte": error.start, "encoding": "UTF-8"})
    if not isinstance(error, json.JSONDecodeError):
        return "too deeply nested"
    said = f"{error.msg[0].lower()}{error.msg[1:].removesuffix(' at')}"
    if error.lineno == 1:
        return Message(code="json_error_at_character", values={"error": said, "character": error.colno})
    return Message(code="json_error_at_line", values={"error": said, "line": error.lineno, "character": error.colno})


def no_content(found: Any) -> str:
    """Say what stands where the text of a work should."""
    if not isinstance(found, dict) or not found:
        return Message(code="no_text_but", values={"kind": _NAMES.get(type(found), "a number")}).encode()
    names = ", ".join(f"`{key}`" for key in list(found)[:_SHOWN])
    wanted = ", ".join(f"`{key}`" for key in _CONTENT)
    return Message(code="object_without_text", values={"keys": names, "wanted": wanted}).encode()


def _opened(name: str, found: Any, known: Mapping[str, str]) -> Record:
    """Return content and fields of one JSON value: an object has its content under one of a few usual names."""
    if not isinstance(found, dict):
        return name, found, dict(known)
    key = next((key for key in _CONTENT if key in found), None)
    content = found if key is None else found[key]
    if isinstance(content, list) and all(isinstance(line, str) for line in content):
        content = "\n".join(content)
    fields = known_fields(found, but=key)
    fields.pop("caption", None)  # a text is its own
    return name, content, {**fields, **known}
