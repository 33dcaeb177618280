"""Standard streams of any encoding: UTF-8 inside, what the terminal can show outside, and readers that go away.

Only the standard library is imported: a command opens its streams before anything else.
"""

import codecs
import errno
import io
import os
import sys
from typing import Any, BinaryIO, NoReturn, TextIO, cast

SPELLED = "artpipe.spelled"  # what an encoding does with signs that it has not, see `_spelled`
_ASCII = {
    "─": "-", "━": "-", "│": "|", "┃": "|", "–": "-", "—": "-", "…": "...", "×": "x", "→": "->", "≥": ">=", "≤": "<=",
    "‘": "'", "’": "'", "“": '"', "”": '"', "•": "*", "·": "*",
}  # fmt: skip
_BOX = range(0x2500, 0x2580)


def _spelled(error: UnicodeError) -> tuple[str | bytes, int]:
    """Spell what an encoding has not: frames and typographic signs in ASCII, all else as its escape."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    signs = error.object[error.start : error.end]
    return "".join(_ASCII.get(sign) or ("+" if ord(sign) in _BOX else _escape(sign)) for sign in signs), error.end


def _escape(sign: str) -> str:
    return sign.encode("ascii", "backslashreplace").decode("ascii")


codecs.register_error(SPELLED, _spelled)


def open_streams() -> None:
    """Make the standard streams ones that never fail for want of a sign, a reader or an open file.

    A closed stream (`>&-`, some daemons) gets /dev/null; else the next file that is opened takes its number. A sign the
    encoding has not is written as its escape. Where file names and files would be read in another encoding than UTF-8, the
    command begins again in Python's UTF-8 mode; its output keeps the encoding of the terminal.
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
        _begin_in_utf8()
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is getattr(sys, f"__{name}__") and isinstance(stream, io.TextIOWrapper):
            setattr(sys, name, _patient(stream))


def _begin_in_utf8() -> NoReturn:
    """Replace this process by the same command in UTF-8 mode (PEP 540); arguments keep their bytes."""
    os.environ.setdefault("PYTHONIOENCODING", sys.stdout.encoding or "ascii")
    os.environ["PYTHONUTF8"] = "1"
    os.execve(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]], os.environ)  # noqa: S606  # no shell is wanted


def _patient(stream: io.TextIOWrapper) -> TextIO:
    stream.flush()
    file = _PatientFile(stream.fileno(), "w", closefd=False)
    unbuffered = stream.write_through  # python -u, PYTHONUNBUFFERED
    return io.TextIOWrapper(
        cast("BinaryIO", file) if unbuffered else io.BufferedWriter(file),
        encoding=stream.encoding,
        errors=SPELLED,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


class _PatientFile(io.FileIO):
    """An output whose reader may go away: what comes after that goes nowhere, and the work goes on."""

    def __init__(self, number: int, mode: str, *, closefd: bool) -> None:
        super().__init__(number, mode, closefd=closefd)
        self._gone = {errno.EPIPE, errno.EIO} if self.isatty() else {errno.EPIPE}  # a file's EIO is a failing disk

    def write(self, data: Any, /) -> int:
        """Write all bytes; they count as written where nobody reads any more."""
        rest = memoryview(data).cast("B")
        try:
            while rest:
                count = super().write(rest)
                if count is None:  # a reader that does not keep up, and nobody may wait for it
                    raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
                rest = rest[count:]
        except OSError as error:
            if error.errno not in self._gone:
                raise
            _send_nowhere(self.fileno())
        return len(data)


def _send_nowhere(number: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, number)
    os.close(nowhere)


def give_up_output() -> None:
    """Let the standard output go if it fails: at its exit Python would try once more, and end with 120."""
    try:
        sys.stdout.flush()
    except OSError:
        _send_nowhere(sys.stdout.fileno())
