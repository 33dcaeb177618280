"""Standard streams of any encoding, whose reader may go away.

UTF-8 inside, what the terminal can show outside. Only the standard library is imported: a command opens its streams
before anything else.
"""

import codecs
import errno
import io
import os
import sys
from typing import Any, BinaryIO, NoReturn, TextIO, cast

ESCAPE_HANDLER = "artpipe.spelled"  # codec error handler, see `_escape_unencodable`
_ASCII = {
    "─": "-", "━": "-", "│": "|", "┃": "|", "–": "-", "—": "-", "…": "...", "×": "x", "→": "->", "≥": ">=", "≤": "<=",
    "‘": "'", "’": "'", "“": '"', "”": '"', "•": "*", "·": "*",
}  # fmt: skip
_BOX = range(0x2500, 0x2580)


def _escape_unencodable(error: UnicodeError) -> tuple[str | bytes, int]:
    """Replace what an encoding lacks: frames and punctuation by ASCII, else escapes."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_ASCII.get(sign) or ("+" if ord(sign) in _BOX else _escape(sign)) for sign in signs), error.end


def _escape(sign: str) -> str:
    return sign.encode("ascii", "backslashreplace").decode("ascii")


codecs.register_error(ESCAPE_HANDLER, _escape_unencodable)


def open_streams() -> None:
    """Make standard streams that fail for no character, reader or open file.

    A closed stream (`>&-`, some daemons) gets /dev/null; else the next file that is opened takes its number. A character
    that the encoding lacks is written as its escape. Where file names and files would be read in another encoding than
    UTF-8, the command starts again in Python's UTF-8 mode; its output keeps the encoding of the terminal.
    """
    if os.environ.get("COLUMNS", "") in {
        "",
        "0",
    }:  # of a terminal that does not know its width; rich would show nothing
        os.environ.pop("COLUMNS", None)
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            number = os.open(os.devnull, os.O_RDWR)
            os.set_inheritable(number, True)
            setattr(sys, name, os.fdopen(number, mode))
    if sys.getfilesystemencoding() != "utf-8" and not sys.flags.utf8_mode:
        _restart_in_utf8()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") and isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, _make_tolerant(stream))


def _restart_in_utf8() -> NoReturn:
    """Replace this process by the same command in UTF-8 mode (PEP 540).

    Arguments keep their bytes.
    """
    os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding or "ascii")
    os.environ["PYTHONUTF8"] = "1"
    os.execve(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]], os.environ)  # noqa: S606  # no shell is wanted


def _make_tolerant(stream: io.TextIOWrapper) -> TextIO:
    stream.flush()
    file = _TolerantFile(stream.fileno(), "w", closefd=False)
    unbuffered = stream.write_through  # python -u, PYTHONUNBUFFERED
    return io.TextIOWrapper(
        cast("BinaryIO", file) if unbuffered else io.BufferedWriter(file),
        encoding=stream.encoding,
        errors=ESCAPE_HANDLER,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _TolerantFile(io.FileIO):
    """An output that discards everything once its reader has gone away."""

    def __init__(self, number: int, mode: str, *, closefd: bool) -> None:
        super().__init__(number, mode, closefd=closefd)
        self._gone = {errno.EPIPE, errno.EIO} if self.isatty() else {errno.EPIPE}  # a file's EIO is a failing disk

    def write(self, data: Any, /) -> int:
        """Write all bytes; they count as written when nobody reads any more."""
        rest = memoryview(data).cast("B")
        try:
            while rest:
                count = super().write(rest)
                if count is None:  # a non-blocking reader that does not keep up
                    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
                rest = rest[count:]
        except OSError as error:
            if error.errno not in self._gone:
                raise
            _redirect_to_null(self.fileno())
        return len(data)


def _redirect_to_null(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def discard_failed_output() -> None:
    """Redirect standard output to null if it fails.

    Python would try to flush it once more at exit, and end with 120.
    """
    try:
        sys.stdout.flush()
    except OSError:
        _redirect_to_null(sys.stdout.fileno())
