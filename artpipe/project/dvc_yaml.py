"""Generate `dvc.yaml`, with artpipe's version and a hash in its header."""

import re
from pathlib import Path

from artpipe import __version__
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
