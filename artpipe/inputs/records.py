"""Files that hold many works: JSON lines, JSON lists, JSON by split, plain text with a separator."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from artpipe.inputs.metadata import SPLITS, known_fields

_CONTENT = ("text", "paragraphs", "lines", "content")  # the first that is there is the work itself
Record = tuple[str, Any, dict[str, str]]  # name in the file, content, what is known of it


def records(name: str, data: bytes, separator: str = "") -> Iterator[Record]:
    """Yield the records of a file by its name's suffix; content is text, or what JSON holds (a score as numbers).

    ``.jsonl``: an object or a string in each line. ``.json``: a list of them, or an object of such lists by split.
    Anything else: text, cut at `separator` where there is one. What cannot be read is yielded as its bytes, and judged
    by the medium: one bad line costs that line.
    """
    suffix = name.rpartition(".")[2].lower()
    if suffix == "jsonl":
        lines = [line for line in data.split(b"\n") if line.strip()]
        yield from (_record(f"#{number:05d}", line, {}) for number, line in enumerate(lines))
    elif suffix == "json":
        yield from _listed(data)
    elif separator:
        parts = data.replace(b"\r\n", b"\n").split(separator.encode())
        yield from ((f"#{number:05d}", part.strip(b"\n"), {}) for number, part in enumerate(parts) if part.strip())
    else:
        yield "", data, {}


def _listed(data: bytes) -> Iterator[Record]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        yield "", data, {}
        return
    by_split = isinstance(found, dict) and found and all(key in SPLITS for key in found)
    lists = found.items() if by_split else [("", found if isinstance(found, list) else [found])]
    for key, listed in lists:
        known = {"split": SPLITS[key]} if key else {}
        for number, one in enumerate(listed if isinstance(listed, list) else [listed]):
            yield _opened(f"#{key}{'-' if key else ''}{number:05d}", one, known)


def _record(name: str, line: bytes, known: dict[str, str]) -> Record:
    try:
        return _opened(name, json.loads(line), known)
    except (ValueError, RecursionError):
        return name, line, known


def _opened(name: str, found: Any, known: Mapping[str, str]) -> Record:
    """Return content and fields of one JSON value: an object has its content under one of a few usual names."""
    if not isinstance(found, dict):
        return name, found, dict(known)
    key = next((key for key in _CONTENT if key in found), None)
    content = found if key is None else found[key]
    if isinstance(content, list) and all(isinstance(line, str) for line in content):
        content = "\n".join(content)
    return name, content, {**known_fields(found), **known}
