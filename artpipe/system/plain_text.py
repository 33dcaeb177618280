"""Strangers' words as a terminal may have them, without what commands it and without passwords."""

import re

# What a terminal obeys and what turns the direction of writing round; lone surrogates are names that are not UTF-8, at
# which printing itself fails.
_UNPRINTABLE = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]",
)
_PASSWORD = re.compile(
    r"(?<=://)[^/\s]*:[^/\s]*@|(?<=://)[^/\s@]{20,}@"
)  # of an address, with the name beside it; or a token


def plain(text: str) -> str:
    """Return words as a terminal may have them: what would command it, or turn the writing round, is spelled out; no password."""
    return without_password(_UNPRINTABLE.sub(lambda found: ascii(found[0])[1:-1], text))


def plain_lines(text: str) -> str:
    """Return words of several lines likewise; their line breaks stay."""
    return "\n".join(map(plain, text.split("\n")))


def without_password(text: str) -> str:
    """Return a text whose addresses keep who may go there to themselves: ``https://***@host``."""
    return _PASSWORD.sub("***@", text)
