"""Blur, gradients and edges of brightness, and the noise of a picture."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
_BLOCK = 32  # pixels a side
_MOST_BLOCKS = 24  # along a side
_SMOOTH_SHARE = 0.2  # of the blocks
FEWEST_BLOCKS = 4
_CLIPPED = 0.02  # share of a block's pixels that may be black or white: noise is cut off there


def gaussian_blur(values: Floats, sigma: float) -> Floats:
    """Return ``(H, W)`` under a Gaussian of `sigma` pixels; borders are repeated."""
    reach = max(1, int(np.ceil(4 * sigma)))
    line = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sigma) ** 2).astype(np.float32)
    line /= line.sum()
    for _ in range(2):
        padded = np.pad(values, ((reach, reach), (0, 0)), mode="edge")
        values = sum(weight * padded[i : i + len(values)] for i, weight in enumerate(line))
        values = np.asarray(values, np.float32).T
    return values


def gradients(values: Floats) -> tuple[Floats, Floats]:
    """Return central differences ``(H, W)`` downwards and to the right; 0 at borders."""
    down, right = np.zeros_like(values), np.zeros_like(values)
    down[1:-1] = 0.5 * (values[2:] - values[:-2])
    right[:, 1:-1] = 0.5 * (values[:, 2:] - values[:, :-2])
    return down, right


def thin_edges(down: Floats, right: Floats) -> NDArray[np.bool_]:
    """Return where the gradient is largest along its own direction (Canny 1986)."""
    size = np.hypot(down, right)
    steps = np.where(np.abs(down) > 2 * np.abs(right), 0, np.where(np.abs(right) > 2 * np.abs(down), 1, 2))
    steps = np.where((steps == 2) & (down * right < 0), 3, steps)  # noqa: PLR2004 - the other diagonal
    largest = np.zeros(size.shape, bool)
    inner = (slice(1, -1), slice(1, -1))
    for step, (y, x) in enumerate(((1, 0), (0, 1), (1, 1), (1, -1))):
        ahead, behind = np.roll(size, (-y, -x), (0, 1)), np.roll(size, (y, x), (0, 1))
        largest[inner] |= ((steps == step) & (size > behind) & (size >= ahead))[inner]
    return largest


class NoiseReading(NamedTuple):
    """The standard deviation in levels of 255, and the blocks that could be read."""

    sigma: float | None
    blocks: int


def noise_sigma(pixels: NDArray[np.uint8]) -> NoiseReading:
    """Return the standard deviation of noise in even areas, in levels of 255.

    It is the response to a mask that ignores edges that are straight (Immerkaer 1996), in the evenest blocks, as the mean over
    channels. None where fewer than four blocks are neither black nor white.

    Args:
        pixels: ``(H, W, C)``.
    """
    blocks = _spread_blocks(pixels)
    clipped = ((blocks <= 1) | (blocks >= 254)).mean((1, 2, 3)) > _CLIPPED  # noqa: PLR2004 - levels of 255
    blocks = blocks[~clipped].astype(np.float32)
    if len(blocks) < FEWEST_BLOCKS:
        return NoiseReading(None, len(blocks))
    parts = blocks.reshape(len(blocks), 4, _BLOCK // 4, 4, _BLOCK // 4, -1).mean((2, 4))  # 4 x 4 means of a block
    unevenness = parts.reshape(len(blocks), 16, -1).std(1).mean(1)
    count = max(FEWEST_BLOCKS, int(_SMOOTH_SHARE * len(blocks)))
    smooth = blocks[np.argsort(unevenness, kind="stable")[:count]]
    lines = smooth[:, :-2] - 2 * smooth[:, 1:-1] + smooth[:, 2:]
    response = lines[:, :, :-2] - 2 * lines[:, :, 1:-1] + lines[:, :, 2:]
    sigma = float(np.median(np.sqrt(np.square(response).mean((1, 2))) / 6, axis=0).mean())
    return NoiseReading(sigma, len(blocks))


def _spread_blocks(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return blocks ``(N, 32, 32, C)`` from all over a picture, those that fit."""
    height, width, channels = pixels.shape
    rows, columns = (min(_MOST_BLOCKS, side // _BLOCK) for side in (height, width))
    if not rows or not columns:
        return np.empty((0, _BLOCK, _BLOCK, channels), np.uint8)
    tops, lefts = (
        np.linspace(0, side - _BLOCK, count).astype(int) for side, count in ((height, rows), (width, columns))
    )
    return np.stack([pixels[y : y + _BLOCK, x : x + _BLOCK] for y in tops for x in lefts])
