"""What a learner is that enlarges any picture."""

from typing import Protocol, runtime_checkable

from torch import Tensor


@runtime_checkable
class Enlarger(Protocol):
    """A learner that enlarges any picture.

    Where its `pretrained` is a sampler of smaller pictures, it enlarges what that paints.
    """

    baseline_name: str  # what enlarges without learning

    def enlarge(self, images: Tensor) -> Tensor:
        """Return pictures ``(N, C, kH, kW)`` in [-1, 1] of ``(N, C, H, W)``."""
        ...
