"""Titles of classes and works, short, as a museum gives them."""

from artpipe.language.message import Message

UNTITLED = Message(code="untitled")


def requested_class_title(name: str) -> Message:
    """Return the title of a work whose class was asked for."""
    return Message(code="asked_for", values={"label": name})
