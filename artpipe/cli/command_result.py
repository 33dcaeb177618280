"""Show what a command did, as text or as JSON.

docs/json.md has the keys of each document.
"""

import contextlib
import json
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Annotated, Any, Protocol, TypeVar, runtime_checkable

import typer

from artpipe.errors import ArtpipeError
from artpipe.system.plain_text import to_printable, to_printable_lines

SLOW_SECONDS = 2.0  # of work that says so beforehand
Json = Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")]


@runtime_checkable
class JsonResult(Protocol):
    """What programs get a document of."""

    def to_json(self) -> Any:
        """Return it for programs."""


class CommandResult(JsonResult, Protocol):
    """What a command did or found."""

    def to_text(self) -> str:
        """Return it in lines for people."""


@runtime_checkable
class PrintedResult(JsonResult, Protocol):
    """The same with colours, or with tables as wide as the terminal."""

    def print_text(self) -> None:
        """Print it for people."""


Result = TypeVar("Result", bound=CommandResult | PrintedResult)


def show_result(work: Callable[[], Result], *, as_json: bool = False, if_slow: str = "") -> Result:
    """Do the work of a command, show its result, and return it.

    Work that may take long says `if_slow` on stderr when it does. With `as_json` what is printed meanwhile goes to stderr: stdout has the document alone, also that of an error which has
    one.
    """
    try:
        with contextlib.redirect_stdout(sys.stderr) if as_json else contextlib.nullcontext(), _say_if_slow(if_slow):
            result = work()
    except ArtpipeError as error:
        if as_json and isinstance(error, JsonResult):
            _print_json(error.to_json())
        raise
    if as_json:
        _print_json(result.to_json())
    elif isinstance(result, PrintedResult):
        result.print_text()
    else:
        typer.echo(to_printable_lines(result.to_text()))
    return result


@contextlib.contextmanager
def _say_if_slow(sentence: str) -> Iterator[None]:
    timer = threading.Timer(SLOW_SECONDS, lambda: sys.stderr.write(f"{to_printable(sentence)} ...\n"))
    timer.daemon = True
    if sentence:
        timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _print_json(document: Any) -> None:
    """Print a document to stdout, in ASCII, which any terminal can take."""
    typer.echo(json.dumps(document, indent=1))
