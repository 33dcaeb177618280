"""Why an input is quarantined; every reason a person may read stands in this list."""

from typing import Literal, get_args

Reason = Literal[
    "bomb",
    "crashed",
    "damaged",
    "duplicate name",
    "empty file",
    "encrypted",
    "exact duplicate",
    "hard link",
    "missing",
    "near duplicate",
    "not a score",
    "not an image",
    "not text",
    "other voices",
    "out of memory",
    "outside the root",
    "special file",
    "symlink",
    "timed out",
    "too large",
    "traversal",
    "truncated",
    "unreadable",
    "unsupported format",
]
REASONS: tuple[str, ...] = get_args(Reason)


class RejectedError(Exception):
    """One input is not kept; the rest goes on.

    `parameter`, of a dataset's `ingest`, is the one that would let the input through.
    """

    def __init__(self, reason: Reason, detail: str = "", parameter: str = "") -> None:
        detail = with_parameter(detail, parameter) if parameter else detail
        super().__init__(f"{reason}: {detail}")
        self.reason, self.detail = reason, detail


def with_parameter(detail: str, parameter: str) -> str:
    """Return a detail that names the parameter of `ingest` that sets the limit."""
    return f"{detail} (`ingest.{parameter}`)".lstrip()
