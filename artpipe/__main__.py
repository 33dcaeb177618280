"""The border of the program: an expected error is one line on stderr and its exit code."""

import errno
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import NoReturn

from artpipe.cli.app import app
from artpipe.errors import ArtpipeError
from artpipe.system.plain_text import to_printable, to_printable_lines
from artpipe.system.streams import discard_failed_output, open_streams

_FULL = {errno.ENOSPC, errno.EDQUOT}  # goes on when there is room
_LIMITS = {errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.EIO}  # of `ulimit`, of a file system, or a failing disk
_SURROUNDINGS = {*_FULL, *_LIMITS, errno.EROFS, errno.EACCES, errno.EPERM}  # no bug of ours: one line will do


def _unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show a traceback, as a terminal may have it and without passwords."""
    from traceback import format_exception

    sys.stderr.write(to_printable_lines("".join(format_exception(kind, error, trace))))


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line, of this process unless said, and end the process.

    An expected error is one line on stderr and its exit code.
    """
    sys.excepthook = _unexpected
    open_streams()
    try:
        sys.exit(app(arguments, prog_name="artpipe"))
    except ArtpipeError as error:
        sys.stderr.write(f"artpipe: {to_printable_lines(str(error))}\n")
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in _SURROUNDINGS:
            raise
        sys.stderr.write(f"artpipe: {to_printable(str(error.filename or 'output'))}: {error.strerror}\n")
        discard_failed_output()
        sys.exit(75 if error.errno in _FULL else 1)


if __name__ == "__main__":
    main()
