"""Ctrl-C, SIGTERM and a closed terminal as one exception, so that a `finally` is reached however a process is told to end."""

import contextlib
import signal
from collections.abc import Iterator
from typing import NoReturn


class ToldError(Exception):
    """This process was told to end, by the signal `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


@contextlib.contextmanager
def signals_raise() -> Iterator[None]:
    """Raise `ToldError` in the main thread at SIGINT, SIGTERM and SIGHUP."""

    def told(number: int, _frame: object) -> NoReturn:
        raise ToldError(number)

    old = {number: signal.signal(number, told) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)
