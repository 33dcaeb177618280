"""Tokens of captions without a vocabulary: hashes of words and of their trigrams.

A word that no training caption has shares trigrams with words that some have (Bojanowski et al. 2017). CRC-32 is in
every language's library, so that a page in a browser makes the same tokens.
"""

import re
import unicodedata
import zlib
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WORDS, PIECES = 16, 12  # of a caption at most; of a word: itself and up to 11 trigrams
TOKENS = 4096  # ids 1 to 4095, and 0 for none
_SHORTEST = 3  # letters of a word that is missed
_UNSPACED = re.compile("[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")  # kana, Han


def tokenise_caption(text: str, words: int = WORDS, pieces: int = PIECES) -> "NDArray[np.int16]":
    """Return the tokens of a caption, int16 ``(words, pieces)``, 0 for none.

    A row is a word: first the token of the word, then those of its trigrams, where `^` begins the word and `$` ends it.
    A Chinese character is a word, and its one piece is the pair with the character after it. What follows the last
    word or piece that fits is left out.
    """
    import numpy as np

    tokens = np.zeros((words, pieces), np.int16)
    for row, word in zip(tokens, split_words(text), strict=False):
        ids = [hash_token(piece) for piece in word[:pieces]]
        row[: len(ids)] = ids
    return tokens


def tokenise_captions(texts: Sequence[str]) -> "NDArray[np.int16]":
    """Return the tokens of captions, int16 ``(N, WORDS, PIECES)``.

    Those of `spec.classes` are a table that labels index.
    """
    import numpy as np

    return np.array([tokenise_caption(text) for text in texts], np.int16).reshape(len(texts), WORDS, PIECES)


def split_words(text: str) -> Iterator[list[str]]:
    """Yield each word of a text with its pieces, in lower case and form NFKC.

    >>> list(split_words("A cat, 红心"))
    [['^a$', '^a$'], ['^cat$', '^ca', 'cat', 'at$'], ['^红$', '红心'], ['^心$']]
    """
    for run in _split_runs(unicodedata.normalize("NFKC", text).lower()):
        if _UNSPACED.match(run):
            for place, character in enumerate(run):
                yield [f"^{character}$", *([run[place : place + 2]] if place + 1 < len(run) else [])]
        else:
            marked = f"^{run}$"
            yield [marked, *(marked[start : start + 3] for start in range(len(marked) - 2))]


def list_words(texts: Iterable[str]) -> tuple[str, ...]:
    """Return each word of some texts once, in lower case.

    >>> list_words(["A cat", "a dog"])
    ('a', 'cat', 'dog')
    """
    return tuple(dict.fromkeys(pieces[0][1:-1] for text in texts for pieces in split_words(text)))


def find_unknown_words(text: str, known: Iterable[str]) -> list[str]:
    """Return the words of a text that a list does not have.

    Of an empty list nothing is known. Words of one or two letters, articles mostly, are left out.
    """
    known = {*known}
    words = [word for word in list_words([text]) if len(word) >= _SHORTEST or _UNSPACED.match(word)]
    return [word for word in words if word not in known] if known else []


def hash_token(piece: str) -> int:
    """Return the token of a word or piece, 1 to 4095."""
    return 1 + zlib.crc32(piece.encode("utf-8", "surrogatepass")) % (TOKENS - 1)


def _split_runs(text: str) -> list[str]:
    """Return runs of letters and digits.

    Those of scripts without spaces are apart from the others. A combining mark belongs to the letter before it.
    """
    runs, kind = [""], ""
    for character in text:
        category = unicodedata.category(character)[0]
        if category == "M" and kind:
            runs[-1] += character
            continue
        before, kind = kind, "" if category not in "LN" else "unspaced" if _UNSPACED.match(character) else "spaced"
        if kind and kind != before:
            runs.append("")
        runs[-1] += character if kind else ""
    return runs[1:]
