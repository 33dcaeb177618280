"""What adding and removing entries did, in text and for programs."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.layout.layout_summary import LayoutSummary
from artpipe.project.first_entries import FirstEntries


class AddedDataset(NamedTuple):
    """A dataset that was added, with its models."""

    name: str
    path: Path  # of its works, in the project
    summary: LayoutSummary
    entries: FirstEntries
    skipped_files: int
    contact_sheet: Path | None
    git_step: str  # what to type so that git keeps it

    def to_text(self) -> str:
        """Return what was added and what to do next."""
        sheet = f"contact sheet: {self.contact_sheet}\n" if self.contact_sheet else ""
        skipped = f"{self.skipped_files} links, special files or names that are not UTF-8 stayed behind\n"
        return f"{sheet}{skipped * bool(self.skipped_files)}{self.entries.describe()}next: artpipe run\n{self.git_step}"

    def to_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        return {
            "name": self.name,
            "path": str(self.path),
            "understood": self.summary.to_json(),
            "datasets": list(self.entries.datasets),
            "models": [model._asdict() for model in self.entries.models],
            "reasons": list(self.entries.lines),
            "skipped_files": self.skipped_files,
            "contact_sheet": str(self.contact_sheet) if self.contact_sheet else None,
        }


class AddedModel(NamedTuple):
    """A model that was added."""

    name: str
    kind: str
    dataset: str
    entry: Mapping[str, Any]

    def to_text(self) -> str:
        """Return it in a sentence."""
        advice = "`artpipe plan` says what it will take, `artpipe run` trains it"
        return f"added {self.name} ({self.kind} on {self.dataset}); {advice}"

    def to_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        return self._asdict()


class RemovedModel(NamedTuple):
    """A model that was removed."""

    name: str

    def to_text(self) -> str:
        """Return it in a sentence."""
        return f"removed {self.name}; `artpipe run` takes it out of the gallery"

    def to_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        return self._asdict()
