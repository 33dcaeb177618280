"""Stop on SIGTERM, SIGINT, SIGHUP or the death of an ancestor.

Each of them becomes one exception, at once or at a safe place.
"""

import contextlib
import signal
from collections.abc import Callable, Iterator, Sequence
from types import FrameType
from typing import NoReturn

from artpipe.errors import StoppedError
from artpipe.system.ancestors import watch_processes
from artpipe.system.processes import STOP_SIGNALS, Process, handle_signals, terminate_self


class Interruption(BaseException):
    """A stop that no `except Exception` catches.

    For code that takes any error for one of the input it works on.
    """


class SignalInterruption(Interruption):
    """A stop by the signal `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextlib.contextmanager
def raise_on_signals() -> Iterator[None]:
    """Raise `SignalInterruption` in the main thread at the first signal.

    So a `finally` is reached however the process is told to end.
    """

    def interrupt(number: int, _frame: FrameType | None) -> NoReturn:
        raise SignalInterruption(number)

    with _set_signal_handlers(interrupt):
        yield


@contextlib.contextmanager
def _set_signal_handlers(handler: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    """Have `handler` called at the stop signals, and restore the old handlers.

    SIGHUP is left alone under `nohup`.
    """
    numbers = [
        number for number in STOP_SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN
    ]
    old_handlers = handle_signals(handler, numbers)
    try:
        yield
    finally:
        for number, old in old_handlers.items():
            handle_signals(old, [number])


class StopRequest:
    """Whether and why to stop.

    A request raises at once, or, within `defer`, where `check` is called.
    """

    def __init__(
        self,
        doing: str,
        then: str = "the same command goes on where it was",
        raises: type[BaseException] = StoppedError,
    ) -> None:
        self.doing, self.then, self.raises = doing, then, raises
        self.reason: str | None = None
        self._deferred = False
        self._is_raised = False

    def check(self) -> None:
        """Raise if a stop was requested.

        Raises:
            StoppedError: it was, or what is raised instead.
        """
        if self.reason is not None:
            self._is_raised = True
            raise self._stop()

    @contextlib.contextmanager
    def defer(self, deferred: bool = True) -> Iterator[None]:
        """Let nothing interrupt the body; with False, let it be interrupted again."""
        was_deferred, self._deferred = self._deferred, deferred
        try:
            if not deferred:
                self.check()
            with contextlib.nullcontext() if deferred else self._raise_again():
                yield
        finally:
            self._deferred = was_deferred

    @contextlib.contextmanager
    def _raise_again(self) -> Iterator[None]:
        """Raise the stop for an error that compiled code made of it.

        Such as torch's TypeError; an error while the stop is handled stays one.
        """
        try:
            yield
        except Exception as error:
            if self._is_raised and not _has_context(error, self.raises):
                raise self._stop() from error
            raise

    @contextlib.contextmanager
    def listen(self, ancestors: Sequence[Process] = ()) -> Iterator[None]:
        """Handle signals and watch `ancestors` while the body runs.

        SIGHUP is left alone under `nohup`; old handlers are restored.
        """
        with (
            _set_signal_handlers(self._handle_signal),
            watch_processes(ancestors, self._handle_orphaned),
            self._raise_again(),
        ):
            yield

    def _stop(self) -> BaseException:
        return self.raises(f"{self.doing} stopped: {self.reason}; {self.then}")

    def _handle_signal(self, number: int, _frame: FrameType | None) -> None:
        self.reason = self.reason or signal.Signals(number).name
        if not self._deferred:
            self.check()

    def _handle_orphaned(self, ancestor: Process) -> None:
        self.reason = f"process {ancestor.pid} ({ancestor.name}), which started it, has ended"
        terminate_self()


def _has_context(error: BaseException, kind: type[BaseException]) -> bool:
    """Return whether an error is of a kind, or came up while one of it was handled."""
    current: BaseException | None = error
    while current is not None and not isinstance(current, kind):
        current = current.__context__
    return current is not None
