"""VGG16, trained on ImageNet: its 13 convolutions.

Simonyan & Zisserman 2014, table 1, column D.
"""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from artpipe.artifacts.weights_card import WeightsCard
from artpipe.config.params import About
from artpipe.contracts.extractor import Extractor
from artpipe.errors import UserError
from artpipe.nn.layers.batching import split_rows
from artpipe.nn.pretrained.vgg16_layout import LAYERS, list_shapes, rename_convolutions
from artpipe.nn.style.perceptual import PerceptualNetwork

_MIN_KURTOSIS = 3.5
_FEATURE_LAYERS = ("conv3_3", "conv4_3")  # strokes and parts of things; deeper ones see little in 64 pixels


def _find_objection(tensors: Mapping[str, Tensor]) -> str:
    """Return why an untrained network is refused, empty for a trained one.

    Under it the style loss falls even lower than under a trained one, and no style is transferred.

    Training leaves long tails: the kurtosis of the layers of VGG16 is 3.7 to 9.1, 3 for a normal and 1.8 for a uniform draw.
    """
    tails = [_kurtosis(tensors[f"{layer}.weight"]) for layer in LAYERS]
    if (median := sorted(tails)[len(tails) // 2]) >= _MIN_KURTOSIS:
        return ""
    message = f"its weights are spread as random numbers are (kurtosis {median:.1f}, trained ones have above 4)"
    return f"{message}; untrained, it lowers the style loss and transfers no style"


def _kurtosis(values: Tensor) -> float:
    centred = values.double() - values.double().mean()
    return float((centred**4).mean() / (centred**2).mean() ** 2)


def _download(folder: str) -> tuple[Mapping[str, Any], About]:
    """Return torchvision's own weights.

    Raises:
        OSError: its server cannot be reached.
    """
    from torchvision.models import VGG16_Weights

    weights = VGG16_Weights.IMAGENET1K_V1
    state = weights.get_state_dict(model_dir=folder, progress=False, check_hash=True, weights_only=True)
    about = About(
        title="VGG16, trained on ImageNet", creator="the PyTorch project", licence="BSD-3-Clause", origin=weights.url
    )
    return state, about


class VggFeatures(nn.Module):
    """The means over places of two layers, each layer of unit length."""

    def __init__(self, network: PerceptualNetwork) -> None:
        super().__init__()
        self.network = network
        if missing := [layer for layer in _FEATURE_LAYERS if layer not in network.layers]:
            raise UserError(f"no layer `{missing[0]}` among the weights")

    def features(self, images: Tensor) -> Tensor:
        """Return ``(N, 768)`` of ``(N, 3, H, W)`` in [-1, 1].

        A row's mean square is 1, as the kernel of KID expects.
        """
        return torch.cat([self._features(part) for part in split_rows(images)])

    def _features(self, images: Tensor) -> Tensor:
        maps = self.network(images, _FEATURE_LAYERS)
        rows = torch.cat([F.normalize(maps[layer].mean((2, 3)), dim=1) for layer in _FEATURE_LAYERS], 1)
        scale: float = (rows.shape[1] / len(_FEATURE_LAYERS)) ** 0.5
        return rows * scale


def _build(card: WeightsCard, tensors: Mapping[str, Tensor]) -> VggFeatures:
    return VggFeatures(PerceptualNetwork(card, tensors))


EXTRACTOR = Extractor(
    contents="the 13 convolutions of VGG16",
    shapes=list_shapes,
    rename=rename_convolutions,
    build=_build,
    layers=LAYERS,
    find_objection=_find_objection,
    download=_download,
)
