"""Run the command line; an expected error is one line on stderr and its exit code."""

import errno
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import NoReturn

from artpipe.cli.early_project_check import require_project_early
from artpipe.errors import ArtpipeError
from artpipe.system.plain_text import to_printable, to_printable_lines
from artpipe.system.streams import discard_failed_output, open_streams

_DISK_FULL_ERRORS = {errno.ENOSPC, errno.EDQUOT}  # goes on when there is room
_LIMIT_ERRORS = {errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.EIO}  # of `ulimit`, of a file system, or a failing disk
_ENVIRONMENT_ERRORS = {
    *_DISK_FULL_ERRORS,
    *_LIMIT_ERRORS,
    errno.EROFS,
    errno.EACCES,
    errno.EPERM,
}  # no bug of ours: one line will do


def _show_traceback(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Write a traceback to stderr, safe for a terminal and without passwords."""
    from traceback import format_exception

    sys.stderr.write(to_printable_lines("".join(format_exception(kind, error, trace))))


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end the process.

    The arguments are those of this process unless given.

    An expected error is one line on stderr and its exit code.
    """
    sys.excepthook = _show_traceback
    open_streams()
    try:
        require_project_early(sys.argv[1:] if arguments is None else arguments)
        from artpipe.cli.app import app

        sys.exit(app(arguments, prog_name="artpipe"))
    except ArtpipeError as error:
        sys.stderr.write(f"artpipe: {to_printable(str(error))}\n")  # one line, whatever a name in it holds
        sys.stderr.writelines(f"  {to_printable(line)}\n" for line in error.details)
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in _ENVIRONMENT_ERRORS:
            raise
        sys.stderr.write(f"artpipe: {to_printable(str(error.filename or 'output'))}: {error.strerror}\n")
        discard_failed_output()
        sys.exit(75 if error.errno in _DISK_FULL_ERRORS else 1)


if __name__ == "__main__":
    main()
