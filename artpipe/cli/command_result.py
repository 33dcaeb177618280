"""Show what a command did, as text or as JSON.

docs/json.md has the keys of each document.
"""

import contextlib
import json
import sys
from collections.abc import Callable
from typing import Annotated, Any, Protocol

import typer

from artpipe.system.plain_text import to_printable_lines

Json = Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")]


class CommandResult(Protocol):
    """What a command did or found."""

    def to_text(self) -> str:
        """Return it in lines for people."""

    def to_json(self) -> Any:
        """Return the same for programs."""


def show_result(work: Callable[[], CommandResult], *, as_json: bool = False) -> None:
    """Do the work of a command and show its result.

    With `as_json` what is printed meanwhile goes to stderr: stdout has the document alone.
    """
    with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext():
        result = work()
    if as_json:
        print_json(result.to_json())
    else:
        typer.echo(to_printable_lines(result.to_text()))


def print_json(document: Any) -> None:
    """Print a document to stdout, in ASCII, which any terminal can take."""
    typer.echo(json.dumps(document, indent=1))
