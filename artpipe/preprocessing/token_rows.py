"""Cut works of tokens into rows of one length.

Each token but a work's first is predicted in exactly one row.
"""

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artpipe.contracts.special_tokens import PAD

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from artpipe.artifacts.shards import Split

SHARD_BYTES = 256 * 2**20


def cut_rows(tokens: Sequence[int], length: int) -> list[list[int]]:
    """Cut a work into rows of `length` + 1 tokens.

    A row begins with the last token of the one before, the last row is padded.

    >>> rows_of([1, 7, 8, 9, 2], 3)
    [[1, 7, 8, 9], [9, 2, 0, 0]]
    """
    starts = range(0, max(1, len(tokens) - 1), length)
    rows = [list(tokens[start : start + length + 1]) for start in starts]
    return [row + [PAD] * (length + 1 - len(row)) for row in rows]


class TokenShards:
    """Collect rows by split and write a file whenever one is full."""

    def __init__(self, folder: Path, length: int, shard_bytes: int = SHARD_BYTES) -> None:
        from artpipe.artifacts.shards import ShardWriter

        self.writer, self.length = ShardWriter(folder), length
        self.max_rows = max(1, shard_bytes // (2 * (length + 1) + 72))
        self._rows: dict[Split, list[tuple[list[int], int, str, tuple[int, int, int, int]]]] = defaultdict(list)

    def add(self, split: "Split", tokens: Sequence[int], label: int, sha256: str) -> None:
        """Add one whole work."""
        rows, work_rows = self._rows[split], cut_rows(tokens, self.length)
        rows += [(row, label, sha256, (place, 0, len(work_rows), 1)) for place, row in enumerate(work_rows)]
        if len(rows) >= self.max_rows:
            self._write(split)

    def flush(self) -> None:
        """Write what is left."""
        for split in sorted(self._rows):
            if self._rows[split]:
                self._write(split)

    def _write(self, split: "Split") -> None:
        import numpy as np

        tokens, labels, digests, places = zip(*self._rows.pop(split), strict=True)
        columns: dict[str, NDArray[Any]] = {
            "tokens": np.array(tokens, np.int16),
            "labels": np.array(labels, np.int64),
            "digests": np.frombuffer(bytes.fromhex("".join(digests)), np.uint8).reshape(len(digests), -1),
            "places": np.array(places, np.int64),
        }
        self.writer.add(split, columns)
