"""Large batches in pieces."""

from collections.abc import Iterator

from torch import Tensor


def split_rows(rows: Tensor, size: int = 500) -> Iterator[Tensor]:
    """Yield pieces of a large batch, so that memory stays small and caches warm."""
    for start in range(0, max(1, len(rows)), size):
        yield rows[start : start + size]
