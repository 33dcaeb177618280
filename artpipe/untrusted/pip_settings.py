"""What pip is told of the package index.

Works come from where packages do.
"""

import ast
import os
import sys

from artpipe.system.processes import run_child

_SECTIONS = ("install", "global")  # of pip's files, the nearer first
_SECONDS = 60.0


def find_pip_setting(name: str) -> str | None:
    """Return a setting of pip, such as `index-url`; None where it has none.

    An environment variable (PIP_INDEX_URL) goes before pip's files, as pip has it. Where pip is not installed, only the
    variable is looked at.
    """
    if value := os.environ.get(f"PIP_{name.upper().replace('-', '_')}"):
        return value
    lines: list[str] = []
    if run_child([sys.executable, "-m", "pip", "config", "list"], lines.append, timeout_seconds=_SECONDS):
        return None
    settings = dict(line.split("=", 1) for line in lines if "=" in line)
    texts = (settings.get(f"{section}.{name}") for section in _SECTIONS)
    return next((_read_literal(text) for text in texts if text), None)


def _read_literal(text: str) -> str | None:
    """Return what pip shows as a Python literal."""
    try:
        return str(ast.literal_eval(text))
    except (SyntaxError, ValueError):
        return None
