"""The errors a person may meet, each with a message of one line.

Place, found, expected, nearest name.
"""

import difflib
from collections.abc import Iterable

# Of a process that SIGKILL ended: it could say nothing itself.
SIGKILL_MESSAGE = (
    "killed (SIGKILL): by a person, or by Linux because memory ran out; it goes on when started again: end other programs, "
    "let fewer stages run at once, or lower the model's `batch_size` or the dataset's `size`"
)


class ArtpipeError(Exception):
    """Base of every error that artpipe raises on purpose.

    `details` are lines to be shown below the message, such as the last ones of a log.
    """

    exit_code = 1

    def __init__(self, *message: object, details: Iterable[str] = ()) -> None:
        super().__init__(*message)
        self.details = tuple(details)


class UserError(ArtpipeError):
    """Something the person wrote, named or supplied is wrong; nothing was changed."""

    exit_code = 2


class BusyError(ArtpipeError):
    """Another process holds a resource that this one needs; try again later."""

    exit_code = 75


class StoppedError(ArtpipeError):
    """Stopped on request with everything saved; the same command goes on."""

    exit_code = 75


class UnreachableError(ArtpipeError):
    """A server does not answer; the same command may work later."""

    exit_code = 75


class DiskFullError(ArtpipeError):
    """The disk has no space for what would be written; try again with more space."""

    exit_code = 75


class InsufficientMemoryError(ArtpipeError):
    """The memory is too small for the smallest part of the work.

    The same command works when there is enough.
    """

    exit_code = 75


class SmallerPartsError(InsufficientMemoryError):
    """One of several ranks has no memory for so many rows at once.

    All begin again with `rows`.
    """

    def __init__(self, message: str, rows: int) -> None:
        super().__init__(message)
        self.rows = rows


class RanksError(ArtpipeError):
    """A rank ended with `code`, which means here what it meant there."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.exit_code = code if code in {UserError.exit_code, BusyError.exit_code} else 1


class CorruptError(ArtpipeError):
    """Bytes on disk are not the bytes that were written."""


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return ``, did you mean `x`?`` for the nearest of `names`, else an empty string."""
    matches = difflib.get_close_matches(name, list(names), n=1, cutoff=0.6)
    return f", did you mean `{matches[0]}`?" if matches else ""
