"""Read and write shard sets: a dataset as tensors, by split, memory-mapped."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from artpipe.artifacts.cards import load_card, save_card
from artpipe.artifacts.tensors import load_tensors, save_arrays
from artpipe.config.params import Frozen
from artpipe.errors import CorruptError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")
UNLABELLED = -1


class Spec(Frozen):
    """What a model may know of its data in advance.

    Pictures are ``(channels, height, width)``, rows of tokens `length` long; what a medium has not is 0 or empty.
    """

    dataset: str
    medium: str = "picture"
    channels: int = 0
    height: int = 0
    width: int = 0
    grid: int = 0  # steps in a quarter note of music; `height` are its voices, 0 for chords
    length: int = 0  # tokens to predict in a row; a row has one more, the first one given
    classes: tuple[str, ...]  # names by label; empty where there are no labels
    count: int  # works in the training split
    columns: tuple[str, ...] = ("images", "labels", "digests")
    vocabulary: tuple[str, ...] = ()  # of `tokens`, where there are some


class ShardCard(Frozen):
    """`shards.json`: what the files hold and their hashes."""

    format: int = 1
    spec: Spec
    works: str  # hash of the manifest these tensors were made from
    params: dict[str, object]  # the preprocess parameters
    counts: dict[Split, int]
    files: dict[Split, dict[str, str]]  # split -> file name -> SHA-256, in order
    mean: tuple[float, ...]  # per channel, of the training split, in [0, 1]
    std: tuple[float, ...]


class ShardSet:
    """Columns of tensors by split.

    `images` uint8 ``(N, C, H, W)``, `labels` int64 ``(N,)`` (-1: none), `digests` uint8 ``(N, 32)``.

    Works of tokens have, instead of images, `tokens` int16 ``(N, length + 1)``, 0 where there is nothing.

    A row's digest is the SHA-256 of the original work, the key into the manifest and the record. Where works were cut
    into tiles or sequences, each a row, `places` int64 ``(N, 4)`` has its row and column in the work and how many of both
    the work has.
    """

    def __init__(self, folder: Path, card: ShardCard, sha256: str) -> None:
        self.folder, self.card, self.sha256 = folder, card, sha256

    @property
    def spec(self) -> Spec:
        """Return what a model may know of the data."""
        return self.card.spec

    @classmethod
    def open(cls, folder: Path) -> Self:
        """Open a folder; reads the card only.

        Raises:
            UserError, CorruptError: see `load_card`.
        """
        card, sha256 = load_card(folder / "shards.json", ShardCard)
        return cls(folder, card, sha256)

    def load(self, split: Split, columns: Sequence[str] | None = None) -> "dict[str, Tensor]":
        """Return the named columns of a split, verified.

        They are memory-mapped where the split is one file.

        Raises:
            CorruptError: a file is missing or damaged.
        """
        parts = [load_tensors(self.folder / name, sha256) for name, sha256 in self.card.files[split].items()]
        names = self.spec.columns if columns is None else columns
        for column in names:
            if any(column not in part for part in parts):
                raise CorruptError(f"{self.folder}: no {column} in a file of {split}; delete the folder and run again")
            if (count := sum(len(part[column]) for part in parts)) != self.card.counts[split]:
                problem = f"{count} {column} in {split}, its card says {self.card.counts[split]}"
                raise CorruptError(f"{self.folder}: {problem}; delete the folder and run again")
        if len(parts) == 1:
            return {column: parts[0][column] for column in names}
        import torch

        return {column: torch.cat([part[column] for part in parts]) for column in names} if parts else {}


class ShardWriter:
    """Write the files of a shard set into `folder`; `close` writes the card last."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.files: dict[Split, dict[str, str]] = {split: {} for split in SPLITS}
        self.counts: dict[Split, int] = dict.fromkeys(SPLITS, 0)

    def add(self, split: Split, columns: "Mapping[str, NDArray[Any] | Tensor]") -> None:
        """Write one file with the given columns, all of the same length.

        They are arrays or tensors.
        """
        import numpy as np

        arrays = {column: np.asarray(values) for column, values in columns.items()}
        name = f"{split}-{len(self.files[split]):05d}.safetensors"
        self.files[split][name] = save_arrays(self.folder / name, arrays)
        self.counts[split] += len(next(iter(arrays.values())))

    def close(
        self, spec: Spec, *, works: str, params: dict[str, object], mean: Sequence[float], std: Sequence[float]
    ) -> str:
        """Write the card and return the ShardSet's hash."""
        card = ShardCard(
            spec=spec,
            works=works,
            params=params,
            counts=self.counts,
            files=self.files,
            mean=tuple(mean),
            std=tuple(std),
        )
        return save_card(self.folder / "shards.json", card)
