"""Encode text as the tokens of a ShardSet's vocabulary."""

import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from artpipe.contracts.special_tokens import SPECIAL_TOKENS, UNKNOWN

if TYPE_CHECKING:
    from artpipe.artifacts.shards import Spec

MEDIUM_NAME = "text"
_PIECE = re.compile(r" ?[\w']+|\n+|[^\w\s]+|\s+")  # a word with the space before it; no token reaches beyond its piece


def is_text(spec: "Spec") -> bool:
    """Return whether tokens are those of text."""
    return spec.medium == MEDIUM_NAME


def split_pieces(text: str) -> Iterator[str]:
    r"""Yield words with the space before them, punctuation, line feeds and blanks.

    In order; together they are the text.

    >>> list(pieces("Who's there?\n\nNay, answer"))
    ["Who's", ' there', '?', '\n\n', 'Nay', ',', ' answer']
    """
    return (match.group() for match in _PIECE.finditer(text))


class Tokenizer:
    """Encode text by the longest tokens of a vocabulary that fit.

    In each piece from left to right; other characters are unknown.
    """

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self.numbers = {text: number for number, text in enumerate(vocabulary) if number >= len(SPECIAL_TOKENS)}
        self.longest = max(map(len, self.numbers), default=1)
        self._cache: dict[str, list[int]] = {}

    def __call__(self, text: str) -> list[int]:
        """Return the tokens of a text, without a start or an end."""
        return [token for piece in split_pieces(text) for token in self._encode_piece(piece)]

    def _encode_piece(self, piece: str) -> list[int]:
        if piece not in self._cache:
            tokens, place = [], 0
            while place < len(piece):
                sizes = range(min(self.longest, len(piece) - place), 0, -1)
                size = next((size for size in sizes if piece[place : place + size] in self.numbers), 1)
                tokens.append(self.numbers.get(piece[place : place + size], UNKNOWN))
                place += size
            self._cache[piece] = tokens
        return self._cache[piece]
