"""Captions of pictures that are made of works."""

from artpipe.language.message import Message

Name = str | Message


def describe_mixture(first: Name, second: Name) -> Message:
    """Return the caption of two works mixed; of one name, they are two works."""
    if first == second:
        return Message(code="mixture_of_works")
    return Message(code="mixture_of", values={"first": first, "second": second})


def describe_analogy(layout: Name, work: Name) -> Message:
    """Return the caption of a layout in the matter of a work, as `describe_mixture`."""
    if layout == work:
        return Message(code="analogy_of_works")
    return Message(code="analogy_of", values={"layout": layout, "work": work})


def describe_format(name: Name, ratio: float) -> Message:
    """Return the caption of a variation; `ratio` is width by height."""
    if ratio == 1:
        return Message(code="variation_on", values={"work": name})
    if ratio > 1:
        return Message(code="wider_work", values={"work": name, "times": ratio})
    return Message(code="taller_work", values={"work": name, "times": 1 / ratio})
