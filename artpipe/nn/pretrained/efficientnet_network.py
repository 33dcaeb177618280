"""EfficientNet-lite0: mobile inverted bottlenecks without squeeze and excitation.

Tan & Le 2019 (EfficientNet-B0, table 1); the lite variant has ReLU6 and a fixed stem and head.
"""

from torch import Tensor, nn
from torch.nn import functional as F

_EPSILON = 1.0e-3
# Of each stage: expansion, channels, repeats, stride of the first, side of the kernel.
_STAGES = ((1, 16, 1, 1, 3), (6, 24, 2, 2, 3), (6, 40, 2, 2, 5), (6, 80, 3, 2, 3), (6, 112, 3, 1, 5), (6, 192, 4, 2, 5), (6, 320, 1, 1, 3))  # fmt: skip
_STEM, _HEAD = 32, 1280


def _pad_as_tensorflow(maps: Tensor, side: int, stride: int) -> Tensor:
    """Return maps padded as TensorFlow's `SAME`: what is odd goes right and below."""
    lacking = [max((-(-size // stride) - 1) * stride + side - size, 0) for size in maps.shape[2:]]
    down, across = lacking
    return F.pad(maps, (across // 2, across - across // 2, down // 2, down - down // 2))


class _Convolution(nn.Module):
    """A convolution without bias, and its batch norm."""

    def __init__(self, inputs: int, outputs: int, side: int = 1, stride: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.side, self.stride = side, stride
        self.conv = nn.Conv2d(inputs, outputs, side, stride, groups=groups, bias=False)
        self.norm = nn.BatchNorm2d(outputs, eps=_EPSILON)

    def forward(self, maps: Tensor) -> Tensor:
        """Return ``(B, outputs, h, w)``."""
        result: Tensor = self.norm(self.conv(_pad_as_tensorflow(maps, self.side, self.stride)))
        return result


class _Bottleneck(nn.Module):
    """Expand, convolve each channel, project; with a way around where shapes agree."""

    def __init__(self, inputs: int, outputs: int, expansion: int, stride: int, side: int) -> None:
        super().__init__()
        inner = inputs * expansion
        self.expand = _Convolution(inputs, inner) if expansion > 1 else None
        self.depthwise = _Convolution(inner, inner, side, stride, groups=inner)
        self.project = _Convolution(inner, outputs)
        self.has_shortcut = stride == 1 and inputs == outputs

    def forward(self, maps: Tensor) -> Tensor:
        """Return ``(B, outputs, h, w)``."""
        inner = F.relu6(self.expand(maps)) if self.expand is not None else maps
        result: Tensor = self.project(F.relu6(self.depthwise(inner)))
        return result + maps if self.has_shortcut else result


class EfficientNetLite0(nn.Module):
    """The network up to its last pooling."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = _Convolution(3, _STEM, 3, 2)
        blocks, width = [], _STEM
        for expansion, channels, repeats, stride, side in _STAGES:
            for number in range(repeats):
                blocks.append(_Bottleneck(width, channels, expansion, stride if number == 0 else 1, side))
                width = channels
        self.blocks = nn.Sequential(*blocks)
        self.head = _Convolution(width, _HEAD)

    def forward(self, images: Tensor) -> Tensor:
        """Return ``(B, 1280)`` of ``(B, 3, H, W)``, normalised as the weights expect."""
        maps = F.relu6(self.head(self.blocks(F.relu6(self.stem(images)))))
        return maps.mean((2, 3))
