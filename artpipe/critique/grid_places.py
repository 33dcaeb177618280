"""The nine parts of a picture, three by three, and what they are called."""

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

PLACES = ("upper left", "top", "upper right", "left", "centre", "right", "lower left", "bottom", "lower right")


def split_into_grid(values: NDArray[Any]) -> Iterator[NDArray[Any]]:
    """Yield the nine parts ``(h, w, ...)`` of a picture ``(H, W, ...)``, row by row."""
    for rows in np.array_split(values, 3, 0):
        yield from np.array_split(rows, 3, 1)
