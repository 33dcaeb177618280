"""Files that hold many works: JSON lines, JSON lists, JSON by split, plain text with a separator."""

import codecs
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from artpipe.inputs.metadata import SPLITS, known_fields

_CONTENT = ("text", "paragraphs", "lines", "content")  # the first that is there is the work itself
_NAMES = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
_SHOWN = 4  # names of an object
_UTF16 = (b"\xff\xfe", b"\xfe\xff")  # marks at a text's beginning
_JSON_BYTES = 64 << 20  # parsed at once; in Python it takes up to eight times as much
_JSON_VALUES = 3_000_000  # a hundred bytes each
_WORKS = 1_000_000  # of one file
_CHUNK = 1 << 20
Record = tuple[str, Any, dict[str, Any]]  # name in the file, content, what is known of it: fields of a Candidate


def records(name: str, data: bytes, separator: str = "") -> Iterator[Record]:
    """Yield the records of a file by its name's suffix; content is text, or what JSON holds (a score as numbers).

    ``.jsonl``: an object or a string in each line. ``.json``: a list of them, or an object of such lists by split.
    Anything else: text, cut at `separator` where there is one. What is no JSON is yielded as rejected: one bad line
    costs that line. All of it is read here and not in a worker, so what would take more than some hundred megabytes of
    memory is rejected before it is parsed.
    """
    for count, record in enumerate(_records(name, data, separator)):
        if count == _WORKS:
            told = f"more than {_WORKS:,} works; the rest of the file was not read"
            yield "", b"", {"rejected": "bomb", "notes": (told,)}
            return
        yield record


def _records(name: str, data: bytes, separator: str) -> Iterator[Record]:
    suffix = name.rpartition(".")[2].lower()
    if suffix == "jsonl":
        yield from (_line(number, line) for number, line in _lines(_utf8(data)))
    elif suffix == "json":
        yield from _listed(data)
    elif separator:
        parts = enumerate(_cut(_utf8(data).replace(b"\r\n", b"\n"), separator.encode()))
        yield from ((f"#{number:05d}", part.strip(b"\n"), {}) for number, part in parts if part.strip())
    else:
        yield "", data, {}


def _utf8(data: bytes) -> bytes:
    """Return text that is marked as UTF-16 in UTF-8, so that it can be cut; other bytes as they are."""
    if not data.startswith(_UTF16):
        return data
    chunks = (data[at : at + _CHUNK] for at in range(0, len(data), _CHUNK))
    return b"".join(text.encode() for text in codecs.iterdecode(chunks, "utf-16", "replace"))


def _lines(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the lines that are not blank with their numbers from 0; a list of them would outgrow the file."""
    number = at = 0
    for found in re.finditer(rb"\S[^\n]*", data):
        number, at = number + data.count(b"\n", at, found.start()), found.start()
        yield number, data[data.rfind(b"\n", 0, at) + 1 : found.end()]


def _cut(data: bytes, separator: bytes) -> Iterator[bytes]:
    """Yield the parts of `data.split(separator)`."""
    start = 0
    while (end := data.find(separator, start)) >= 0:
        yield data[start:end]
        start = end + len(separator)
    yield data[start:]


class _TooMuchError(ValueError):
    """JSON that would take too much memory."""


def _parsed(data: bytes) -> Any:
    if len(data) > _JSON_BYTES:
        raise _TooMuchError(f"{len(data) / 2**20:.0f} MiB of JSON at once, at most {_JSON_BYTES >> 20}")
    if (values := sum(map(data.count, (b",", b"[", b"{", b":")))) > _JSON_VALUES:
        raise _TooMuchError(f"{values:,} values of JSON at once, at most {_JSON_VALUES:,}")
    return json.loads(data)


def _listed(data: bytes) -> Iterator[Record]:
    try:
        found = _parsed(data)
    except (ValueError, RecursionError) as error:
        yield "", b"", _no_json("no JSON", error)
        return
    by_split = isinstance(found, dict) and found and all(key in SPLITS for key in found)
    lists = found.items() if by_split else [("", found if isinstance(found, list) else [found])]
    for key, listed in lists:
        known = {"split": SPLITS[key]} if key else {}
        for number, one in enumerate(listed if isinstance(listed, list) else [listed]):
            yield _opened(f"#{key}{'-' if key else ''}{number:05d}", one, known)


def _line(number: int, line: bytes) -> Record:
    try:
        return _opened(f"#{number:05d}", _parsed(line), {})
    except (ValueError, RecursionError) as error:
        return f"#{number:05d}", b"", _no_json(f"line {number + 1} is no JSON", error)


def _no_json(what: str, error: Exception) -> dict[str, Any]:
    """Return the fields of a candidate that is rejected for what was found in it."""
    if isinstance(error, _TooMuchError):
        return {"rejected": "too large", "notes": (f"{error}; one file may have more in lines of JSON (.jsonl)",)}
    if isinstance(error, json.JSONDecodeError):
        at = f"character {error.colno}" if error.lineno == 1 else f"line {error.lineno}, character {error.colno}"
        said = f"{error.msg[0].lower()}{error.msg[1:].removesuffix(' at')} at {at}"
    else:
        said = f"byte {error.start} is not UTF-8" if isinstance(error, UnicodeDecodeError) else "too deeply nested"
    return {"rejected": "damaged", "notes": (f"{what}: {said}",)}


def no_content(found: Any) -> str:
    """Say what stands where the text of a work should."""
    if not isinstance(found, dict) or not found:
        return f"{_NAMES.get(type(found), 'a number')} where text should be"
    names = ", ".join(f"`{key}`" for key in list(found)[:_SHOWN])
    return f"an object of {names}; its text should be named {', '.join(f'`{key}`' for key in _CONTENT)}"


def _opened(name: str, found: Any, known: Mapping[str, str]) -> Record:
    """Return content and fields of one JSON value: an object has its content under one of a few usual names."""
    if not isinstance(found, dict):
        return name, found, dict(known)
    key = next((key for key in _CONTENT if key in found), None)
    content = found if key is None else found[key]
    if isinstance(content, list) and all(isinstance(line, str) for line in content):
        content = "\n".join(content)
    return name, content, {**known_fields(found), **known}
