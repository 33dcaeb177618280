"""Titles of classes and works, short, as a museum gives them."""

UNTITLED = "untitled"
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def class_title(name: str) -> str:
    """Return a class's title: `seven` for `7`, every other name as it is."""
    return _DIGITS[int(name)] if name in set("0123456789") else name


def requested_class_title(name: str) -> str:
    """Return the title of a work whose class was asked for."""
    return f"{class_title(name)}, asked for"
