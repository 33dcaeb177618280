"""A visitor's picture as the observations ask for it."""

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from artpipe.modalities.picture.decoder import flatten_alpha
from artpipe.numerics.colour_space import Floats, to_lightness

if TYPE_CHECKING:
    from PIL import Image

Bytes = NDArray[np.uint8]
SMALL_SIDE = 320  # pixels of the longer side, for what is seen from afar: colours, values, lines
_MARGIN_TOLERANCE, _MARGIN_BLEED = 16, 2  # levels of 255; lines cut besides
_PLAIN_SHARE = 0.98  # of a line's pixels
_LEAST_SIDE = 8  # pixels
_FRAME_OPEN = 0.3  # share of the margin's colour that a framed picture may have along its border
PLAIN = 0.995  # of the surface in one colour: a blank sheet
_OPAQUE = 128  # of 255


@dataclass(frozen=True)
class CritiquedPicture:
    """A decoded picture: mode L, LA, RGB or RGBA, upright, sRGB.

    What is measured is the picture inside its plain margin, on white where it is transparent.
    """

    name: str
    sha256: str
    image: "Image.Image"
    notes: tuple[str, ...] = ()

    @cached_property
    def whole(self) -> "Image.Image":
        """Return it in RGB on white, with its margin."""
        return flatten_alpha(self.image, "white").convert("RGB")

    @cached_property
    def box(self) -> tuple[int, int, int, int]:
        """Return left, top, right and bottom of the picture inside its margin."""
        return find_framed_box(self.whole)

    @property
    def margin_share(self) -> float:
        """Return the share of the surface that is a plain margin."""
        left, top, right, bottom = self.box
        return 1 - (right - left) * (bottom - top) / (self.image.width * self.image.height)

    @cached_property
    def margin_pixel(self) -> Bytes:
        """Return the colour ``(3,)`` of the margin's corner, where there is a margin."""
        left, top, _, _ = self.box
        corner = (0, 0) if left or top else (self.image.width - 1, self.image.height - 1)
        return np.asarray(self.whole.getpixel(corner), np.uint8)

    @cached_property
    def framed(self) -> "Image.Image":
        """Return it in RGB without its margin."""
        return self.whole.crop(self.box)

    @cached_property
    def pixels(self) -> Bytes:
        """Return ``(H, W, 3)`` of the framed picture, in full size."""
        return np.asarray(self.framed)

    @cached_property
    def is_grey(self) -> bool:
        """Return whether no pixel has a colour, but for a level of rounding."""
        small = self.small.astype(np.int16)
        return bool((small.max(2) - small.min(2)).max() <= 2)  # noqa: PLR2004 - levels of 255

    @cached_property
    def same_works(self) -> dict[str, object]:
        """Hold by dataset which of its works the picture is, once that was asked."""
        return {}

    @cached_property
    def plain_share(self) -> float:
        """Return the share of `small` that has its commonest colour, or nearly."""
        pixels = self.small.reshape(-1, 3).astype(np.int16)
        far = np.abs(pixels - np.median(pixels, axis=0)).max(1) > _MARGIN_TOLERANCE
        return float(1 - far.mean())

    @property
    def is_blank(self) -> bool:
        """Return whether there is hardly anything on it that works could be like."""
        return self.plain_share > PLAIN

    @cached_property
    def small(self) -> Bytes:
        """Return the framed picture ``(h, w, 3)``, 320 pixels at the longer side at most."""
        return np.asarray(shrink(self.framed, SMALL_SIDE))

    @cached_property
    def sampled(self) -> Bytes:
        """Return single pixels ``(h, w, 3)`` near the places of `small`.

        The picture has up to 960 at the longer side. Shares of colours are counted in these: thin ink on white is grey in `small`, where pixels are means of many. Which
        pixel of a place is taken is drawn, so that lines at equal distances are neither all met nor all missed.
        """
        fine: Bytes = np.asarray(shrink(self.framed, 3 * SMALL_SIDE))
        drawn, shape = np.random.default_rng(0), self.small.shape[:2]
        rows, columns = (
            ((places + drawn.random(shape)) * fine.shape[axis] / shape[axis]).astype(np.int64)
            for axis, places in enumerate(np.indices(shape))
        )
        sampled: Bytes = fine[rows, columns]
        return sampled

    @cached_property
    def opaque(self) -> NDArray[np.bool_]:
        """Return which pixels ``(h, w)`` of `small` hold the picture."""
        if self.image.mode not in {"LA", "RGBA"}:
            return np.ones(self.small.shape[:2], bool)
        alpha = self.image.getchannel("A").crop(self.box).resize(self.small.shape[1::-1])
        mask = np.asarray(alpha) >= _OPAQUE
        return mask if mask.any() else np.ones_like(mask)

    @property
    def transparent_share(self) -> float:
        """Return the share of the whole surface that is transparent."""
        if self.image.mode not in {"LA", "RGBA"}:
            return 0.0
        return float((np.asarray(self.image.getchannel("A")) < _OPAQUE).mean())

    @cached_property
    def lightness(self) -> Floats:
        """Return the lightness ``(h, w)`` in [0, 100] of `small`."""
        return to_lightness(self.small)


def shrink(image: "Image.Image", side: int) -> "Image.Image":
    """Return a picture no longer than `side` pixels; a smaller one as it is."""
    from PIL import Image

    scale = side / max(image.size)
    if scale >= 1:
        return image
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def find_framed_box(image: "Image.Image") -> tuple[int, int, int, int]:
    """Return the box inside a plain margin, as letter-boxed scans have it.

    A margin is white, grey or black and the same on both sides, so a plain sky is none. A subject on a plain ground has
    none either: along its box the ground shows.
    """
    small = shrink(image, 4 * SMALL_SIDE)
    pixels = np.asarray(small).astype(np.int16)
    left, right = _count_margins(pixels.swapaxes(0, 1))
    top, bottom = _count_margins(pixels[:, left : pixels.shape[1] - right])
    margins = (left, top, right, bottom)
    inner = pixels[top : len(pixels) - bottom, left : pixels.shape[1] - right]
    if not any(margins) or min(inner.shape[:2]) < _LEAST_SIDE or _shows_ground(pixels, inner, margins):
        return (0, 0, *image.size)
    scale = image.width / small.width
    cut = [round(scale * (margin + _MARGIN_BLEED)) if margin else 0 for margin in margins]
    return cut[0], cut[1], image.width - cut[2], image.height - cut[3]


def _count_margins(lines: NDArray[np.int16]) -> tuple[int, int]:
    """Return how many lines ``(N, L, 3)`` are margin, at the start and at the end."""
    first, last = (np.median(line, axis=0) for line in (lines[0], lines[-1]))
    is_neutral = max(np.ptp(first), np.ptp(last)) <= _MARGIN_TOLERANCE
    before, after = (_count_plain(part) for part in (lines, lines[::-1]))
    is_same = bool(np.abs(first - last).max() <= _MARGIN_TOLERANCE)
    return (before, after) if is_neutral and is_same and before and after and before + after < len(lines) else (0, 0)


def _count_plain(lines: NDArray[np.int16]) -> int:
    """Return how many lines ``(N, L, 3)`` have the first one's colour, from there on."""
    far = np.abs(lines - np.median(lines[0], axis=0)).max(2) > _MARGIN_TOLERANCE
    plain = far.mean(1) <= 1 - _PLAIN_SHARE
    return len(plain) if plain.all() else int(np.argmin(plain))


def _shows_ground(pixels: NDArray[np.int16], inner: NDArray[np.int16], margins: tuple[int, int, int, int]) -> bool:
    """Return whether the margin's colour goes on inside the box, along a side."""
    lines = (inner[:, 2], inner[2], inner[:, -3], inner[-3])
    grounds = (pixels[:, 0], pixels[0], pixels[:, -1], pixels[-1])
    return any(
        margin and (np.abs(line - np.median(ground, axis=0)).max(1) <= _MARGIN_TOLERANCE).mean() > _FRAME_OPEN
        for margin, line, ground in zip(margins, lines, grounds, strict=True)
    )
