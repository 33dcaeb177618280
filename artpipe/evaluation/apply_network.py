"""Give pictures to the network of a checkpoint: classes, or other pictures."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from artpipe import plugins
from artpipe.artifacts.shards import Spec
from artpipe.contracts.exported_network import ExportedPictureNetwork
from artpipe.contracts.plugin_info import model_info
from artpipe.errors import UserError
from artpipe.evaluation.fitted_picture import fit_picture
from artpipe.training.exhibit_files import encode_content
from artpipe.training.restore import restore_learner

_MAX_PIXELS = 4096 * 4096  # of a given picture


def open_picture_network(folder: Path) -> ExportedPictureNetwork:
    """Return the network of a checkpoint's folder, which is given pictures.

    Raises:
        UserError: its kind has none.
        CorruptError: the checkpoint is damaged.
    """
    learner, card, _ = restore_learner(folder)
    path, spec = model_info(card.kind).export.network, card.spec
    settings = {"params": dict(card.params), "spec": _describe_spec(spec)}
    network = plugins.load_function(path)(settings) if path else None
    if not isinstance(network, ExportedPictureNetwork):
        raise UserError(f"{card.name}: its kind, {card.kind}, is given no pictures")
    trained = {**dict(learner.named_parameters()), **dict(learner.named_buffers())}
    network.load_state_dict({key: trained[key].detach() for key in network.state_dict()})
    return network.eval().requires_grad_(requires_grad=False)


def apply_network(network: ExportedPictureNetwork, files: Sequence[bytes]) -> list[Mapping[str, Any]]:
    """Return a row for each picture: `label` and `probability`, or `png`.

    Args:
        network: see `open_picture_network`.
        files: pictures as PNG, JPEG or the like; each is brought to the network's size, unless it takes any.

    Raises:
        UserError: one is no picture.
    """
    return [_apply_to_one(network, _read_picture(network, data, row)) for row, data in enumerate(files)]


def _apply_to_one(network: ExportedPictureNetwork, images: Tensor) -> Mapping[str, Any]:
    with torch.no_grad():
        result = network(**{**network.example_inputs(1), "images": images})[0]
    if network.output_name == "logits":
        probability, number = result.softmax(0).max(0)
        return {"label": str(network.classes[int(number)]), "probability": float(probability)}
    return {"png": encode_content(result)[1]}


def _read_picture(network: ExportedPictureNetwork, data: bytes, row: int) -> Tensor:
    """Return a picture as ``(1, C, H, W)`` in [-1, 1]."""
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data), formats=("PNG", "JPEG", "WEBP")) as opened:
            if opened.width * opened.height > _MAX_PIXELS:
                raise UserError(f"picture {row}: {opened.width} x {opened.height} pixels; {_MAX_PIXELS} are the limit")
            return fit_picture(network, opened)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"picture {row}: no PNG, JPEG or WebP that can be read ({error})") from None


def _describe_spec(spec: Spec) -> dict[str, object]:
    return {"channels": spec.channels, "height": spec.height, "width": spec.width, "classes": list(spec.classes)}
