"""Text that is safe to print: no control characters, no passwords."""

import re

# What a terminal obeys and what turns the direction of writing round; lone surrogates are names that are not UTF-8, at
# which printing itself fails.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]",
)
_PASSWORD = re.compile(
    r"(?<=://)[^/\s]*:[^/\s]*@|(?<=://)[^/\s@]{20,}@"
)  # of an address, with the name beside it; or a token


def to_printable(text: str) -> str:
    """Return text with control characters escaped and passwords hidden.

    Escaped is what a terminal obeys, or what turns the direction of writing.
    """
    return hide_passwords(_UNPRINTABLE.sub(lambda match: ascii(match[0])[1:-1], text))


def to_printable_lines(text: str) -> str:
    """Return text as `to_printable` does, but keep its line breaks."""
    return "\n".join(map(to_printable, text.split("\n")))


def hide_passwords(text: str) -> str:
    """Return text with user and password removed from URLs: ``https://***@host``."""
    return _PASSWORD.sub("***@", text)
