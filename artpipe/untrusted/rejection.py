"""Why an input is quarantined; every reason a person may read stands in this list."""

from typing import Literal, get_args

from artpipe.language.message import Message, decode_value
from artpipe.language.sentences import read_sentence

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
    "withdrawn",
]
REASONS: tuple[str, ...] = get_args(Reason)


class RejectedError(Exception):
    """One input is not kept; the rest goes on.

    `detail` is a text that is the same for every input, or a message, which is kept as text. `parameter`, of a
    dataset's `ingest`, is the one that would let the input through.
    """

    def __init__(self, reason: Reason, detail: str | Message = "", parameter: str = "") -> None:
        text = detail.encode() if isinstance(detail, Message) else detail
        self.reason, self.detail = reason, with_parameter(text, parameter) if parameter else text
        super().__init__(reason, self.detail)

    def __str__(self) -> str:
        return f"{self.reason}: {read_sentence(self.detail)}"


def with_parameter(detail: str | Message, parameter: str) -> str:
    """Return a detail that names the parameter of `ingest` that sets the limit."""
    if not detail:
        return Message(code="parameter_is_limit", values={"parameter": parameter}).encode()
    inner = decode_value(detail) if isinstance(detail, str) else detail
    return Message(code="limit_is_parameter", values={"detail": inner, "parameter": parameter}).encode()
