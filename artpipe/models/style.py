"""Style transfer by optimisation (Gatys, Ecker & Bethge 2016).

The weights of this learner are the pixels of its pictures.

Coarse to fine (Gatys et al. 2017, section 6): large strokes are laid on a small canvas, where a step costs a sixteenth,
and each next canvas begins as the enlarged one with the photograph's finer details put back.
"""

from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from artpipe.artifacts.shards import Spec
from artpipe.config.params import Positive, Share, TrainParams
from artpipe.contracts.model import Batch, Exhibit, Learner, Model, Prompt
from artpipe.contracts.plugin_info import Budget, Export, ModelInfo, NewDatasets, WallText
from artpipe.errors import UserError
from artpipe.language.message import Message
from artpipe.nn.style.perceptual import (
    PerceptualLoss,
    PerceptualNetwork,
    StylisedPictures,
    TrainedWeights,
    resize,
    total_variation,
)
from artpipe.nn.style.row_lbfgs import RowLBFGS
from artpipe.nn.style.style_choice import choose_pairs
from artpipe.nn.style.style_images import find_first_works, find_style_image, list_pairs
from artpipe.numerics.pixels import to_bytes, to_float

_EARLY_EXPONENT = 1.5  # exponent that keeps more of the first steps, in which most happens


class Params(TrainParams):
    """Parameters of style transfer by optimisation."""

    pretrained: TrainedWeights
    steps: Positive = 90  # of all pictures together
    batch_size: Positive = 1  # not used: every picture moves at every step
    evaluate_every_steps: Positive = 15
    # Which class is painted in which styles; where empty, the class `content` in all others.
    paint: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    chosen: int = Field(default=0, ge=0)  # pictures whose content and style are chosen among all works; 0: `paint` says
    each: Positive = 1  # first works of a class that are painted; of a style always the first alone
    shares: tuple[Share, ...] = Field(default=(0.45, 0.4, 0.15), min_length=1)  # of the steps, from the smallest canvas
    alpha: float = Field(default=1.0, ge=0)  # weight of the content
    beta: float = Field(default=10.0, gt=0)  # weight of the style
    variation: float = Field(default=0.0, ge=0)  # weight of the total variation: smoother, and fewer strokes
    content_layers: tuple[str, ...] = Field(default=("conv3_1",), min_length=1)
    style_layers: tuple[str, ...] = Field(default=("conv1_1", "conv2_1", "conv3_1", "conv4_1"), min_length=1)
    optimiser: Literal["lbfgs", "adam"] = "lbfgs"
    lbfgs_history: Positive = 10  # of L-BFGS, in steps
    max_step: float = Field(default=0.05, gt=0)  # the longest step of L-BFGS: root mean square on the [-1, 1] scale
    learning_rate: float = Field(default=0.04, gt=0)  # of Adam
    keep: int = Field(default=8, ge=0)  # pictures kept of the way

    @model_validator(mode="after")
    def _check_choices(self) -> Self:
        if not sum(self.shares):
            raise ValueError("`shares` are all 0")
        if self.paint and self.chosen:
            raise ValueError("`paint` names the pictures, and `chosen` asks for others; leave one of them out")
        return self


class Style(Learner[Params]):
    """A canvas of each size for each pair of a content and a style."""

    memory_advice = (
        "lower the dataset's `size`, or `paint` fewer pictures at once"  # one goes through the eye at a time as it is
    )

    contents: Tensor
    styles: Tensor
    done: Tensor
    digests: Tensor
    labels: Tensor  # of chosen works
    way: Tensor

    def __init__(self, params: Params, spec: Spec, pretrained: PerceptualNetwork | None = None) -> None:
        super().__init__(params, spec)
        self.pairs = list_pairs(params.paint, spec, params.each, params.chosen)
        count, size = len(self.pairs), (spec.height, spec.width)
        self.perceptual_loss = (
            None if pretrained is None else PerceptualLoss(pretrained, params.content_layers, params.style_layers)
        )
        self.levels = [(size[0] >> i, size[1] >> i) for i in reversed(range(len(params.shares)))]
        self.ends = [round(params.steps * end / sum(params.shares)) for end in accumulate(params.shares)]
        self.canvases = nn.ParameterList([torch.zeros(count, 3, *level) for level in self.levels])
        for name in ("contents", "styles"):
            self.register_buffer(name, torch.zeros(count, 3, *size, dtype=torch.uint8))
        self.register_buffer("done", torch.tensor(0))  # steps; a restored learner knows them by this alone
        self.register_buffer("digests", torch.zeros(count, 2, 32, dtype=torch.uint8))
        if params.chosen:
            self.register_buffer("labels", torch.full((count, 2), -1))
        self.marks = sorted(
            {round(params.steps * ((i + 1) / (params.keep + 1)) ** _EARLY_EXPONENT) for i in range(params.keep)} - {0}
        )
        self.register_buffer("way", torch.zeros(len(self.marks), count, 3, *size, dtype=torch.uint8))
        self.optimisers = {f"level {i}": self._build_optimiser(canvas) for i, canvas in enumerate(self.canvases)}
        self._targets: tuple[int, list[tuple[dict[str, Tensor], dict[str, Tensor]]]] | None = None

    def _build_optimiser(self, canvas: nn.Parameter) -> torch.optim.Optimizer:
        p = self.params
        if p.optimiser == "adam":
            return torch.optim.Adam([canvas], lr=p.learning_rate, betas=(0.9, 0.99))
        return RowLBFGS(canvas, p.lbfgs_history, p.max_step)

    def _level_at(self, step: int) -> int:
        """Return which canvas is painted at a step; beyond the last step, the last one."""
        return next((i for i, end in enumerate(self.ends) if step < end), len(self.ends) - 1)

    def prepare_training(self, works: Batch) -> None:
        """Put the photographs on the canvases."""
        for row, (content_row, style_row) in enumerate(self._find_rows(works)):
            self.contents[row], self.styles[row] = works["images"][[content_row, style_row]]
            self.digests[row] = works["digests"][[content_row, style_row]]
            if self.params.chosen and "labels" in works:
                self.labels[row] = works["labels"][[content_row, style_row]]
        with torch.no_grad():
            self.canvases[0].copy_(resize(to_float(self.contents), self.levels[0]))

    def _find_rows(self, works: Batch) -> Iterator[tuple[int, int]]:
        """Yield the rows of content and style of each picture."""
        each = self.params.each
        if self.params.chosen:
            if self.perceptual_loss is None:
                raise self._missing_weights()
            yield from choose_pairs(works["images"], self.perceptual_loss, len(self.pairs))
            return
        for row, (content, style) in enumerate(self.pairs):
            content_row = find_first_works(works, self.spec, content, each)[row % each]
            yield content_row, find_style_image(works, self.spec, style)[0]

    def _missing_weights(self) -> UserError:
        return UserError(f"models.{self.params.kind}: style transfer needs trained weights; see `pretrained`")

    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        """Descend ``alpha content + beta style + variation TV`` of every picture.

        The distances are those of `PerceptualLoss`.
        """
        del batch
        level = self._level_at(self.steps_done)
        if level and self.steps_done == self.ends[level - 1]:
            self._enlarge(level)
        canvas, optimiser, losses = self.canvases[level], self.optimisers[f"level {level}"], []
        for group in optimiser.param_groups:
            name = "lr" if self.params.optimiser == "adam" else "max_step"
            group[name] = (self.params.learning_rate if name == "lr" else self.params.max_step) * self.rate_scale
        optimiser.zero_grad()
        for row, (content, style) in enumerate(self._target_features(level)):
            losses.append(self._backward(canvas[row : row + 1], content, style))
        optimiser.step()
        self.done.fill_(self.steps_done + 1)
        if int(self.done) in self.marks:
            self.way[self.marks.index(int(self.done))] = to_bytes(self._current_pictures())
        content_loss, style_loss, variation = torch.stack(losses).mean(0)
        return {"content": content_loss, "style": style_loss, "variation": variation}

    def _backward(self, picture: Tensor, content: Mapping[str, Tensor], style: Mapping[str, Tensor]) -> Tensor:
        """Add the gradient of one picture ``(1, 3, H, W)``.

        Return its content, style and variation, one number each.
        """
        if self.perceptual_loss is None:
            raise self._missing_weights()
        p = self.params
        content_distance, style_distance = self.perceptual_loss.distances(picture, content, style)
        variation = total_variation(picture)
        (p.alpha * content_distance + p.beta * style_distance + p.variation * variation).sum().backward()  # type: ignore[no-untyped-call]
        return torch.cat([content_distance, style_distance, variation]).detach()

    @torch.no_grad()
    def _enlarge(self, level: int) -> None:
        """Start a canvas from the one before, enlarged.

        The photograph's details that were too fine for that one are added.
        """
        previous_size, size, photographs = self.levels[level - 1], self.levels[level], to_float(self.contents)
        fine = resize(photographs, size) - resize(resize(photographs, previous_size), size)
        self.canvases[level].copy_((resize(self.canvases[level - 1], size) + fine).clamp(-1, 1))
        self.optimisers[f"level {level - 1}"].state.clear()

    @torch.no_grad()
    def _target_features(self, level: int) -> list[tuple[dict[str, Tensor], dict[str, Tensor]]]:
        """Return the deep features and Gram matrices that each picture aims at.

        They are computed once for each level.
        """
        if self.perceptual_loss is not None and (self._targets is None or self._targets[0] != level):
            size = self.levels[level]
            contents, styles = (resize(to_float(pictures), size) for pictures in (self.contents, self.styles))
            rows = range(len(self.pairs))
            self._targets = (
                level,
                [
                    (
                        self.perceptual_loss.content_features(contents[[i]]),
                        self.perceptual_loss.style_grams(styles[[i]]),
                    )
                    for i in rows
                ],
            )
        return self._targets[1] if self._targets else []

    @torch.no_grad()
    def _current_pictures(self) -> Tensor:
        """Return the pictures as they are now, ``(N, 3, H, W)`` in [-1, 1], in full size."""
        return resize(self.canvases[self._level_at(int(self.done) - 1)], (self.spec.height, self.spec.width)).clamp(
            -1, 1
        )

    def stylise(self, works: Batch) -> StylisedPictures:
        """Return the pictures beside their own contents and styles; works are not used."""
        del works
        return StylisedPictures(self._current_pictures(), to_float(self.contents), to_float(self.styles))

    def exhibit(self, prompt: Prompt) -> list[Exhibit]:
        """Show each picture with its photograph, its earlier steps and its style."""
        del prompt
        exhibits = []
        for row, picture in enumerate(self._current_pictures()):
            past = [mark for mark in self.marks if mark <= int(self.done)]
            parts = {"before": to_float(self.contents[row]), "style": to_float(self.styles[row])}
            parts |= {f"step {mark}": to_float(self.way[i, row]) for i, mark in enumerate(past)}
            digests = tuple(bytes(digest.tolist()).hex() for digest in self.digests[row])
            exhibits.append(Exhibit("image", picture, self._caption(row), "stylisation", digests=digests, parts=parts))
        return exhibits

    def _caption(self, row: int) -> Message:
        content, style = self.pairs[row]
        if self.params.chosen:
            content, style = (self._class_name(int(label)) for label in self.labels[row])
            if not (content and style) or content == style:
                return Message(code="work_in_strokes_of_another")
        return Message(code="work_in_the_manner_of", values={"content": content, "style": style})

    def _class_name(self, label: int) -> str:
        return self.spec.classes[label] if 0 <= label < len(self.spec.classes) else ""


MODEL = Model(reads=frozenset({"images", "labels", "digests"}), params=Params, build=Style)
MODEL_INFO = ModelInfo(
    title="Style transfer",
    export=Export(reason="it has no network of its own: each picture is computed anew, step by step"),
    learns=False,
    hub_task="image-to-image",
    nanoseconds_per_pixel=20_000,
    evaluation_seconds=9.0,
    multipliers=("paint", "each", "chosen"),
    class_parameters=("paint",),
    first_look=0.1,  # by then the smallest canvas has its strokes
    miniature_steps=20,  # as few as show each canvas in its share and bear what its start costs
    default_steps=90,
    default_batch_size=1,
    pretrained="weights",
    new_datasets=NewDatasets(
        most_works=4000, size=256, sizes=(128, 512), promise="works painted again in the strokes of others"
    ),
    starting_params={"chosen": 6},
    wall_texts={
        "stylisation": WallText(
            heading="Stylisations",
            note="A given picture, painted again in the strokes of another; behind each frame the one lies beside the other.",
            own=True,
            given=True,
        )
    },
    presets={"long": Budget(steps_factor=2), "gpu": Budget(steps_factor=4)},
)
