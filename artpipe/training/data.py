"""Batches of training data, drawn in an order that can be saved and resumed.

Columns are held as bytes and become floats batch by batch.
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from artpipe.artifacts.shards import ShardSet, Split
from artpipe.errors import UserError, did_you_mean
from artpipe.numerics.pixels import to_float
from artpipe.system.hashing import sha256_bytes

_DIVISOR = 4  # data may fill a quarter of the memory at most


class BatchSampler:
    """Draws batches of indices, each epoch in a new random order.

    The order is a pure function of seed and epoch, so epoch and position are the whole state.

    A last partial batch is dropped; a set smaller than a batch is gone through as often as a batch needs.
    """

    def __init__(self, count: int, batch_size: int, seed: int) -> None:
        self.count, self.batch_size, self.seed = count, batch_size, seed
        self.epoch = self.position = 0
        self._order = self._permutation()

    def _permutation(self) -> Tensor:
        # Torch's CPU generator looks at the low 32 bits of a seed alone, so seed and epoch are mixed into those.
        mixed_seed = int(sha256_bytes(f"{self.seed} {self.epoch}".encode())[:8], 16)
        generator = torch.Generator().manual_seed(mixed_seed)
        return torch.randperm(self.count, generator=generator)

    def _start_epoch(self) -> None:
        self.epoch, self.position = self.epoch + 1, 0
        self._order = self._permutation()

    def draw(self) -> Tensor:
        """Return the indices ``(batch_size,)`` of the next batch and move on."""
        if self.count < self.batch_size:
            rounds = -(-self.batch_size // self.count)
            indices = self._order.repeat(rounds)[: self.batch_size]
            self._start_epoch()
            return indices
        if self.position + self.batch_size > self.count:
            self._start_epoch()
        self.position += self.batch_size
        return self._order[self.position - self.batch_size : self.position]

    def state(self) -> dict[str, int]:
        """Return epoch and position."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state(self, state: Mapping[str, int]) -> None:
        """Continue from what `state` returned."""
        self.epoch, self.position = state["epoch"], state["position"]
        self._order = self._permutation()


class Columns:
    """The columns of a split, in bytes.

    They are on the device or in RAM where they fit in a quarter of it, else memory-mapped.
    """

    def __init__(self, columns: Mapping[str, Tensor], device: torch.device) -> None:
        self.device = device
        size = sum(column.nbytes for column in columns.values())
        fits_device = device.type != "cpu" and size <= torch.cuda.get_device_properties(device).total_memory // _DIVISOR
        fits_memory = size <= memory_bytes() // _DIVISOR
        self._columns = {
            name: column.to(device) if fits_device else column.clone() if fits_memory else column
            for name, column in columns.items()
        }

    @property
    def raw(self) -> Mapping[str, Tensor]:
        """Return all rows as they are stored: images uint8."""
        return self._columns

    def __len__(self) -> int:
        return len(next(iter(self._columns.values()))) if self._columns else 0

    def take(self, indices: Tensor) -> dict[str, Tensor]:
        """Return rows by index, on the device.

        `images` become float32 ``(B, C, H, W)`` in [-1, 1], other columns stay as they are.
        """
        batch = {}
        for name, column in self._columns.items():
            rows = column[indices.to(column.device)].to(self.device, non_blocking=True)
            batch[name] = to_float(rows) if name == "images" else rows
        return batch


class Batches:
    """An endless stream of batches of the training split."""

    def __init__(self, columns: Columns, sampler: BatchSampler) -> None:
        self.columns, self.sampler = columns, sampler

    def draw(self) -> dict[str, Tensor]:
        """Return the next batch."""
        return self.columns.take(self.sampler.draw())


def memory_bytes() -> int:
    """Return the size of the machine's memory."""
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def load_columns(shards: ShardSet, split: Split, reads: Iterable[str], device: torch.device) -> Columns:
    """Load the columns that a model reads.

    Raises:
        UserError: the dataset has no such column.
        CorruptError: see `ShardSet.load`.
    """
    available = shards.spec.columns
    for column in sorted(reads):
        if column not in available:
            message = (
                f"`{column}` is no column of {shards.folder} ({', '.join(available)}){did_you_mean(column, available)}"
            )
            raise UserError(message)
    return Columns(shards.load(split, sorted(reads)) if shards.card.counts[split] else {}, device)


@dataclass(frozen=True)
class TrainingData:
    """What a training reads: endless batches, and works to measure on and to show."""

    batches: Batches
    held_out: Columns
    exhibit_works: Columns

    @classmethod
    def load(
        cls, shards: ShardSet, reads: frozenset[str], batch_size: int, seed: int, device: torch.device
    ) -> "TrainingData":
        """Load the columns that a model reads.

        Held-out works and works for exhibits also bring their digests and places.

        Raises:
            UserError, CorruptError: see `load_columns`.
        """
        held_out_columns = reads | ({"digests", "places"} & set(shards.spec.columns))
        train = load_columns(shards, "train", reads, device)
        held_out = load_columns(shards, "validation", held_out_columns, device)
        exhibit_works = held_out if len(held_out) else load_columns(shards, "train", held_out_columns, device)
        return cls(Batches(train, BatchSampler(len(train), batch_size, seed)), held_out, exhibit_works)


def sample_indices(total: int, sample_size: int, seed: int) -> Tensor:
    """Return up to `sample_size` indices below `total`, without repetition, by seed."""
    return torch.randperm(total, generator=torch.Generator().manual_seed(seed))[:sample_size]


def first_rows(batch: Mapping[str, Any], count: int) -> dict[str, Any]:
    """Return the first `count` rows of every column."""
    return {name: column[:count] for name, column in batch.items()}
