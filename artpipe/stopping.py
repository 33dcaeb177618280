"""Asked to stop: SIGTERM, SIGINT, SIGHUP or the death of an ancestor become one StoppedError at a safe place."""

import contextlib
import os
import signal
from collections.abc import Iterator, Sequence
from types import FrameType

from artpipe.errors import StoppedError
from artpipe.processes import Process, watching

_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class Interruption(BaseException):
    """A stop amid work that takes any error of one input for that input's own: no `except Exception` hears of it."""


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
        wanted = [one for one in _SIGNALS if one != signal.SIGHUP or signal.getsignal(one) != signal.SIG_IGN]
        before = {number: signal.signal(number, self._hear) for number in wanted}
        try:
            with watching(ancestors, self._orphaned):
                yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _hear(self, number: int, _frame: FrameType | None) -> None:
        self.asked = self.asked or signal.Signals(number).name
        if not self._deferred:
            self.check()

    def _orphaned(self, ancestor: Process) -> None:
        self.asked = f"process {ancestor.pid} ({ancestor.name}), which started it, has ended"
        os.kill(os.getpid(), signal.SIGTERM)  # wakes the main thread, whatever it waits for
