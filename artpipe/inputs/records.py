"""Files that hold many works: JSON lines, JSON lists, JSON by split, plain text with a separator."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from artpipe.inputs.metadata import SPLITS, known_fields

_CONTENT = ("text", "paragraphs", "lines", "content")  # the first that is there is the work itself
_NAMES = {dict: "an object", list: "a list", str: "text", bool: "true or false", type(None): "null"}
_SHOWN = 4  # names of an object
_UTF16 = (b"\xff\xfe", b"\xfe\xff")  # marks at a text's beginning
Record = tuple[str, Any, dict[str, Any]]  # name in the file, content, what is known of it: fields of a Candidate


def records(name: str, data: bytes, separator: str = "") -> Iterator[Record]:
    """Yield the records of a file by its name's suffix; content is text, or what JSON holds (a score as numbers).

    ``.jsonl``: an object or a string in each line. ``.json``: a list of them, or an object of such lists by split.
    Anything else: text, cut at `separator` where there is one. What is no JSON is yielded as rejected: one bad line
    costs that line.
    """
    suffix = name.rpartition(".")[2].lower()
    if suffix == "jsonl":
        lines = enumerate(_utf8(data).split(b"\n"))
        yield from (_line(number, line) for number, line in lines if line.strip())
    elif suffix == "json":
        yield from _listed(data)
    elif separator:
        parts = _utf8(data).replace(b"\r\n", b"\n").split(separator.encode())
        yield from ((f"#{number:05d}", part.strip(b"\n"), {}) for number, part in enumerate(parts) if part.strip())
    else:
        yield "", data, {}


def _utf8(data: bytes) -> bytes:
    """Return text that is marked as UTF-16 in UTF-8, so that it can be cut; other bytes as they are."""
    return data.decode("utf-16", "replace").encode() if data.startswith(_UTF16) else data


def _listed(data: bytes) -> Iterator[Record]:
    try:
        found = json.loads(data)
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
        return _opened(f"#{number:05d}", json.loads(line), {})
    except (ValueError, RecursionError) as error:
        return f"#{number:05d}", b"", _no_json(f"line {number + 1} is no JSON", error)


def _no_json(what: str, error: Exception) -> dict[str, Any]:
    """Return the fields of a candidate that is rejected for what `json.loads` found in it."""
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
