"""What a picture is asked to be, in words, as vectors.

A position-tagged bag of words; a label is the word of its class. Nothing asked is a vector of its own.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.numerics.caption_tokens import TOKENS, WORDS, tokenise_captions

_GAIN = 8.0  # of pieces, which start from zero: words are told apart within the first hundred steps


class CaptionEncoder(nn.Module):
    """Maps rows of tokens (words and their trigrams) to vectors."""

    def __init__(self, dim: int, width: int = 64) -> None:
        super().__init__()
        # From zero: a word that was never learned adds nothing, so that its trigrams speak for it.
        self.pieces = nn.Parameter(torch.zeros(TOKENS, width))
        self.places = nn.Parameter(0.1 * torch.randn(WORDS, width))
        self.words, self.caption = nn.Linear(width, 2 * width), nn.Linear(2 * width, dim)
        self.nothing = nn.Parameter(0.1 * torch.randn(dim))

    def forward(self, tokens: Tensor) -> Tensor:
        """Return ``(N, dim)`` of tokens ``(N, words, pieces)``; 0 is no token."""
        tokens = tokens.long()
        spoken = (tokens[:, :, 0] > 0).float()[:, :, None]  # (N, words, 1)
        pieces = _GAIN * F.embedding(tokens, self.pieces) * (tokens > 0)[..., None]
        words = pieces[:, :, 0] + pieces[:, :, 1:].sum(2) / (tokens[:, :, 1:] > 0).sum(2, keepdim=True).clamp(min=1)
        bag = (F.silu(self.words(words + self.places)) * spoken).sum(1) / spoken.sum(1).clamp(min=1).sqrt()
        return torch.where(spoken.amax(1) > 0, self.caption(bag), self.nothing)

    def encode_pieces(self, pieces: Tensor, words: Tensor, spoken: Tensor) -> Tensor:
        """Return `forward` of shares instead of tokens, without a lookup.

        `pieces` ``(N, words, tokens)``: of the pieces in their word, 1 for the word itself; `words` ``(N, 1, words)``: of
        the words, 1 by the root of their number; `spoken` ``(N, 1)``: 0 where no word is.
        """
        vectors = _GAIN * torch.bmm(pieces, self.pieces.expand(len(pieces), -1, -1))
        bag = torch.bmm(words, F.silu(self.words(vectors + self.places)))[:, 0]
        condition: Tensor = spoken * self.caption(bag) + (1 - spoken) * self.nothing
        return condition


def caption_tokens(texts: tuple[str, ...]) -> Tensor:
    """Return the tokens of captions, int16 ``(N, words, pieces)``."""
    return torch.from_numpy(tokenise_captions(texts))
