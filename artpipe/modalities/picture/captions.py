"""Titles of classes and works, short, as a museum gives them."""

from collections.abc import Sequence

from artpipe.language.message import Message

UNTITLED = Message(code="untitled")


def requested_class_title(name: str) -> Message:
    """Return the title of a work whose class was asked for."""
    return Message(code="asked_for", values={"label": name})


def requested_title(label: int | None, classes: Sequence[str]) -> Message:
    """Return the title of a work of a class by number; below 0, or None: of none."""
    return UNTITLED if label is None or label < 0 else requested_class_title(classes[label])
