"""The convolutions of VGG16: their names, shapes, and what files call them.

Simonyan & Zisserman 2014, table 1, column D.
"""

from collections.abc import Mapping
from typing import Any

import torch

_WIDTHS = ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512))
LAYERS = tuple(f"conv{stage}_{i}" for stage, widths in enumerate(_WIDTHS, 1) for i in range(1, len(widths) + 1))
_OUT = [width for widths in _WIDTHS for width in widths]
SHAPES = {layer: (out, into, 3, 3) for layer, into, out in zip(LAYERS, [3, *_OUT], _OUT, strict=False)}
# Places of the convolutions in torchvision's `vgg16().features`: each has a ReLU behind it, each stage a pooling.
_PLACES = dict(zip(LAYERS, (0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28), strict=True))


def list_shapes() -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor, by name."""
    weights: dict[str, tuple[int, ...]] = {f"{layer}.weight": shape for layer, shape in SHAPES.items()}
    return weights | {f"{layer}.bias": shape[:1] for layer, shape in SHAPES.items()}


def rename_convolutions(content: Mapping[str, Any], branch: str) -> dict[str, Any]:
    """Return torchvision's tensors, or flax arrays `BRANCH/Conv_0`, by layer.

    Kernels of flax are (height, width, in, out).
    """
    names = {
        f"features.{place}.{part}": f"{layer}.{part}" for layer, place in _PLACES.items() for part in ("weight", "bias")
    }
    renamed = {names.get(name, name): value for name, value in content.items()}
    for number, layer in enumerate(LAYERS):
        for flax_name, part in (("kernel", "weight"), ("bias", "bias")):
            array = content.get(f"{branch}/Conv_{number}/{flax_name}")
            if array is not None:
                transposed = array.transpose(3, 2, 0, 1) if array.ndim == 4 else array  # noqa: PLR2004
                renamed[f"{layer}.{part}"] = torch.from_numpy(transposed.copy())
    return renamed
