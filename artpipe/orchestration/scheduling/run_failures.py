"""Errors of a run: mistakes of the person, retryable ones, all that failed."""

from collections.abc import Sequence

from artpipe.orchestration.scheduling.dispatcher import Outcome

MISTAKE = 2  # what a stage ends with when the person has to change something first


class StagesFailedError(Exception):
    """Some stages failed; the message names them all."""

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome)
        self._not_run = ", ".join(outcome.not_run)
        self._failed = ", ".join(outcome.failed)
        self._mistakes = [
            f"{name}: {error}" for name, error in outcome.failed.items() if isinstance(error, MistakeError)
        ]
        self.exit_code = MISTAKE if len(self._mistakes) == len(outcome.failed) else 1
        self.undone = frozenset([*outcome.failed, *outcome.not_run])

    def __str__(self) -> str:
        """Return which stages failed, which were not run, and a line for each mistake."""
        sentence, mistakes = self.describe()
        return "\n".join([sentence, *mistakes])

    def describe(self) -> tuple[str, Sequence[str]]:
        """Return what failed and was not run, and a line for each mistake."""
        below = f"; not run, because what they read from failed: {self._not_run}" if self._not_run else ""
        return f"failed: {self._failed}{below}", self._mistakes


class MistakeError(RuntimeError):
    """A stage failed by a mistake of the person; the message is the stage's own."""


class RetryableError(RuntimeError):
    """A stage failed by what may be over soon: a lock held, a server away."""
