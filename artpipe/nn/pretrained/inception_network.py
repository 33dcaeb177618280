"""Inception-v3 (Szegedy et al. 2016) as the Frechet inception distance has it.

It is the network of TensorFlow's release of 2015: average pooling without the padding, and in the last block a maximum in place of
the average. Names are those of the file of weights.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

SIDE = 299
FEATURES = 2048
_EPSILON = 1.0e-3
Convolution = tuple[str, int, tuple[int, int], int, tuple[int, int]]  # name, outputs, kernel, stride, padding


def resize_as_tensorflow(images: Tensor, side: int = SIDE) -> Tensor:
    """Return ``(N, C, H, W)`` at a side, bilinear as TensorFlow 1 did it.

    A pixel's place is its number times the ratio of the sizes: neither centres nor corners are aligned, and nothing is smoothed
    where it shrinks (Parmar et al. 2022 on what that does).
    """
    columns, rows = (_places(size, side, images) for size in (images.shape[3], images.shape[2]))
    above, below = images[:, :, rows[0]], images[:, :, rows[1]]
    upper, lower = (torch.lerp(part[..., columns[0]], part[..., columns[1]], columns[2]) for part in (above, below))
    return torch.lerp(upper, lower, rows[2][:, None])


def _places(size: int, side: int, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the pixel before each place, the one after it, and the share of the way."""
    places = torch.arange(side, dtype=images.dtype) * torch.tensor(size / side, dtype=torch.float32)
    before = places.long()
    return before, (before + 1).clamp(max=size - 1), places - before


class _NormedConvolution(nn.Module):
    """A convolution without bias, its batch norm and a ReLU."""

    def __init__(
        self, inputs: int, outputs: int, kernel: tuple[int, int], stride: int, padding: tuple[int, int]
    ) -> None:
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=_EPSILON)

    def forward(self, maps: Tensor) -> Tensor:
        """Return ``(B, outputs, h, w)``."""
        return F.relu(self.bn(self.conv(maps)))


class _Mixed(nn.Module):
    """Branches of convolutions side by side, and one that pools first.

    `forks` are pairs of convolutions that both follow the end of a branch.
    """

    def __init__(
        self, inputs: int, branches: Sequence[Sequence[Convolution]], pool: str, pool_outputs: int = 0, forks: int = 0
    ) -> None:
        super().__init__()
        self.pool, self.forks = pool, forks
        self.branches = [[name for name, *_ in branch] for branch in branches]
        for branch in branches:
            width = inputs
            for number, (name, outputs, kernel, stride, padding) in enumerate(branch):
                self.add_module(name, _NormedConvolution(width, outputs, kernel, stride, padding))
                is_first_of_fork = forks and len(branch) > 1 and number == len(branch) - 2
                width = width if is_first_of_fork else outputs
        if pool_outputs:
            self.branch_pool = _NormedConvolution(inputs, pool_outputs, (1, 1), 1, (0, 0))

    def forward(self, maps: Tensor) -> Tensor:
        """Return the outputs of all branches, the pooled one last."""
        outputs = []
        for branch in self.branches:
            ends = 2 if self.forks and len(branch) > 1 else 1
            path = maps
            for name in branch[: len(branch) - ends]:
                path = self.get_submodule(name)(path)
            outputs += [self.get_submodule(name)(path) for name in branch[len(branch) - ends :]]
        pooled = self._pool(maps)
        return torch.cat([*outputs, self.branch_pool(pooled) if hasattr(self, "branch_pool") else pooled], 1)

    def _pool(self, maps: Tensor) -> Tensor:
        if self.pool == "average":
            return F.avg_pool2d(maps, 3, 1, 1, count_include_pad=False)
        return F.max_pool2d(maps, 3, 1, 1) if self.pool == "maximum" else F.max_pool2d(maps, 3, 2)


def _square(name: str, outputs: int, side: int = 1, stride: int = 1, padding: int = 0) -> Convolution:
    return name, outputs, (side, side), stride, (padding, padding)


def _across(name: str, outputs: int, length: int = 7) -> Convolution:
    return name, outputs, (1, length), 1, (0, length // 2)


def _down(name: str, outputs: int, length: int = 7) -> Convolution:
    return name, outputs, (length, 1), 1, (length // 2, 0)


def _block_a(inputs: int, pool_outputs: int) -> _Mixed:
    wide = [_square("branch5x5_1", 48), _square("branch5x5_2", 64, 5, 1, 2)]
    double = [
        _square("branch3x3dbl_1", 64),
        _square("branch3x3dbl_2", 96, 3, 1, 1),
        _square("branch3x3dbl_3", 96, 3, 1, 1),
    ]
    return _Mixed(inputs, [[_square("branch1x1", 64)], wide, double], "average", pool_outputs)


def _block_b(inputs: int) -> _Mixed:
    double = [
        _square("branch3x3dbl_1", 64),
        _square("branch3x3dbl_2", 96, 3, 1, 1),
        _square("branch3x3dbl_3", 96, 3, 2),
    ]
    return _Mixed(inputs, [[_square("branch3x3", 384, 3, 2)], double], "shrink")


def _block_c(inputs: int, width: int) -> _Mixed:
    single = [_square("branch7x7_1", width), _across("branch7x7_2", width), _down("branch7x7_3", 192)]
    double = [_square("branch7x7dbl_1", width), _down("branch7x7dbl_2", width), _across("branch7x7dbl_3", width), _down("branch7x7dbl_4", width), _across("branch7x7dbl_5", 192)]  # fmt: skip
    return _Mixed(inputs, [[_square("branch1x1", 192)], single, double], "average", 192)


def _block_d(inputs: int) -> _Mixed:
    single = [_square("branch3x3_1", 192), _square("branch3x3_2", 320, 3, 2)]
    double = [_square("branch7x7x3_1", 192), _across("branch7x7x3_2", 192), _down("branch7x7x3_3", 192), _square("branch7x7x3_4", 192, 3, 2)]  # fmt: skip
    return _Mixed(inputs, [single, double], "shrink")


def _block_e(inputs: int, pool: str) -> _Mixed:
    single = [_square("branch3x3_1", 384), _across("branch3x3_2a", 384, 3), _down("branch3x3_2b", 384, 3)]
    double = [_square("branch3x3dbl_1", 448), _square("branch3x3dbl_2", 384, 3, 1, 1), _across("branch3x3dbl_3a", 384, 3), _down("branch3x3dbl_3b", 384, 3)]  # fmt: skip
    return _Mixed(inputs, [[_square("branch1x1", 320)], single, double], pool, 192, forks=1)


_STEM = (
    _square("Conv2d_1a_3x3", 32, 3, 2),
    _square("Conv2d_2a_3x3", 32, 3),
    _square("Conv2d_2b_3x3", 64, 3, 1, 1),
    _square("Conv2d_3b_1x1", 80),
    _square("Conv2d_4a_3x3", 192, 3),
)


class InceptionV3(nn.Module):
    """The network up to its last pooling."""

    def __init__(self) -> None:
        super().__init__()
        width = 3
        for name, outputs, kernel, stride, padding in _STEM:
            self.add_module(name, _NormedConvolution(width, outputs, kernel, stride, padding))
            width = outputs
        self.Mixed_5b, self.Mixed_5c, self.Mixed_5d = _block_a(192, 32), _block_a(256, 64), _block_a(288, 64)
        self.Mixed_6a, self.Mixed_6b = _block_b(288), _block_c(768, 128)
        self.Mixed_6c, self.Mixed_6d, self.Mixed_6e = _block_c(768, 160), _block_c(768, 160), _block_c(768, 192)
        self.Mixed_7a = _block_d(768)
        self.Mixed_7b, self.Mixed_7c = _block_e(1280, "average"), _block_e(2048, "maximum")

    def forward(self, images: Tensor) -> Tensor:
        """Return ``(N, 2048)`` of ``(N, 3, H, W)`` in [0, 255], of any size."""
        maps = (resize_as_tensorflow(images) - 128) / 128
        for name, module in self.named_children():
            if name in {"Conv2d_3b_1x1", "Mixed_5b"}:
                maps = F.max_pool2d(maps, 3, 2)
            maps = module(maps)
        return maps.mean((2, 3))
