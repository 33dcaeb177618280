"""Asked to stop: SIGTERM, SIGINT, SIGHUP or the death of an ancestor become one exception, at once or at a safe place."""

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import NoReturn

from artpipe.errors import StoppedError
from artpipe.system.processes import STOP_SIGNALS, Process, handle_signals, terminate_self, watching


class Interruption(BaseException):
    """A stop amid work that takes any error of one input for that input's own: no `except Exception` hears of it."""


class SignalInterruption(Interruption):
    """A stop asked for by the signal `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextlib.contextmanager
def signals_raise() -> Iterator[None]:
    """Raise `SignalInterruption` in the main thread at the first signal, so that a `finally` is reached however we are told to end."""

    def interrupt(number: int, _frame: FrameType | None) -> NoReturn:
        raise SignalInterruption(number)

    with _signals_handled(interrupt):
        yield


@contextlib.contextmanager
def _signals_handled(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have `handler` called at the signals (not at SIGHUP under `nohup`); what was set before is restored."""
    heard = [one for one in STOP_SIGNALS if one != signal.SIGHUP or signal.getsignal(one) != signal.SIG_IGN]
    before = handle_signals(handler, heard)
    try:
        yield
    finally:
        for number, old in before.items():
            handle_signals(old, [number])


class Stop:
    """Whether and why to stop. A request raises at once, or within `deferred` where `check` is called."""

    def __init__(
        self,
        doing: str,
        then: str = "the same command goes on where it was",
        raises: type[BaseException] = StoppedError,
    ) -> None:
        self.doing, self.then, self.raises = doing, then, raises
        self.asked: str | None = None
        self._deferred = False

    def check(self) -> None:
        """Raise if a stop was asked for.

        Raises:
            StoppedError: it was, or what is raised instead.
        """
        if self.asked is not None:
            raise self.raises(f"{self.doing} stopped: {self.asked}; {self.then}")

    @contextlib.contextmanager
    def deferred(self, deferred: bool = True) -> Iterator[None]:
        """Let nothing interrupt what is inside; with False, let it be interrupted again."""
        before, self._deferred = self._deferred, deferred
        try:
            if not deferred:
                self.check()
            yield
        finally:
            self._deferred = before

    @contextlib.contextmanager
    def listening(self, ancestors: Sequence[Process] = ()) -> Iterator[None]:
        """Listen to the signals (not to SIGHUP under `nohup`) and watch `ancestors`; what was set before is restored."""
        with _signals_handled(self._hear), watching(ancestors, self._orphaned):
            yield

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self.asked = self.asked or signal.Signals(number).name
        if not self._deferred:
            self.check()

    def _orphaned(self, ancestor: Process) -> None:
        self.asked = f"process {ancestor.pid} ({ancestor.name}), which started it, has ended"
        terminate_self()
