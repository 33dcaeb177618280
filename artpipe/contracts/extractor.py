"""One file per pretrained network; each exports EXTRACTOR.

Such a network measures pictures of any dataset. Its weights are an entry of `weights` in params.yaml.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

from torch import Tensor

from artpipe.artifacts.weights_card import WeightsCard
from artpipe.config.params import About

Rgb = tuple[float, float, float]
IMAGENET_MEAN: Rgb = (0.485, 0.456, 0.406)  # of colours in [0, 1]
IMAGENET_STD: Rgb = (0.229, 0.224, 0.225)


@runtime_checkable
class FeatureNetwork(Protocol):
    """A network whose features measure pictures."""

    def features(self, images: Tensor) -> Tensor:
        """Return ``(N, F)`` features of ``(N, 3, H, W)`` in [-1, 1], of any size."""
        ...


@dataclass(frozen=True)
class Extractor:
    """What a file in `extractors/` exports as EXTRACTOR.

    `rename(content, branch)` returns what a file of weights holds under the network's own names; what else is in the file
    is left out. `build(card, tensors)` returns the frozen network.
    """

    contents: str  # what a file of weights has to hold, such as "the 13 convolutions of VGG16"
    shapes: Callable[[], Mapping[str, tuple[int, ...]]]  # of each tensor, by name
    rename: Callable[[Mapping[str, Any], str], Mapping[str, Any]]
    build: Callable[[WeightsCard, Mapping[str, Tensor]], FeatureNetwork]
    layers: tuple[str, ...] = ()  # of which single features are asked for, from the picture inwards
    mean: Rgb = IMAGENET_MEAN  # what the network expects taken off and divided by, of colours in [0, 1]
    std: Rgb = IMAGENET_STD
    find_objection: Callable[[Mapping[str, Tensor]], str] | None = None  # to weights of the right shapes; empty: none
    download: Callable[[str], tuple[Mapping[str, Any], About]] | None = None  # from its own server into a folder
