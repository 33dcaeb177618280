"""What `artpipe upgrade` tells: what changed, what stands, what runs again."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from artpipe.system.units import format_duration


class StaleStage(NamedTuple):
    """A stage that runs again, and what it costs."""

    stage: str
    core_seconds: float
    measured: bool  # by its last run; else estimated


class UpgradeReport(NamedTuple):
    """What an upgrade did, or would do."""

    migration: tuple[str, ...]  # lines about names of an older format
    changed: tuple[str, ...]  # parts of code.yaml
    equal: tuple[str, ...]  # parts whose results are the same byte for byte
    stale: tuple[StaleStage, ...]
    is_written: bool

    def to_text(self) -> str:
        """Return the report in lines."""
        return "\n".join([*self.migration, *self._describe_code()])

    def to_json(self) -> dict[str, Any]:
        """Return the report for programs."""
        return {**self._asdict(), "stale": [stage._asdict() for stage in self.stale]}

    def _describe_code(self) -> Iterator[str]:
        """Yield the lines about code: what changed, what stands, what runs again."""
        if not self.changed and not self.stale:
            is_unwritten = self.migration and not self.is_written
            up_to_date = "code.yaml is up to date: no code changed that decides a result"
            yield "nothing was written; `artpipe upgrade` writes it" if is_unwritten else up_to_date
            return
        if self.changed:
            yield f"changed: {', '.join(self.changed)}"
        if self.equal:
            yield f"  the same results, byte for byte, so they stand as they are: {', '.join(self.equal)}"
        for stage in self.stale:
            duration = format_duration(stage.core_seconds)
            yield f"  {stage.stage}  ({f'{duration} last time' if stage.measured else f'about {duration}'})"
        yield self._next_step()

    def _next_step(self) -> str:
        if not self.is_written:
            return "nothing was written; `artpipe upgrade` accepts the code, `--keep STAGE` a result as it stands"
        if not self.stale:
            return "code.yaml is written; nothing runs again for it"
        return "code.yaml is written; these stages, and what follows them, run again with `artpipe run`"
