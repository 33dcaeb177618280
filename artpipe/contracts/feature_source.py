"""What turns pictures into features that can be compared."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.numerics.pixels import to_float

FeatureCache = Callable[[str, Tensor, Callable[[], Tensor]], Tensor]  # by the source's hash and the pictures
PIXELS_ID = "pixels"  # the name where there is no feature extractor
_PIXEL_SIDE = 16


@dataclass(frozen=True)
class FeatureSource:
    """A network, or small pictures themselves, that features are taken from."""

    name: str  # `own_network`, `vgg16`, `pixels`: no part of what compares, that is `sha256`
    sha256: str  # of the checkpoint or the weights; `pixels` where there are none
    compute: Callable[[Tensor], Tensor]  # pictures (N, C, H, W) in [-1, 1] -> features (N, F)
    most_pictures: int | None = None  # of a part that are measured; None: all
    cache: FeatureCache | None = None  # over runs

    def extract(self, pictures: Tensor, batch_size: int, *, is_kept: bool = False) -> Tensor:
        """Return features ``(N, F)`` of uint8 pictures ``(N, C, H, W)``.

        Those of real works are kept over runs.
        """

        def compute() -> Tensor:
            return map_batches(pictures, self.compute, batch_size)

        return self.cache(self.sha256, pictures, compute) if self.cache is not None and is_kept else compute()


def map_batches(pictures: Tensor, function: Callable[[Tensor], Tensor], batch_size: int) -> Tensor:
    """Return `function` of uint8 pictures ``(N, C, H, W)``, batch by batch."""
    with torch.no_grad():
        return torch.cat([function(to_float(batch)).float() for batch in torch.split(pictures, batch_size)])


def downscale_to_vectors(images: Tensor) -> Tensor:
    """Return pictures ``(N, C, H, W)`` as vectors ``(N, C * side**2)``.

    A side has at most 16 pixels.
    """
    side = (min(_PIXEL_SIDE, images.shape[2]), min(_PIXEL_SIDE, images.shape[3]))
    return F.adaptive_avg_pool2d(images, side).flatten(1)


PIXELS = FeatureSource(name=PIXELS_ID, sha256=PIXELS_ID, compute=downscale_to_vectors)
