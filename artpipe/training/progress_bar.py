"""How a training shows itself: a live bar on a terminal, a plain line every ten seconds where there is none."""

import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from artpipe.system.terminal import PlainConsole

EVERY_SECONDS = 10.0
REFRESH_SECONDS = 0.25


class Live:
    """Shows step, losses, samples per second and time left; a context manager."""

    def __init__(self, name: str, steps: int, done: int, console: Console | None = None) -> None:
        self.name, self.steps, self.first = name, steps, done
        self.console = console or PlainConsole(file=sys.stderr)
        self.began = self.shown = time.monotonic()
        self._said = -1
        columns = [TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()]
        self._bar = Progress(*columns, TextColumn("{task.fields[note]}"), console=self.console, refresh_per_second=4)
        self._task = self._bar.add_task(name, total=steps, completed=done, note="")

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal:
            self._bar.stop()

    def due(self) -> bool:
        """Say whether `show` would show something new; it costs next to nothing."""
        return time.monotonic() - self.shown >= (REFRESH_SECONDS if self.console.is_terminal else EVERY_SECONDS)

    def show(self, step: int, losses: Callable[[], Mapping[str, float]], batch_size: int) -> None:
        """Show where the training stands; `losses` is asked only now."""
        now = time.monotonic()
        rate = (step - self.first) / max(now - self.began, 1e-9)
        note = "  ".join(f"{name} {value:.4g}" for name, value in losses().items())
        if rate:
            note += f"  {rate * batch_size:,.0f} samples/s"
        if self.console.is_terminal:
            self._bar.update(self._task, completed=step, note=note)
        elif step != self._said:
            left = f"  {(self.steps - step) / rate:.0f} s left" if rate and step < self.steps else ""
            self._line(f"{self.name}  step {step}/{self.steps}  {note}{left}".rstrip())
        self.shown, self._said = now, step

    def say(self, text: str) -> None:
        """Show one line of news."""
        self._line(f"{self.name}  {text}")

    def _line(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)
