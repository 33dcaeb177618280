"""Tell which of ten captions a picture has, by a network that learned from real works (contrastive: Radford et al. 2021)."""

import itertools
import time
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.artifacts.caption_columns import decode_texts
from artpipe.nn.flow_matching.conditions import CaptionEncoder, caption_tokens
from artpipe.training.data import BatchSampler

CANDIDATES = 10  # the asked caption and others, none of the same words
DIM, WIDTH, BATCH, RATE = 64, 32, 64, 2e-3
SCALE = 10.0  # of similarities, before the softmax


class CaptionMatcher(nn.Module):
    """A tower for pictures and one for captions; vectors that belong together point the same way."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        widths = (channels, WIDTH, 2 * WIDTH, 4 * WIDTH)
        layers: list[nn.Module] = []
        for inputs, outputs in itertools.pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, 3, 2, 1), nn.GroupNorm(4, outputs), nn.SiLU()]
        self.pictures = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(16 * WIDTH, DIM))
        self.captions = CaptionEncoder(DIM)

    def compare(self, images: Tensor, tokens: Tensor) -> Tensor:
        """Return similarities ``(N, M)`` of pictures ``(N, C, H, W)`` and rows of tokens."""
        return F.normalize(self.pictures(images), dim=1) @ F.normalize(self.captions(tokens), dim=1).t()


def train_matcher(columns: Any, seconds: float, seed: int) -> CaptionMatcher:
    """Train for so many core-seconds; pictures are shifted, and shown with noise, so that painted ones are not strange."""
    torch.manual_seed(seed)
    matcher = CaptionMatcher(columns.take(torch.arange(1))["images"].shape[1])
    optimiser = torch.optim.AdamW(matcher.parameters(), RATE, weight_decay=0.05)
    sampler, began = BatchSampler(len(columns), min(BATCH, len(columns)), seed), time.process_time()
    while (share := (time.process_time() - began) / seconds) < 1:
        optimiser.param_groups[0]["lr"] = RATE * (1 - share)
        works = columns.take(sampler.draw())
        similarities = SCALE * matcher.compare(_disturb(works["images"]), works["captions"])
        same = (works["captions"][:, None] == works["captions"][None]).flatten(2).all(2).float()
        goal = same / same.sum(1, keepdim=True)
        loss = F.cross_entropy(similarities, goal) + F.cross_entropy(similarities.t(), goal)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return matcher.eval().requires_grad_(requires_grad=False)


def _disturb(images: Tensor) -> Tensor:
    down, across = torch.randint(-3, 4, (2,)).tolist()
    moved = torch.roll(images, (down, across), (2, 3))
    return moved + 0.15 * torch.rand(len(images), 1, 1, 1) * torch.randn_like(images)


@torch.no_grad()
def measure_matching(matcher: CaptionMatcher, images: Tensor, texts: Sequence[str], seed: int = 0) -> float:
    """Return the share of pictures whose own caption is the most similar of ten; by chance 0.1."""
    distinct = sorted({*texts})
    rows = matcher.compare(images, caption_tokens(tuple(distinct)))
    generator, right = torch.Generator().manual_seed(seed), 0
    for similarities, text in zip(rows, texts, strict=True):
        own = distinct.index(text)
        others = [row for row in torch.randperm(len(distinct), generator=generator).tolist() if row != own]
        right += bool(similarities[own] > similarities[others[: CANDIDATES - 1]].max())
    return right / len(texts)


def list_texts(works: Any) -> list[str]:
    """Return the captions of works."""
    return [*decode_texts(works["caption_texts"].tolist())]
