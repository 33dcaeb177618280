"""Learners whose step can be divided into parts of a batch.

The gradient of a batch is the sum over its parts, so a batch need not fit into memory.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from typing import TypeVar

import torch
from torch import Tensor

from artpipe.config.params import TrainParams
from artpipe.contracts.model import Batch, Learner

ParamsT = TypeVar("ParamsT", bound=TrainParams)


class MicroBatchedLearner(Learner[ParamsT]):
    """A learner whose step has three parts, so that a batch can be divided.

    It draws what is random, adds up the gradients of each part, and updates the weights once. Whole or in parts, a
    step is the same but for the order in which numbers are added, and for what looks at a batch as a whole (batch
    normalisation) or is drawn while a part is learned (dropout, augmentation): that sees or draws part by part.
    """

    memory_advice = "lower the dataset's `size` (of text and music `length`), the model's widths or `batch_size`, or end other programs"

    def prepare_batch(self, batch: Batch) -> Batch:
        """Return the columns that are learned from, all of equal length.

        What can be drawn at random for the whole batch at once is drawn here.
        """
        return batch

    @abstractmethod
    def accumulate_gradients(self, part: Batch, whole: Batch) -> Mapping[str, Tensor]:
        """Add the gradients of a part to the weights, return its share of each loss.

        `part` has rows of what `prepare_batch` returned; the shares are detached. The shares of all parts add up to
        the losses of the `whole`; for means over rows `row_share` is the factor.
        """

    @abstractmethod
    def update_weights(self, rows: int) -> None:
        """Take the optimisers' step after the gradients of a batch of `rows` rows.

        What else is done once a step is done here.
        """

    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        """Take one optimiser step and return the scalar losses by name, detached."""
        losses = self.compute_gradients(batch)
        self.update_weights(count_rows(batch))
        return losses

    def compute_gradients(self, batch: Batch, rows: int | None = None) -> Mapping[str, Tensor]:
        """Give every weight the gradient of a batch and return the losses.

        `rows` rows are learned at a time (None: all).
        """
        self.zero_gradients()
        with torch.no_grad():
            whole = self.prepare_batch(batch)
        losses: dict[str, Tensor] = {}
        for part in split_batch(whole, -(-count_rows(batch) // (rows or count_rows(batch)))):
            for name, share in self.accumulate_gradients(part, whole).items():
                losses[name] = losses[name] + share if name in losses else share
        return losses

    def zero_gradients(self) -> None:
        """Take the gradients away."""
        for optimiser in self.optimisers.values():
            optimiser.zero_grad()


def count_rows(batch: Batch) -> int:
    """Return the number of rows."""
    return len(next(iter(batch.values())))


def row_share(part: Batch, whole: Batch) -> float:
    """Return the share of the rows of `whole` that are in `part`, in [0, 1]."""
    return count_rows(part) / max(1, count_rows(whole))


def split_batch(whole: Batch, count: int) -> Iterator[Batch]:
    """Yield `count` parts of nearly equal length, fewer if there are fewer rows.

    One part is the whole itself.
    """
    count = min(count, count_rows(whole))
    if count <= 1:
        yield whole
        return
    pieces = {name: column.tensor_split(count) for name, column in whole.items()}
    for number in range(count):
        yield {name: piece[number] for name, piece in pieces.items()}
