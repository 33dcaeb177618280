"""Generate `dvc.yaml`, with artpipe's version and a hash in its header."""

import difflib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from artpipe import __version__
from artpipe.config.safe_yaml import parse_yaml
from artpipe.errors import UserError
from artpipe.system.hashing import sha256_bytes

_TEMPLATE = Path(__file__).parents[1] / "starters/graph.yaml"
_HEADER = re.compile(r"\A# Written by artpipe (\S+); sha256 of what follows: ([0-9a-f]{64})\n")


def make_graph_text() -> str:
    """Return the text of `dvc.yaml` for this version."""
    body = _HEADER.sub("", _TEMPLATE.read_text(encoding="utf-8"))
    return f"# Written by artpipe {__version__}; sha256 of what follows: {sha256_bytes(body.encode())}\n{body}"


def is_untouched(text: str) -> bool:
    """Return whether a `dvc.yaml` is as some version of artpipe wrote it.

    Line ends do not matter.
    """
    text = text.replace("\r\n", "\n")
    header = _HEADER.match(text)
    return header is not None and header[2] == sha256_bytes(text[header.end() :].encode())


def require_whole_graph(root: Path = Path(), text: str | None = None) -> None:
    """Raise if a `dvc.yaml` changed by hand lacks what this version's has.

    Stages and lines of one's own may stand in it.

    Raises:
        UserError: the first thing that is missing, and how to get it back.
    """
    path = root / "dvc.yaml"
    text = path.read_text(encoding="utf-8") if text is None else text
    if is_untouched(text):
        return
    if missing := next(_find_missing(parse_yaml(text, str(path)), parse_yaml(make_graph_text(), "dvc.yaml"), ""), ""):
        raise UserError(
            f"{path}: changed by hand, and {missing} is missing, so that results would be taken for up to date that are not; "
            "`artpipe upgrade` shows the difference, and writes the file anew where it was removed"
        )


def describe_difference(text: str) -> str:
    """Return the lines in which a `dvc.yaml` differs from this version's."""
    ours = make_graph_text().splitlines()
    return "\n".join(
        difflib.unified_diff(text.splitlines(), ours, "dvc.yaml", "dvc.yaml of this version", n=1, lineterm="")
    )


def _find_missing(graph: Any, expected: Any, place: str) -> Iterator[str]:
    """Yield the places of what `expected` has and `graph` has not."""
    if isinstance(expected, Mapping):
        for key, value in expected.items():
            inner = f"{place}.{key}" if place else str(key)
            if not isinstance(graph, Mapping) or key not in graph:
                yield f"`{inner}`"
            elif key not in {"desc", "vars"}:
                yield from _find_missing(graph[key], value, inner)
    elif isinstance(expected, list):
        items = graph if isinstance(graph, list) else []
        for value in expected:
            nearest = [item for item in items if not any(_find_missing(item, value, place))]
            if not nearest:
                yield f"`{value}` of `{place}`"
    elif graph != expected:
        yield f"`{expected}` of `{place}`"
