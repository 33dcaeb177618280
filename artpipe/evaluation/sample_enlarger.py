"""Enlarge what `artpipe sample` paints with another trained model."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.report import OtherModel
from artpipe.artifacts.shards import Spec
from artpipe.config.params import Params
from artpipe.contracts.enlarger import Enlarger
from artpipe.contracts.model import Exhibit, Learner, Sampler
from artpipe.errors import UserError
from artpipe.evaluation.enlarged_samples import enlarge_to_size
from artpipe.numerics.pixels import to_bytes, to_float
from artpipe.training.restore import restore_learner


@dataclass(frozen=True)
class SampleEnlarger:
    """A trained enlarger, and what recipes and credentials call it."""

    learner: Any
    model: OtherModel
    spec: Spec  # of the works it learned from

    @property
    def recipe(self) -> dict[str, str]:
        """Return what a picture's recipe says of it."""
        return {"enlarge": self.model.name, "enlarge_checkpoint": self.model.checkpoint}

    def enlarge(self, exhibits: Iterable[Exhibit]) -> Iterator[Exhibit]:
        """Enlarge pictures, to the size of the enlarger's works where passes lead there.

        They are rounded to bytes first, as on the wall: what is painted alone and among others differs by less.
        """
        for exhibit in exhibits:
            assert isinstance(exhibit.data, torch.Tensor)  # noqa: S101 - a sampler paints pictures
            small = to_float(to_bytes(exhibit.data[None]))
            yield replace(exhibit, data=enlarge_to_size(self.learner, small, self.spec.height)[0])


def open_enlarger(params: Params, name: str, painter: str, learner: Learner[Any]) -> SampleEnlarger:
    """Return the model `name`, which is to enlarge what `painter` paints.

    Raises:
        UserError: it is not there or not trained, enlarges nothing, or other pictures than these.
        CorruptError: its checkpoint is damaged.
    """
    if not isinstance(learner, Sampler):
        raise UserError(f"--enlarge {name}: {painter} is a {learner.params.kind}, which paints no picture to enlarge")
    params.model(name)
    enlarger, card, sha256 = restore_learner(paths.checkpoint(name))
    if not isinstance(enlarger, Enlarger):
        raise UserError(f"--enlarge {name}: a {card.kind} enlarges nothing; a superres does")
    wanted, given = card.spec.channels, learner.spec.channels
    if wanted != given:
        raise UserError(f"--enlarge {name}: it enlarges pictures of {wanted} channels, and {painter} paints {given}")
    return SampleEnlarger(enlarger, OtherModel(name=name, kind=card.kind, checkpoint=sha256), card.spec)


def list_enlargers(params: Params, painter: str) -> list[str]:
    """Return the trained models that enlarge what a painter paints."""
    path = str(paths.checkpoint(painter))
    return [
        name
        for name, entry in params.models.items()
        if entry.get("pretrained") == path
        and (paths.checkpoint(name) / "checkpoint.json").is_file()
        and hasattr(plugins.load_plugin("models", str(entry.get("kind"))).build, "enlarge")
    ]
