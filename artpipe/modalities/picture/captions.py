"""Titles as a museum gives them: short, and only what is known."""

from artpipe.language.message import Message

UNTITLED = Message(code="untitled")


def asked_for(name: str) -> Message:
    """Return the title of a work whose class was asked for."""
    return Message(code="asked_for", values={"label": name})
