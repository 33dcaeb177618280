"""What a flow knows of texts.

That is tokens of its own words, or the vectors of a CLIP encoder.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from artpipe.artifacts.caption_columns import decode_texts
from artpipe.contracts.model import Batch
from artpipe.errors import UserError
from artpipe.nn.flow_matching.clip_captions import ClipEncoder, VectorConditions
from artpipe.nn.flow_matching.conditions import CaptionEncoder, caption_tokens
from artpipe.numerics.caption_tokens import list_words

Rows = Sequence[int] | slice
_DIGEST = "encoder_sha256"


class Texts(Protocol):
    """Rows for texts, 0 where nothing is said, and the network that reads them."""

    def encode(self, texts: tuple[str, ...]) -> Tensor:
        """Return a row for each text."""
        ...

    def encode_captions(self, works: Batch, rows: Rows) -> Tensor:
        """Return a row for each of some works, by its caption."""
        ...

    def list_words(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Return the words that a network learns of texts; none if it knows others."""
        ...

    def make_network(self, dim: int) -> nn.Module:
        """Return what makes conditions ``(N, dim)`` of rows."""
        ...

    def check_weights_of(self, learner: nn.Module) -> None:
        """Have a learner refuse weights that were trained with other texts."""
        ...


class WordTexts:
    """Words that the model learns itself: tokens ``(N, words, pieces)``."""

    def encode(self, texts: tuple[str, ...]) -> Tensor:
        """Return tokens."""
        return caption_tokens(texts)

    def encode_captions(self, works: Batch, rows: Rows) -> Tensor:
        """Return the tokens in the column `captions`."""
        return works["captions"][rows]

    def list_words(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Return each word once."""
        return list_words(texts)

    def make_network(self, dim: int) -> nn.Module:
        """Return an encoder of tokens."""
        return CaptionEncoder(dim)

    def check_weights_of(self, learner: nn.Module) -> None:
        """Check nothing: tokens are always the same."""


class ClipTexts:
    """Vectors ``(N, width)`` of a frozen CLIP text encoder."""

    def __init__(self, folder: Path) -> None:
        self._folder, self._encoder = folder, ClipEncoder(folder)

    def encode(self, texts: tuple[str, ...]) -> Tensor:
        """Return vectors."""
        return self._encoder.encode(texts)

    def encode_captions(self, works: Batch, rows: Rows) -> Tensor:
        """Return the vectors of the column `caption_texts`."""
        return self.encode(tuple(decode_texts(works["caption_texts"][rows].tolist()))).to(works["captions"].device)

    def list_words(self, texts: Sequence[str]) -> tuple[str, ...]:
        """Return none: the encoder has read far more."""
        del texts
        return ()

    def make_network(self, dim: int) -> nn.Module:
        """Return an encoder of vectors."""
        return VectorConditions(self._encoder.width, dim)

    def check_weights_of(self, learner: nn.Module) -> None:
        """Have a learner keep the encoder's hash, and refuse other weights.

        Raises:
            UserError: when such weights are loaded.
        """
        digest = torch.tensor(list(bytes.fromhex(self._encoder.sha256)), dtype=torch.uint8)
        learner.register_buffer(_DIGEST, digest.clone())

        def compare(learner: nn.Module, _keys: object) -> None:
            if not torch.equal(learner.get_buffer(_DIGEST).cpu(), digest):
                raise UserError(f"{self._folder}: not the text encoder that the model learned with; train it again")

        learner.register_load_state_dict_post_hook(compare)  # type: ignore[no-untyped-call]


def open_texts(encoder: Literal["words", "clip"], folder: Path) -> Texts:
    """Return texts of an encoder.

    Raises:
        UserError: the folder holds no CLIP text encoder.
    """
    return ClipTexts(folder) if encoder == "clip" else WordTexts()


def beside_rows(mask: Tensor, rows: Tensor) -> Tensor:
    """Return a mask ``(N,)`` with as many dimensions as `rows`."""
    return mask.view(-1, *[1] * (rows.dim() - 1))
