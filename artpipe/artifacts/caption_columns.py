"""Make the columns of captions in shards: tokens for models, texts for people."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from artpipe.numerics.caption_tokens import PIECES, WORDS, tokenise_captions

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

TEXT_BYTES = 256  # of a caption in UTF-8; what is longer ends there
ROW_BYTES = 2 * WORDS * PIECES + TEXT_BYTES
CAPTION_COLUMNS = ("captions", "caption_texts")


def make_caption_columns(texts: Sequence[str]) -> "dict[str, NDArray[Any]]":
    """Return the two columns by name.

    `captions` are int16 ``(N, 16, 12)``, `caption_texts` uint8 ``(N, 256)``.
    """
    return dict(zip(CAPTION_COLUMNS, (tokenise_captions(texts), encode_texts(texts)), strict=True))


def encode_texts(texts: Sequence[str]) -> "NDArray[np.uint8]":
    """Return texts in UTF-8, uint8 ``(N, 256)``, with zeros behind each."""
    import numpy as np

    rows = np.zeros((len(texts), TEXT_BYTES), np.uint8)
    for row, text in zip(rows, texts, strict=True):
        data = text.encode("utf-8", "replace")[:TEXT_BYTES].decode("utf-8", "ignore").encode()
        row[: len(data)] = np.frombuffer(data, np.uint8)
    return rows


def decode_texts(rows: Iterable[Sequence[int]]) -> list[str]:
    """Return the texts of rows ``(N, 256)`` of a column `caption_texts`."""
    return [bytes(row).rstrip(b"\0").decode("utf-8", "replace") for row in rows]
