"""Where a command may write what it was asked for."""

import os
from collections.abc import Sequence
from pathlib import Path

from artpipe.errors import UserError

_MOST_BYTES = 230  # of a name, so that those of temporaries and single files fit
_READ_BYTES = 64


def check_output(path: Path, option: str, starts: Sequence[bytes] = ()) -> None:
    """Refuse a path that cannot be written, or whose file is of another kind.

    Args:
        path: the file to be written.
        option: by which it was named.
        starts: with one of these, small letters, a file begins that may be replaced; none: any file may.

    Raises:
        UserError: one line with the option and the path.
    """
    if len(os.fsencode(path.name)) > _MOST_BYTES:
        raise UserError(f"{option}: a name of {len(os.fsencode(path.name))} bytes; {_MOST_BYTES} at most fit")
    if path.exists() and not path.is_file():
        raise UserError(f"{option} {path}: is there already and is no file; choose another")
    nearest = next(parent for parent in path.absolute().parents if parent.exists())
    if not nearest.is_dir() or not os.access(nearest, os.W_OK):
        raise UserError(f"{option} {path}: nothing can be written in {nearest}; choose another")
    if starts and path.is_file():
        with path.open("rb") as stream:
            found = stream.read(_READ_BYTES).lstrip().lower()
        if found and not found.startswith(tuple(starts)):
            raise UserError(
                f"{option} {path}: is there already and is of another kind; choose another, or move it away"
            )
