"""Bring a picture to what a network is given."""

from typing import Any

import torch
from torch import Tensor

from artpipe.contracts.exported_network import ExportedNetwork
from artpipe.numerics.pixels import to_float


def fit_picture(network: ExportedNetwork, image: Any) -> Tensor:
    """Return PIL's open picture, upright, as ``(1, C, H, W)`` in [-1, 1].

    It is cut to the network's size, unless any size will do.
    """
    from PIL import Image, ImageOps

    picture = ImageOps.exif_transpose(image).convert("L" if network.channels == 1 else "RGB")
    if not network.any_size:
        picture = ImageOps.fit(picture, (network.width, network.height), Image.Resampling.LANCZOS)
    pixels = torch.frombuffer(bytearray(picture.tobytes()), dtype=torch.uint8)
    return to_float(pixels.view(1, picture.height, picture.width, network.channels).permute(0, 3, 1, 2))
