"""Prepare a visitor's picture for a model, as its dataset's works were prepared."""

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from artpipe.artifacts.shards import ShardSet
from artpipe.critique.critiqued_picture import CritiquedPicture
from artpipe.modalities.picture.decoder import flatten_alpha
from artpipe.modalities.picture.framing import PictureParams, fit_to_squares
from artpipe.numerics.pixels import to_float

if TYPE_CHECKING:
    from numpy.typing import NDArray


def prepare_picture_for(picture: CritiquedPicture, shards: ShardSet) -> Tensor:
    """Return ``(1, C, H, W)`` in [-1, 1] by the dataset's `preprocess`.

    It is the picture inside its margin; where works are cut into tiles, the middle one.
    """
    params = PictureParams.model_validate(shards.card.params)
    image = flatten_alpha(picture.image.crop(picture.box), params.background)
    squares = np.asarray(fit_to_squares(image, params))
    pixels = squares.reshape(*squares.shape[:2], -1)
    size = params.size
    rows, columns = (side // size for side in pixels.shape[:2])
    top, left = rows // 2 * size, columns // 2 * size
    tile = np.array(pixels[top : top + size, left : left + size].transpose(2, 0, 1), order="C")
    return to_float(torch.from_numpy(tile)[None])


def to_pixels(image: Tensor) -> "NDArray[np.uint8]":
    """Return ``(H, W, 3)`` of ``(C, H, W)``: uint8, or in [-1, 1]."""
    if image.is_floating_point():
        image = image.clamp(-1, 1).add(1).mul(127.5).round().to(torch.uint8)
    return np.ascontiguousarray(image.expand(3, -1, -1).permute(1, 2, 0).numpy())
