"""Where a command may write what it was asked for."""

import os
import tempfile
from pathlib import Path

from artpipe.errors import UserError
from artpipe.system.plain_text import to_printable

_MOST_BYTES = 230  # of a name, so that those of temporaries and single files fit
_READ_BYTES = 64
PAGE, DRAWING = "page", "drawing"  # HTML and SVG
_STARTS = {PAGE: (b"<!doctype html",), DRAWING: (b"<svg", b"<?xml")}  # in small letters


def check_output(path: Path, option: str, kind: str = "") -> None:
    """Refuse a path that cannot be written, or whose file is of another kind.

    Args:
        path: the file to be written.
        option: by which it was named.
        kind: `PAGE` or `DRAWING`, of which a file may be replaced; empty: any may.

    Raises:
        UserError: one line with the option and the path.
    """
    place = f"{option} {to_printable(str(path))}"
    if len(os.fsencode(path.name)) > _MOST_BYTES:
        raise UserError(f"{option}: a name of {len(os.fsencode(path.name))} bytes; {_MOST_BYTES} at most fit")
    if path.exists() and not path.is_file():
        raise UserError(f"{place}: {'a folder' if path.is_dir() else 'no file'}; name a file")
    nearest = next(parent for parent in path.absolute().parents if parent.exists())
    if not _takes_files(nearest):
        raise UserError(
            f"{place}: nothing can be written in {to_printable(str(nearest))}; name a file that can be written"
        )
    if kind and path.is_file():
        with path.open("rb") as stream:
            start = stream.read(_READ_BYTES).lstrip().lower()
        if start and not start.startswith(_STARTS[kind]):
            raise UserError(f"{place}: a file that is there and no {kind}; name another, or move it away")


def _takes_files(folder: Path) -> bool:
    """Return whether a file can be made in a folder; its mode may lie (/proc)."""
    try:
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False
