"""Pictures that a person gives a model to begin from, and masks."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from artpipe.artifacts.shards import ShardSet
from artpipe.critique.picture_files import RefusedPicture, decode_pictures
from artpipe.errors import UserError
from artpipe.modalities.picture.decoder import flatten_alpha
from artpipe.modalities.picture.framing import PictureParams, fit_to_squares
from artpipe.numerics.pixels import to_float
from artpipe.system.plain_text import to_printable

_MOST_MEGAPIXELS = 64.0


def load_given_picture(path: Path, shards: ShardSet, option: str) -> Tensor:
    """Return ``(C, H, W)`` in [-1, 1], framed as works of the dataset but not trimmed.

    Raises:
        UserError: it is no picture.
    """
    place = f"{option} {to_printable(str(path))}"
    if "images" not in shards.spec.columns:
        raise UserError(f"{place}: the works of {shards.spec.dataset} are no pictures, so none can be given")
    if path.is_dir():
        raise UserError(f"{place}: a folder; one picture is expected")
    (picture,) = decode_pictures(path, _MOST_MEGAPIXELS)
    if isinstance(picture, RefusedPicture):
        raise UserError(
            f"{place}: {to_printable(picture.describe('en'))}; a picture is expected, such as a PNG or JPEG"
        )
    params = PictureParams.model_validate(shards.card.params).model_copy(update={"trim": False, "tiles": 0})
    pixels = np.asarray(fit_to_squares(flatten_alpha(picture.image, params.background), params))
    planes = np.array(pixels.reshape(*pixels.shape[:2], -1).transpose(2, 0, 1), order="C")
    return to_float(torch.from_numpy(planes))


def load_mask(path: Path, shards: ShardSet) -> Tensor:
    """Return ``(1, H, W)``: 1 where a picture is white, 0 where it is black.

    Raises:
        UserError: it is no picture, or has nothing to paint or nothing to keep.
    """
    mask = (load_given_picture(path, shards, "--keep").mean(0, keepdim=True) > 0).float()
    if mask.amin() == mask.amax():
        colour = "white: nothing is kept" if mask.amax() else "black: nothing is painted"
        raise UserError(f"--keep {to_printable(str(path))}: all {colour}; black is kept and white is painted")
    return mask
