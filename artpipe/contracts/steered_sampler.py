"""What a learner is that paints what it is told, in words and by pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor

from artpipe.contracts.model import Exhibit


@dataclass(frozen=True)
class Steering:
    """What pictures are to be, beside their noise; None is the learner's own default."""

    captions: Sequence[str] | None = None  # one for each picture
    labels: Tensor | None = None  # (N,) int64, where there are no captions
    negative: str = ""  # what they are led away from
    guidance: float | None = None  # how strongly; 1: not at all
    steps: int | None = None
    like: Tensor | None = None  # (C, H, W) in [-1, 1]: a picture to begin from
    strength: float = 1.0  # of the way from it: 0 is the picture itself, 1 keeps nothing of it
    painted: Tensor | None = None  # (1, H, W), 1 where it is painted; elsewhere it stays as it is


def select_rows(seeds: Sequence[int], count: int) -> list[int]:
    """Return which of `count` captions each seed asks for, where none was typed."""
    return [seed % count for seed in seeds]


@runtime_checkable
class SteeredSampler(Protocol):
    """A sampler that words and pictures steer."""

    @property
    def noise_size(self) -> int:
        """Return the dimensions of the noise."""
        ...

    def steer(self, noise: Tensor, steering: Steering) -> Tensor:
        """Return ``(N, C, H, W)`` in [-1, 1] at noise ``(N, Z)``."""
        ...


@runtime_checkable
class CaptionWalker(Protocol):
    """A sampler that paints what lies between captions."""

    def walk_captions(self, noise: Tensor, captions: Sequence[str], shares: Tensor) -> Tensor:
        """Return ``(N, C, H, W)`` in [-1, 1] at noise ``(N, Z)``.

        Each mixes the captions by its shares ``(N, captions)``.
        """
        ...


@runtime_checkable
class WordLearner(Protocol):
    """A learner that words steer, all of which it learned from its dataset."""

    def list_known_words(self, captions: Sequence[str]) -> tuple[str, ...]:
        """Return the words of captions and classes; none where it may know others."""
        ...


@runtime_checkable
class HoleFiller(Protocol):
    """A learner that fills a hole of a given picture, and is steered by nothing else."""

    def fill_hole(self, picture: Tensor, hole: Tensor, seed: int) -> Exhibit:
        """Return ``(C, H, W)`` in [-1, 1] with its hole ``(H, W)`` bool filled."""
        ...


@dataclass(frozen=True)
class PathSettings:
    """How a path is followed where nothing else is typed; see nn/flow_matching."""

    steps: int
    guidance: float
    interval: tuple[float, float]  # times between which predictions are guided
    shift: float
    heun: bool


@dataclass(frozen=True)
class PathFunctions:
    """What paints along a path, as functions of tensors.

    `encode` returns conditions ``(N, D)`` of captions: of shares ``(N, words, tokens)`` of tokens in words, shares
    ``(N, 1, words)`` of words in the caption, and ``(N, 1)``, 0 where there is none. `predict` returns pictures
    ``(N, C, H, W)`` of points ``(N, Z)`` of paths, times ``(N,)`` and conditions.
    """

    encode: Callable[[Tensor, Tensor, Tensor], Tensor]
    predict: Callable[[Tensor, Tensor, Tensor], Tensor]
    settings: PathSettings


class NoPathError(Exception):
    """What a page cannot compute of a path."""


@runtime_checkable
class PathSampler(SteeredSampler, Protocol):
    """A steered sampler whose path the page of its live room can follow."""

    def path_functions(self) -> PathFunctions:
        """Return what is computed on a path.

        Raises:
            NoPathError: a page cannot compute it.
        """
        ...
