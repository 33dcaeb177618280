"""Read files that hold many works.

JSON lines, JSON lists, JSON by split, plain text with a separator.
"""

import json
import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from artpipe.language.message import Message
from artpipe.untrusted.encodings.text_decoding import convert_to_utf8
from artpipe.untrusted.metadata import SPLIT_WORDS, select_known_fields

_CONTENT_KEYS = ("text", "paragraphs", "lines", "content")  # the first that is there is the work itself
_JSON_TYPE_NAMES = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
_SHOWN_KEYS = 4  # names of an object
_BLANK = rb"(?:[ \t\f\v]|\xc2\xa0|\xe2\x80[\x80-\x8f\xaf]|\xe3\x80\x80|\xef\xbb\xbf)"  # in UTF-8, of any width or none
_BLANK_LINES = re.compile(rb"(?:%b*+\n)+" % _BLANK)
_BLANK_TEXT = re.compile(rb"(?:%b|\n)*+" % _BLANK)
_MAX_JSON_BYTES = 64 << 20  # parsed at once; in Python it takes up to eight times as much
_MAX_JSON_VALUES = 3_000_000  # a hundred bytes each
_MAX_WORKS = 1_000_000  # of one file
Record = tuple[str, Any, dict[str, Any]]  # name in the file, content, what is known of it: fields of a Candidate


def read_records(name: str, data: bytes, separator: str = "", encoding: str = "") -> Iterator[Record]:
    """Yield the records of a file, parsed by the suffix of its name.

    Content is text, or what JSON holds (a score as numbers).

    ``.jsonl``: an object or a string in each line. ``.json``: a list of them, or an object of such lists by split.
    Anything else: text, cut at `separator` where there is one: its line ends stand for those of any system, and lines
    of blanks for empty ones. What is no JSON is yielded as rejected: one bad line
    costs that line. All of it is read here and not in a worker, so what would take more than some hundred megabytes of
    memory is rejected before it is parsed; of text in another encoding the beginning is looked at.
    """
    for count, record in enumerate(_parse_records(name, data, separator, encoding)):
        if count == _MAX_WORKS:
            note = Message(code="more_works_than", values={"works": _MAX_WORKS})
            yield "", b"", {"rejected": "bomb", "notes": (note.encode(),)}
            return
        yield record


def _parse_records(name: str, data: bytes, separator: str, encoding: str) -> Iterator[Record]:
    suffix = name.rpartition(".")[2].lower()
    if suffix not in {"json", "jsonl"} and not separator:
        yield "", data, {}
        return
    data, read_as = convert_to_utf8(data, encoding)
    if suffix == "jsonl":
        lines = data.replace(b"\r", b"\n") if b"\n" not in data else data
        parsed: Iterator[Record] = (_parse_json_line(number, line) for number, line in _split_lines(lines))
    elif suffix == "json":
        parsed = _parse_json_list(data)
    else:
        parts = enumerate(_split_at_separator(data.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), separator))
        parsed = ((f"#{number:05d}", part, {}) for number, part in parts if not _BLANK_TEXT.fullmatch(part))
    yield from (
        (_add_note(record, Message(code="text_read_as", values={"encoding": read_as}).encode()) for record in parsed)
        if read_as
        else parsed
    )


def drop_records(name: str, data: bytes, keys: Collection[str], separator: str = "", encoding: str = "") -> bytes:
    """Return a file without the records of some names; the arguments are those above.

    It is in UTF-8 then. The names of what stands behind them change, since they are numbers.
    """
    suffix = name.rpartition(".")[2].lower()
    data, _ = convert_to_utf8(data, encoding)
    if suffix == "jsonl":
        lines = (data.replace(b"\r", b"\n") if b"\n" not in data else data).split(b"\n")
        return b"\n".join(line for number, line in enumerate(lines) if f"#{number:05d}" not in keys)
    if suffix == "json":
        return _drop_json_records(data, keys)
    data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    ends = [match.end() for match in _separator_pattern(separator).finditer(data)] + [len(data)]
    parts = (data[start:end] for start, end in zip([0, *ends], ends, strict=False))  # each with its separator
    return b"".join(part for number, part in enumerate(parts) if f"#{number:05d}" not in keys)


def _drop_json_records(data: bytes, keys: Collection[str]) -> bytes:
    value = _parse_json(data)
    by_split = isinstance(value, dict) and value and all(key in SPLIT_WORDS for key in value)
    lists = dict(value.items() if by_split else [_find_only_list(value)])
    for key, records in lists.items():
        prefix = f"#{key}{'-' if key else ''}"
        if isinstance(records, list):
            records[:] = [record for number, record in enumerate(records) if f"{prefix}{number:05d}" not in keys]
        elif f"{prefix}00000" in keys:
            value[key] = []
    return json.dumps(value, ensure_ascii=False).encode() if any(lists.values()) else b""


def _add_note(record: Record, note: str) -> Record:
    name, content, fields = record
    return name, content, fields if "rejected" in fields else {**fields, "notes": (note,)}


def _split_lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank with their numbers from 0.

    A list of them would outgrow the file.
    """
    number = start = 0
    for match in re.finditer(rb"\S[^\n]*", data):
        number, start = number + data.count(b"\n", start, match.start()), match.start()
        yield number, data[data.rfind(b"\n", 0, start) + 1 : match.end()]


def _split_at_separator(data: bytes, separator: str) -> Iterator[bytes]:
    """Yield what stands between separators, without empty lines around it."""
    start = 0
    for match in _separator_pattern(separator).finditer(data):
        yield _trim_blank_lines(data[start : match.start()])
        start = match.end()
    yield _trim_blank_lines(data[start:])


def _trim_blank_lines(part: bytes) -> bytes:
    blank = _BLANK_LINES.match(part)
    return part[blank.end() if blank else 0 :].strip(b"\n")


def _separator_pattern(text: str) -> re.Pattern[bytes]:
    """Return the pattern of a separator in UTF-8 with line feeds as line ends.

    Blanks at the end of a line do not count.
    """
    lines = text.replace("\r\n", "\n").replace("\r", "\n").encode().split(b"\n")
    if not any(lines):
        return re.compile(rb"\n(?:%b*+\n){%d,}" % (_BLANK, len(lines) - 2))
    ends = [(_BLANK + b"*+" if line or number else b"") + b"\n" for number, line in enumerate(lines[:-1])] + [b""]
    return re.compile(b"".join(re.escape(line) + end for line, end in zip(lines, ends, strict=True)))


class _JsonTooLargeError(ValueError):
    """JSON that would take too much memory."""


def _parse_json(data: bytes) -> Any:
    if len(data) > _MAX_JSON_BYTES:
        raise _JsonTooLargeError(
            Message(
                code="json_megabytes", values={"megabytes": len(data) / 2**20, "most": _MAX_JSON_BYTES >> 20}
            ).encode()
        )
    if (values := sum(map(data.count, (b",", b"[", b"{", b":")))) > _MAX_JSON_VALUES:
        raise _JsonTooLargeError(
            Message(code="json_values", values={"values": values, "most": _MAX_JSON_VALUES}).encode()
        )
    return json.loads(data)


def _parse_json_list(data: bytes) -> Iterator[Record]:
    try:
        value = _parse_json(data)
    except (ValueError, RecursionError) as error:
        yield "", b"", _describe_json_error(error)
        return
    by_split = isinstance(value, dict) and value and all(key in SPLIT_WORDS for key in value)
    lists = value.items() if by_split else [_find_only_list(value)]
    for key, records_of_list in lists:
        split_fields = {"split": SPLIT_WORDS[key]} if by_split else {}
        for number, record in enumerate(records_of_list if isinstance(records_of_list, list) else [records_of_list]):
            yield _make_record(f"#{key}{'-' if key else ''}{number:05d}", record, split_fields)


def _find_only_list(content: Any) -> tuple[str, Any]:
    """Return the only list of records in an object, and its name.

    Otherwise, or where the object is a record itself, return everything as one list.
    """
    if isinstance(content, dict) and not any(key in content for key in _CONTENT_KEYS):
        lists = [(key, value) for key, value in content.items() if isinstance(value, list)]
        if len(lists) == 1 and all(isinstance(record, dict | str) for record in lists[0][1]):
            return lists[0]
    return "", content if isinstance(content, list) else [content]


def _parse_json_line(number: int, line: bytes) -> Record:
    try:
        return _make_record(f"#{number:05d}", _parse_json(line), {})
    except (ValueError, RecursionError) as error:
        return f"#{number:05d}", b"", _describe_json_error(error, number + 1)


def _describe_json_error(error: Exception, line: int = 0) -> dict[str, Any]:
    """Return the fields of a candidate that is rejected because of its JSON."""
    if isinstance(error, _JsonTooLargeError):
        return {"rejected": "too large", "notes": (str(error),)}
    problem = _json_problem(error)
    if line:
        message = Message(code="line_no_json", values={"line": line, "problem": problem})
    else:
        message = Message(code="no_json", values={"problem": problem})
    return {"rejected": "damaged", "notes": (message.encode(),)}


def _json_problem(error: Exception) -> str | Message:
    if isinstance(error, UnicodeDecodeError):
        return Message(code="byte_not_in_encoding", values={"byte": error.start, "encoding": "UTF-8"})
    if not isinstance(error, json.JSONDecodeError):
        return "too deeply nested"
    error_text = f"{error.msg[0].lower()}{error.msg[1:].removesuffix(' at')}"
    if error.lineno == 1:
        return Message(code="json_error_at_character", values={"error": error_text, "character": error.colno})
    return Message(
        code="json_error_at_line", values={"error": error_text, "line": error.lineno, "character": error.colno}
    )


def describe_missing_text(content: Any) -> str:
    """Return what stands where the text of a work should."""
    if not isinstance(content, dict) or not content:
        return Message(code="no_text_but", values={"kind": _JSON_TYPE_NAMES.get(type(content), "a number")}).encode()
    names = ", ".join(f"`{key}`" for key in list(content)[:_SHOWN_KEYS])
    wanted = ", ".join(f"`{key}`" for key in _CONTENT_KEYS)
    return Message(code="object_without_text", values={"keys": names, "wanted": wanted}).encode()


def _make_record(name: str, value: Any, known_values: Mapping[str, str]) -> Record:
    """Return content and fields of one JSON value.

    An object has its content under one of a few usual names.
    """
    if not isinstance(value, dict):
        return name, value, dict(known_values)
    key = next((key for key in _CONTENT_KEYS if key in value), None)
    content = value if key is None else value[key]
    if isinstance(content, list) and all(isinstance(line, str) for line in content):
        content = "\n".join(content)
    fields = select_known_fields(value, skip=key)
    fields.pop("caption", None)  # a text is its own
    return name, content, {**fields, **known_values}
