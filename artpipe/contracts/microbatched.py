"""Learners whose step can be divided: the gradient of a batch is the sum over its parts, so a batch need not fit into memory."""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import TypeVar

import torch
from torch import Tensor

from artpipe.config.params import TrainParams
from artpipe.contracts.model import Batch, Learner

ParamsT = TypeVar("ParamsT", bound=TrainParams)


class Divisible(Learner[ParamsT]):
    """A learner that says its step in three: draw what is random, add the gradients of a part, move once.

    Whole or in parts, a step is the same but for the order in which numbers are added, and for what looks at a batch as a
    whole (batch normalisation) or is drawn while a part is learned (dropout, augmentation): that sees or draws part by part.
    """

    thrift = "lower the dataset's `size` (of text and music `length`), the model's widths or `batch_size`, or end other programs"

    def draw(self, batch: Batch) -> Batch:
        """Return what is learned from: columns of equal length, with all that can be drawn for the whole batch at once."""
        return batch

    @abstractmethod
    def learn(self, part: Batch, whole: Batch) -> Mapping[str, Tensor]:
        """Add the gradients of a part of `draw`'s columns to the weights; return its share of each loss, detached.

        The shares of all parts add up to the losses of the `whole`; for means over rows `portion` is the factor.
        """

    @abstractmethod
    def move(self, rows: int) -> None:
        """Take the optimisers' step after a batch of so many rows was learned, and what else comes once a step."""

    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        """Take one optimiser step and return the scalar losses by name, detached."""
        losses = self.gradients(batch)
        self.move(length(batch))
        return losses

    def gradients(self, batch: Batch, rows: int | None = None) -> Mapping[str, Tensor]:
        """Give every weight the gradient of a batch, learned `rows` rows at a time (None: all); return the losses."""
        self.clear()
        with torch.no_grad():
            whole = self.draw(batch)
        losses: dict[str, Tensor] = {}
        for part in parts(whole, -(-length(batch) // (rows or length(batch)))):
            for name, share in self.learn(part, whole).items():
                losses[name] = losses[name] + share if name in losses else share
        return losses

    def clear(self) -> None:
        """Take the gradients away."""
        for optimiser in self.optimisers.values():
            optimiser.zero_grad()


def length(batch: Batch) -> int:
    """Return the number of rows."""
    return len(next(iter(batch.values())))


def portion(part: Batch, whole: Batch) -> float:
    """Return the share of the rows of `whole` that a part has: 1.0 where it is all of it."""
    return length(part) / max(1, length(whole))


def parts(whole: Batch, count: int) -> Iterator[Batch]:
    """Yield `count` parts of nearly equal length, fewer where there are fewer rows; one part is the whole itself."""
    count = min(count, length(whole))
    if count <= 1:
        yield whole
        return
    pieces = {name: column.tensor_split(count) for name, column in whole.items()}
    for number in range(count):
        yield {name: piece[number] for name, piece in pieces.items()}
