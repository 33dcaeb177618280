"""Say which plugin file of the project keeps a command waiting, or ended it."""

import contextlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

from artpipe.errors import UserError
from artpipe.plugins import PROJECT_FOLDER
from artpipe.system.plain_text import to_printable

WAIT_SECONDS = 20.0  # torch alone takes 5 s on a busy machine


@contextlib.contextmanager
def report_plugin_faults(wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Report slow imports of plugins; turn `sys.exit` in one into an error.

    A line is printed when an import takes longer than `wait_seconds`.

    Raises:
        UserError: a plugin called `sys.exit` while it was imported.
    """
    folder, thread_id = Path(PROJECT_FOLDER).absolute(), threading.get_ident()

    def report_slow_import() -> None:
        if place := _find_import(sys._current_frames().get(thread_id), folder):  # noqa: SLF001 - documented, no other way
            sys.stderr.write(f"{place}: still being imported after {wait_seconds:g} s; Ctrl-C ends the command\n")

    timer = threading.Timer(wait_seconds, report_slow_import)
    timer.daemon = True
    timer.start()
    try:
        yield
    except SystemExit as error:
        if place := _find_exit(error.__traceback__, folder):
            raise UserError(f"{place}: SystemExit: {error.code}; a plugin is imported, it must not exit") from None
        raise
    finally:
        timer.cancel()


def _find_import(frame: FrameType | None, folder: Path) -> str:
    while frame is not None:
        if place := _describe_module(frame.f_code, frame.f_lineno, folder):
            return place
        frame = frame.f_back
    return ""


def _find_exit(trace: Any, folder: Path) -> str:
    places = []
    while trace is not None:
        places.append(_describe_module(trace.tb_frame.f_code, trace.tb_lineno, folder))
        trace = trace.tb_next
    return next((place for place in reversed(places) if place), "")


def _describe_module(code: CodeType, line: int, folder: Path) -> str:
    """Return file and line of a plugin being imported, empty for other code."""
    path = Path(code.co_filename)
    if code.co_name != "<module>" or folder not in path.parents:
        return ""
    return to_printable(f"{path.relative_to(folder.parent)}:{line}")
