"""Enlarge by one model what another paints (a cascade, Ho et al. 2022)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from artpipe.artifacts import paths
from artpipe.contracts.enlarger import Enlarger
from artpipe.contracts.metric import Evidence
from artpipe.contracts.model import Sampler
from artpipe.errors import UserError
from artpipe.evaluation.generated_samples import generate_samples
from artpipe.nn.restoration.resize import resize_bicubic
from artpipe.numerics.pixels import to_bytes, to_float
from artpipe.training.restore import restore_learner


@dataclass(frozen=True)
class EnlargedSamples:
    """Pictures of a painter, uint8 ``(N, C, H, W)`` of the enlarger's size."""

    painter: Evidence  # with its samples as it painted them
    enlarged: Tensor
    baseline: Tensor  # without a network


def has_painter(evidence: Evidence) -> bool:
    """Return whether an enlarger's `pretrained` is a model of the project."""
    path = Path(str(evidence.card.params.get("pretrained")))
    return isinstance(evidence.learner, Enlarger) and (path / "checkpoint.json").is_file()


def paint_enlarged(evidence: Evidence, count: int) -> EnlargedSamples:
    """Let the painter paint `count` pictures, and enlarge them.

    It is asked as in its own evaluation, so its first pictures are those of its room.

    Raises:
        UserError: it paints nothing, pictures of another shape, or was trained again since.
    """
    painter = _open_painter(evidence, count)
    generate_samples(painter)
    small = to_float(painter.pictures("samples"))
    spec = evidence.card.spec
    enlarged = torch.cat([enlarge_to_size(evidence.learner, row[None], spec.height) for row in small])
    baseline = resize_bicubic(small, spec.height, spec.width).clamp(-1, 1)
    return EnlargedSamples(painter, to_bytes(enlarged), to_bytes(baseline))


def enlarge_to_size(enlarger: Any, images: Tensor, height: int) -> Tensor:
    """Enlarge ``(N, C, H, W)`` once, and again while within `height`."""
    with torch.no_grad():
        large: Tensor = enlarger.enlarge(images)
        scale = large.shape[2] // images.shape[2]
        while large.shape[2] * scale <= height:
            large = enlarger.enlarge(large)
    return large


def _open_painter(evidence: Evidence, count: int) -> Evidence:
    name, path = evidence.card.name, Path(str(evidence.card.params["pretrained"]))
    place = f"params.yaml: `models.{name}.pretrained` is `{path}`"
    learner, card, sha256 = restore_learner(path)
    if sha256 != evidence.card.pretrained:
        raise UserError(f"{paths.checkpoint(name)}: learned beside another {path.name}; train it again")
    if not isinstance(learner, Sampler):
        raise UserError(f"{place}, a {card.kind} that paints nothing to enlarge; name a model that paints from noise")
    large, small = evidence.card.spec, card.spec
    blank = torch.zeros(1, small.channels, small.height, small.width)
    reached = blank if small.channels != large.channels else enlarge_to_size(evidence.learner, blank, large.height)
    wanted = (large.channels, large.height, large.width)
    if small.height >= large.height or reached.shape[1:] != wanted:
        raise UserError(
            f"{place}, which paints {tuple(blank.shape[1:])}, and `{name}` makes {tuple(reached.shape[1:])} of it; "
            f"its own works are {wanted}: smaller pictures are wanted, by a power of its scale"
        )
    held_out = dict(evidence.held_out)
    if small.classes != large.classes:
        held_out.pop("labels", None)  # numbers of other classes
    return Evidence(
        learner=learner, card=card, params=evidence.params.model_copy(update={"samples": count}),
        seed=evidence.seed, train={},
        held_out=held_out,
    )  # fmt: skip
