"""Works as sequences of tokens, in rows of one length: each token but a work's first is predicted in exactly one row."""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from artpipe.contracts.special_tokens import PAD

if TYPE_CHECKING:
    from artpipe.artifacts.shards import Split

SHARD_BYTES = 256 * 2**20


def rows_of(tokens: Sequence[int], length: int) -> list[list[int]]:
    """Cut a work into rows of `length` + 1 tokens; a row begins with the last token of the one before, the last is padded.

    >>> rows_of([1, 7, 8, 9, 2], 3)
    [[1, 7, 8, 9], [9, 2, 0, 0]]
    """
    starts = range(0, max(1, len(tokens) - 1), length)
    rows = [list(tokens[start : start + length + 1]) for start in starts]
    return [row + [PAD] * (length + 1 - len(row)) for row in rows]


class TokenShards:
    """Collects rows by split and writes a file whenever one is full."""

    def __init__(self, folder: Path, length: int, shard_bytes: int = SHARD_BYTES) -> None:
        from artpipe.artifacts.shards import ShardWriter

        self.writer, self.length = ShardWriter(folder), length
        self.most = max(1, shard_bytes // (2 * (length + 1) + 72))
        self._rows: dict[Split, list[tuple[list[int], int, str, tuple[int, int, int, int]]]] = defaultdict(list)

    def add(self, split: "Split", tokens: Sequence[int], label: int, sha256: str) -> None:
        """Take one work, whole."""
        rows, cut = self._rows[split], rows_of(tokens, self.length)
        rows += [(row, label, sha256, (place, 0, len(cut), 1)) for place, row in enumerate(cut)]
        if len(rows) >= self.most:
            self._write(split)

    def flush(self) -> None:
        """Write what is left."""
        for split in sorted(self._rows):
            if self._rows[split]:
                self._write(split)

    def _write(self, split: "Split") -> None:
        import torch

        tokens, labels, digests, places = zip(*self._rows.pop(split), strict=True)
        columns = {
            "tokens": torch.tensor(tokens, dtype=torch.int16),
            "labels": torch.tensor(labels, dtype=torch.int64),
            "digests": torch.tensor([list(bytes.fromhex(digest)) for digest in digests], dtype=torch.uint8),
            "places": torch.tensor(places, dtype=torch.int64),
        }
        self.writer.add(split, columns)
