"""How blurred a picture's finest detail is, in texture as at edges.

The power spectrum of the gradient is level for a scene of sharp edges, whatever they are (it falls or rises by a power of the frequency where there is
more of coarse or of fine texture), and a Gaussian of sigma s multiplies it by exp(-(2 pi f s)^2). So s is read off the spectrum of the liveliest blocks, less
that of the evenest ones, which is the grain.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from artpipe.numerics.blur_and_noise import Floats

BLOCK = 64  # pixels a side
_MOST_BLOCKS = 30  # along a side
_SHARE = 5  # one in five blocks is lively, one in five even
_MIDDLE = slice(3, 11)  # rings by which a block is lively: details of 6 to 21 pixels
_FIRST_RING = 2  # the window blurs what is below
_ABOVE_GRAIN = 2.0  # times the grain: what is weaker is not seen
_FEWEST_RINGS = 5
_WINDOWS, _SIDE = 12, 5  # windows along a block, their pixels
_EVENEST = 0.05  # of the windows
_EVENEST_OF_NOISE = 0.63  # what of white noise is measured so
_EVEN_BELOW = 1 / 8  # of the lively blocks' power: even blocks show grain, not the scene
_BLACK, _WHITE = 8, 247  # mean levels of blocks in which grain is cut off
_LOST, _FITTED = 16.0, 22.0  # decibels below the strongest ring: hardly any detail; as far as the spectrum is fitted
_STEEPEST = 1.5  # power of the frequency: grain that is everywhere has 3 where it is white, scenes up to 1
_USUAL_EXPONENT, _EXPONENT_SPREAD = 0.2, 0.5  # of photographs and paintings
_SCATTER = 0.3  # of the logarithm of a ring about the curve
_END_OF_BLUR = 0.306  # sigma times the frequency at which a blur leaves 16 decibels less
_LEAST_OF_END = 0.9
_NO_GRAIN = 0.5  # levels of 255: what scatters less is drawn
_MOST_ERROR = 0.25  # pixels, or a quarter of the sigma
_COARSE = 2.5  # pixels: more is measured again at half the size
LEAST_CONTRAST = 3.0  # levels of 255: fainter detail says nothing of sharpness
_MOST_HALVED = 4  # times smaller
_LEAST_IN_PARTS, _LEAST_HALVED_IN_PARTS, _LEAST_HALVED = 288, 128, 96  # pixels a side
_TINY = 1e-9

_ROWS, _COLUMNS = np.mgrid[:BLOCK, : BLOCK // 2 + 1]
_RINGS = np.rint(np.hypot(np.minimum(_ROWS, BLOCK - _ROWS), _COLUMNS)).astype(int).ravel()
_TWICE = np.where(_COLUMNS % (BLOCK // 2) == 0, 1, 2)  # columns that a real transform leaves out
_FREQUENCIES = np.arange(BLOCK // 2 + 1) / BLOCK  # cycles per pixel
_HANN = np.hanning(BLOCK + 1)[:-1].astype(np.float32)
_WINDOW = np.outer(_HANN, _HANN) / (np.square(_HANN).sum() * BLOCK)
_RING_SIZES = np.bincount(_RINGS, _TWICE.ravel(), BLOCK)[: BLOCK // 2 + 1]


class BlockSpectra(NamedTuple):
    """Power by ring of blocks from all over a picture, in squared levels of 255."""

    places: NDArray[np.float64]  # (N, 2), the middles of the blocks as shares of height and width
    power: NDArray[np.float64]  # (N, 33)
    means: Floats  # (N,), levels
    grain: Floats  # (N,), standard deviation of what scatters in a block's evenest places

    @property
    def liveliness(self) -> NDArray[np.float64]:
        """Return the contrast of each block's details of 6 to 21 pixels, in levels."""
        return np.asarray(np.sqrt(self.power[:, _MIDDLE].sum(1)))


class DetailBlur(NamedTuple):
    """The blur of the finest detail, sigma of a Gaussian in pixels.

    `exponent` is the power by which the gradient of the scene rises with the frequency.
    """

    sigma: float
    exponent: float


class PartDetail(NamedTuple):
    """The detail of a part of a picture.

    `contrast` is that of details of 6 to 21 pixels, `grain` the noise there may be, in levels of 255; `sigma` the blur in pixels, None where it cannot be told.
    """

    contrast: float
    grain: float
    sigma: float | None


def measure_block_spectra(levels: Floats) -> BlockSpectra:
    """Return the spectra of overlapping blocks of a brightness ``(H, W)`` in [0, 255].

    Raises:
        ValueError: a side is below 64 pixels.
    """
    if min(levels.shape) < BLOCK:
        raise ValueError(f"{levels.shape}: a block of {BLOCK} pixels does not fit")
    tops, lefts = (
        np.unique(np.linspace(0, side - BLOCK, min(_MOST_BLOCKS, max(2, 2 * side // BLOCK))).astype(int))
        for side in levels.shape
    )
    places = np.array([(top, left) for top in tops for left in lefts])
    power, means, grain = [], [], []
    for top, left in places:
        block = levels[top : top + BLOCK, left : left + BLOCK]
        spectrum = np.square(np.abs(np.fft.rfft2(_remove_slope(block) * _WINDOW))) * _TWICE
        power.append(np.bincount(_RINGS, spectrum.ravel(), BLOCK)[: BLOCK // 2 + 1])
        means.append(block.mean())
        grain.append(_measure_grain(block))
    return BlockSpectra(
        (places + BLOCK / 2) / levels.shape, np.array(power), np.array(means, np.float32), np.array(grain, np.float32)
    )


def _measure_grain(block: Floats) -> float:
    """Return the standard deviation of white noise that a block can have at most.

    It is what the mask of Immerkaer 1996, which ignores straight edges, leaves in the evenest of its windows.
    """
    lines = block[:-2] - 2 * block[1:-1] + block[2:]
    response = (lines[:, :-2] - 2 * lines[:, 1:-1] + lines[:, 2:])[: _WINDOWS * _SIDE, : _WINDOWS * _SIDE] / 6
    scatter = np.sqrt(np.square(response).reshape(_WINDOWS, _SIDE, _WINDOWS, _SIDE).mean((1, 3)))
    return float(np.quantile(scatter, _EVENEST)) / _EVENEST_OF_NOISE


def _remove_slope(block: Floats) -> Floats:
    """Return a block less its mean and its slopes, which the window would spread."""
    line = np.arange(BLOCK, dtype=np.float32) - (BLOCK - 1) / 2
    square = np.square(line).sum() * BLOCK
    down, right = (block.sum(1) @ line) / square, (block.sum(0) @ line) / square
    return np.asarray(block - block.mean() - down * line[:, None] - right * line, np.float32)


def measure_detail_blur(spectra: BlockSpectra, chosen: NDArray[np.bool_] | None = None) -> DetailBlur | None:
    """Return the blur of the liveliest of some blocks, or of all.

    None where detail cannot be told from grain: no block is even, and the finest is the strongest.
    """
    liveliest = _find_liveliest(spectra, chosen)
    lively, (grain, is_ground) = spectra.power[liveliest].mean(0), _find_grain(spectra, liveliest)
    is_hidden = not is_ground and float(np.median(spectra.grain[liveliest])) > _NO_GRAIN
    is_seen = np.cumprod(lively[_FIRST_RING:] > _ABOVE_GRAIN * grain[_FIRST_RING:]).astype(bool)
    if is_seen.sum() < _FEWEST_RINGS:
        return None
    gradient = _smooth(np.maximum(lively - grain, _TINY) * np.square(_FREQUENCIES))[_FIRST_RING:][is_seen]
    frequencies = _FREQUENCIES[_FIRST_RING:][is_seen]
    decibels = 10 * np.log10(gradient / gradient.max())
    last = int(np.nonzero(decibels > -_LOST)[0][-1])
    fitted = (decibels > -_FITTED) & (np.arange(len(decibels)) <= max(last + 1, _FEWEST_RINGS))
    exponent, variance, error = _fit_spectrum(frequencies[fitted], decibels[fitted])
    is_ending = last + 1 < len(decibels)  # then even a scene that favours fine detail has at least this blur
    least = _LEAST_OF_END * _END_OF_BLUR / frequencies[last + 1] if is_ending else 0.0
    sigma = float(np.sqrt(max(least**2, variance)))
    if (exponent > _STEEPEST and is_hidden) or np.sqrt(sigma**2 + error) > sigma + max(_MOST_ERROR, sigma / 4):
        return None
    return DetailBlur(sigma, exponent)


def _find_grain(spectra: BlockSpectra, lively: NDArray[np.intp]) -> tuple[NDArray[np.float64], bool]:
    """Return the spectrum of the grain, and whether even ground shows it.

    Ground is what is neither black nor white and far evener than the lively blocks. Without any the grain is white noise as strong as these can have.
    """
    white = np.asarray(_RING_SIZES * (float(np.median(spectra.grain[lively])) / BLOCK) ** 2, np.float64)
    inside = np.nonzero((spectra.means > _BLACK) & (spectra.means < _WHITE))[0]
    if len(inside) >= _SHARE:
        order = inside[np.argsort(spectra.liveliness[inside], kind="stable")]
        even = spectra.power[order[: max(1, len(order) // _SHARE)]].mean(0)
        if even[_MIDDLE].sum() < _EVEN_BELOW * spectra.power[lively].mean(0)[_MIDDLE].sum():
            return np.asarray(np.maximum(even, white)), True
    return white, False


def _find_liveliest(spectra: BlockSpectra, chosen: NDArray[np.bool_] | None) -> NDArray[np.intp]:
    """Return the places of the liveliest fifth of some blocks."""
    places = np.arange(len(spectra.means)) if chosen is None else np.nonzero(chosen)[0]
    order = places[np.argsort(spectra.liveliness[places], kind="stable")]
    return np.asarray(order[-max(1, len(order) // _SHARE) :])


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    padded = np.pad(values, 1, mode="edge")
    return np.asarray(0.25 * padded[:-2] + 0.5 * padded[1:-1] + 0.25 * padded[2:])


def _fit_spectrum(frequencies: NDArray[np.float64], decibels: NDArray[np.float64]) -> tuple[float, float, float]:
    """Return exponent, variance and the variance's error.

    They are those of ``f^exponent exp(-(2 pi f)^2 variance)``, by least squares in the logarithm.
    One more row holds the exponent to what pictures have, as far as few rings leave it open.
    """
    columns = [np.ones_like(frequencies), np.log(frequencies), -np.square(2 * np.pi * frequencies)]
    usual = _SCATTER / _EXPONENT_SPREAD * np.array([0.0, 1.0, 0.0])
    rows = np.concatenate([np.stack(columns, 1), usual[None]])
    values = np.append(decibels * (np.log(10) / 10), usual[1] * _USUAL_EXPONENT)
    solution = np.linalg.lstsq(rows, values, rcond=None)[0]
    error = _SCATTER * np.sqrt(np.linalg.inv(rows.T @ rows)[2, 2])
    return float(solution[1]), float(solution[2]), float(error)


def measure_parts(levels: Floats) -> list[PartDetail]:
    """Return the detail of nine parts, row by row, or of a small picture as a whole.

    What is too coarse or lies under the grain is looked for again at half the size.
    """
    in_parts = min(levels.shape) >= _LEAST_IN_PARTS
    parts = _measure_at_scale(levels, in_parts=in_parts)
    scale, smaller = 1, levels
    least = 2 * (_LEAST_HALVED_IN_PARTS if in_parts else _LEAST_HALVED)
    while scale < _MOST_HALVED and min(smaller.shape) >= least and any(_is_open(part) for part in parts):
        scale, smaller = 2 * scale, _halve(smaller)
        again = _measure_at_scale(smaller, in_parts=in_parts)
        parts = [_join_scales(part, coarse, scale) for part, coarse in zip(parts, again, strict=True)]
    return parts


def _measure_at_scale(levels: Floats, *, in_parts: bool) -> list[PartDetail]:
    spectra = measure_block_spectra(levels)
    rows, columns = np.floor(3 * spectra.places).astype(int).T
    numbers = 3 * rows + columns if in_parts else np.zeros(len(rows), int)
    return [_measure_part(spectra, numbers == number) for number in range(9 if in_parts else 1)]


def _measure_part(spectra: BlockSpectra, chosen: NDArray[np.bool_]) -> PartDetail:
    liveliest = _find_liveliest(spectra, chosen)
    contrast = float(spectra.liveliness[liveliest].mean())
    blur = measure_detail_blur(spectra, chosen) if contrast >= LEAST_CONTRAST else None
    return PartDetail(contrast, float(np.median(spectra.grain[liveliest])), blur.sigma if blur else None)


def _is_open(part: PartDetail) -> bool:
    return part.contrast < LEAST_CONTRAST or part.sigma is None or part.sigma > _COARSE


def _join_scales(part: PartDetail, coarse: PartDetail, scale: int) -> PartDetail:
    """Return a part with a blur that a smaller picture shows and this one hides."""
    if part.sigma is not None and part.sigma * 2 <= _COARSE * scale:
        return part
    if coarse.sigma is None or coarse.sigma < _COARSE / 3:
        return part
    return PartDetail(max(part.contrast, coarse.contrast), part.grain, coarse.sigma * scale)


def _halve(levels: Floats) -> Floats:
    from PIL import Image

    size = levels.shape[1] // 2, levels.shape[0] // 2
    return np.asarray(Image.fromarray(levels).resize(size, Image.Resampling.LANCZOS), np.float32)
