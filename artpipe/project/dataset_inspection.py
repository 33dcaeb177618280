"""`artpipe dataset inspect`: what a place of works is understood as."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.layout.layout_summary import LayoutSummary
from artpipe.project.detection import describe_summary, describe_works_inside, inspect_input
from artpipe.project.import_files import describe_archive


class DatasetInspection(NamedTuple):
    """How a place of works is understood."""

    place: Path
    summary: LayoutSummary
    ingest: Mapping[str, Any]

    def to_text(self) -> str:
        """Return it in lines, with what would change it."""
        inside = describe_works_inside(self.place, self.summary.medium, self.ingest)
        archive = describe_archive(self.place, self.ingest["names"])
        return (describe_summary(self.summary) + inside + archive).rstrip("\n")

    def to_json(self) -> Any:
        """Return the same for programs."""
        return self.summary.to_json()


def inspect_place(place: Path, medium: str, ingest: Mapping[str, Any]) -> DatasetInspection:
    """Return how a place is understood; nothing is copied or changed.

    Raises:
        UserError: see `inspect_input`.
    """
    return DatasetInspection(place, inspect_input(place, medium, ingest), ingest)
