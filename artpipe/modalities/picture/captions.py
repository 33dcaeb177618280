"""Titles as a museum gives them: short, and only what is known."""

UNTITLED = "untitled"
_DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def spoken(name: str) -> str:
    """Return a class's name as it is said: `seven` for `7`, every other name as it is."""
    return _DIGITS[int(name)] if name in set("0123456789") else name


def asked_for(name: str) -> str:
    """Return the title of a work whose class was asked for."""
    return f"{spoken(name)}, asked for"
