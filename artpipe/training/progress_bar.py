"""Progress of a training: a live bar on a terminal, else a line every ten seconds."""

import sys
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from artpipe.system.terminal import PlainConsole

LINE_SECONDS = 10.0
REFRESH_SECONDS = 0.25


class ProgressBar:
    """Shows step, losses, samples per second and time left; a context manager."""

    def __init__(self, name: str, steps: int, steps_done: int, console: Console | None = None) -> None:
        self.name, self.steps, self.first_step = name, steps, steps_done
        self.console = console or PlainConsole(file=sys.stderr)
        self.started_at = self.updated_at = time.monotonic()
        self._last_step = -1
        columns = [TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn()]
        self._bar = Progress(*columns, TextColumn("{task.fields[note]}"), console=self.console, refresh_per_second=4)
        self._task = self._bar.add_task(name, total=steps, completed=steps_done, note="")

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.console.is_terminal:
            self._bar.stop()

    def is_due(self) -> bool:
        """Say whether `update` would show something new; this check costs almost nothing."""
        return time.monotonic() - self.updated_at >= (REFRESH_SECONDS if self.console.is_terminal else LINE_SECONDS)

    def update(self, step: int, losses: Callable[[], Mapping[str, float]], batch_size: int) -> None:
        """Show the step and the losses; `losses` is called only here.

        A batch of one is of a kind that learns from no batches: its steps are counted.
        """
        now = time.monotonic()
        rate = (step - self.first_step) / max(now - self.started_at, 1e-9)
        note = "  ".join(f"{name} {value:.4g}" for name, value in losses().items())
        if rate:
            note += f"  {_format_rate(rate, batch_size)}"
        if self.console.is_terminal:
            self._bar.update(self._task, completed=step, note=note)
        elif step != self._last_step:
            left = f"  {(self.steps - step) / rate:.0f} s left" if rate and step < self.steps else ""
            self._print(f"{self.name}  step {step}/{self.steps}  {note}{left}".rstrip())
        self.updated_at, self._last_step = now, step

    def print_news(self, text: str) -> None:
        """Print one line of news."""
        self._print(f"{self.name}  {text}")

    def _print(self, text: str) -> None:
        self.console.print(text, markup=False, highlight=False, soft_wrap=True)


def _format_rate(steps_per_second: float, batch_size: int) -> str:
    if batch_size == 1:
        return f"{steps_per_second:.2g} steps/s" if steps_per_second < 10 else f"{steps_per_second:,.0f} steps/s"  # noqa: PLR2004 - two digits
    return f"{steps_per_second * batch_size:,.0f} samples/s"
