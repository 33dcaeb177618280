"""Find copies of works but for colours, a mirror, a crop, a shift or a turn."""

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.numerics.edge_structure import edge_distances, edge_maps
from artpipe.numerics.pixels import to_float

_POWER = 0.7  # of the strength of edges (docs/log.md)
_CROPS = (0.9, 0.8)  # of the side
_PLACES = (0.0, 0.5, 1.0)  # of a crop, of the way from one border to the other
_SHIFT = 0.1  # of the side: what lies between shifts is as near as what lies between crops
_BATCH = 512
_WORKS = 64  # at once


def copy_maps(images: Tensor) -> Tensor:
    """Return edges ``(N, 256)`` of ``(N, C, H, W)`` to look for among variants."""
    return edge_maps(images, _POWER)


def list_variants(images: Tensor) -> list[Tensor]:
    """Return edges ``(N, 256)`` of works ``(N, C, H, W)`` and of their variants.

    They are cropped, shifted, mirrored and turned. Works are uint8; a few are floats at a time.
    """
    parts = [_list_variants(to_float(part)) for part in torch.split(images, _WORKS)]
    return [torch.cat(variant) for variant in zip(*parts, strict=True)]


def _list_variants(images: Tensor) -> list[Tensor]:
    cropped = [
        images,
        *(_crop(images, share, down, across) for share in _CROPS for down in _PLACES for across in _PLACES),
    ]
    shifted = [_shift(images, down, across) for down in (-1, 0, 1) for across in (-1, 0, 1) if down or across]
    turned = [images.rot90(turns, (2, 3)) for turns in (1, 2, 3)] if images.shape[2] == images.shape[3] else []
    plain = [*cropped, *shifted]
    return [copy_maps(variant) for variant in (*plain, *(pictures.flip(3) for pictures in plain), *turned)]


def _shift(images: Tensor, down: int, across: int) -> Tensor:
    """Move pictures by a share of their sides; what enters repeats the border."""
    rows, columns = (max(1, round(_SHIFT * size)) for size in images.shape[2:])
    padded = F.pad(images, (columns, columns, rows, rows), mode="replicate")
    top, left = rows * (1 - down), columns * (1 - across)
    return padded[:, :, top : top + images.shape[2], left : left + images.shape[3]]


def _crop(images: Tensor, share: float, down: float, across: float) -> Tensor:
    """Return a part of pictures, enlarged to their size."""
    height, width = images.shape[2:]
    rows, columns = (max(4, round(size * share)) for size in (height, width))
    top, left = round((height - rows) * down), round((width - columns) * across)
    part = images[:, :, top : top + rows, left : left + columns]
    return F.interpolate(part, (height, width), mode="bilinear", align_corners=False)


def nearest_edges(maps: Tensor, variants: list[Tensor]) -> Tensor:
    """Return distances ``(N, 2)`` of the two works whose edges are nearest.

    A work is as near as the nearest of its variants; there are at least two works.
    """
    nearest = []
    for block in torch.split(maps, _BATCH):
        distances = edge_distances(block, variants[0])
        for variant in variants[1:]:
            distances = torch.minimum(distances, edge_distances(block, variant))
        nearest.append(distances.topk(2, largest=False).values)
    return torch.cat(nearest)
