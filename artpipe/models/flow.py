"""Rectified flow: pictures along straight paths from noise.

Liu et al. 2023; conditional flow matching, Lipman et al. 2023. A label is the word of its class.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Literal, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from artpipe.artifacts.caption_columns import decode_texts
from artpipe.artifacts.shards import UNLABELLED, Spec
from artpipe.config.params import Positive, Share, TrainParams
from artpipe.contracts.microbatched import MicroBatchedLearner, row_share
from artpipe.contracts.model import Batch, Exhibit, Model, Prompt
from artpipe.contracts.plugin_info import Budget, Export, ModelInfo, NewDatasets
from artpipe.contracts.steered_sampler import NoPathError, PathFunctions, PathSettings, Steering, select_rows
from artpipe.modalities.picture.captions import requested_title
from artpipe.nn.flow_matching.caption_texts import beside_rows, open_texts
from artpipe.nn.flow_matching.guidance import GuidedPredictor
from artpipe.nn.flow_matching.straight_path import draw_times, interpolate_path, spread_times, velocity_errors
from artpipe.nn.flow_matching.unet import build_unet
from artpipe.nn.gan.label_rows import requested_labels
from artpipe.nn.layers import ema
from artpipe.nn.layers.batching import split_rows

_AT_ONCE = 128  # pictures measured at once


class Params(TrainParams):
    """Parameters of a rectified flow: its network, its times and how it is sampled."""

    batch_size: Positive = 16
    conditional: bool = True  # on the label, where there are labels
    fold: int = Field(default=0, ge=0, le=16)  # pixels a side that become channels; 0: 2 up to 48 pixels, 4 above
    width: Positive = 32  # channels of the outermost maps, doubled at each halving
    inner_width: Positive = 64  # of the innermost maps, 8 x 8 or less, which attend to themselves
    blocks: Positive = 1  # at each size but the innermost, before and after it
    inner_blocks: Positive = 4
    condition_dim: int = Field(default=128, ge=2)
    # words: learned from the dataset's own; clip: those of the CLIP text encoder whose folder is `pretrained`
    text_encoder: Literal["words", "clip"] = "words"
    learning_rate: float = Field(default=3.0e-3, gt=0)
    final_rate: Share = 0.02  # of `learning_rate`, at the end of a cosine
    warmup_steps: int = Field(default=100, ge=0)
    beta2: Share = 0.99
    gradient_clip_norm: float = Field(default=1.0, gt=0)
    ema_halflife_pictures: float = Field(default=10_000.0, ge=0)
    time_mean: float = -0.4  # of the logit of the times that are learned; less is nearer to the noise
    time_std: float = Field(default=1.0, gt=0)
    unconditional: Share = 0.1  # of the pictures, learned without their condition
    class_words: Share = 0.1  # of the pictures with a caption, learned by the word of their class
    flip: bool = False  # every other picture is mirrored
    guidance: float = Field(default=2.0, ge=0)  # 1: none; more makes pictures more like what was asked, and less varied
    guided_from: Share = 0.1  # times between which they are guided (Kynkaanniemi et al. 2024)
    guided_to: Share = 0.9
    sampling_steps: int = Field(default=10, ge=1, le=1000)
    solver: Literal["euler", "heun"] = "euler"
    time_shift: float = Field(default=1.0, gt=0)  # above 1 steps are smaller near the noise
    refuse: tuple[str, ...] = ()  # words that `artpipe sample --prompt` refuses
    walk_steps: int = Field(default=6, ge=1, le=1000)  # of each picture of a film

    @model_validator(mode="after")
    def _check_guided_times(self) -> Self:
        if self.guided_from >= self.guided_to:
            raise ValueError(
                f"`guided_from` is {self.guided_from:g}; less than `guided_to`, {self.guided_to:g}, is wanted"
            )
        return self


class Flow(MicroBatchedLearner[Params]):
    """A network that predicts pictures; its moving average is shown and scored."""

    selection_measure = ("velocity_error", "min")  # of held-out works: it rises where memorising begins

    def __init__(self, params: Params, spec: Spec, pretrained: object = None) -> None:
        super().__init__(params, spec)
        del pretrained
        self.classes = len(spec.classes) if params.conditional else 0
        self.texts = open_texts(params.text_encoder, Path(params.pretrained))
        self.network = nn.ModuleDict(
            {
                "captions": self.texts.make_network(params.condition_dim),
                "unet": build_unet(spec.channels, (spec.height, spec.width), params),
            }
        )
        self.to(memory_format=torch.channels_last)
        self.average = ema.make_average(self.network)
        # The last row is for works without a label: no word.
        self.register_buffer("class_tokens", self.texts.encode((*spec.classes, "")), persistent=False)
        self.texts.check_weights_of(self)
        self.optimisers = {
            "flow": torch.optim.Adam(self.network.parameters(), params.learning_rate, (0.9, params.beta2), fused=True)
        }

    def prepare_batch(self, batch: Batch) -> Batch:
        """Return `images` ``(B, C, H, W)`` in [-1, 1], noise, times and captions."""
        images, p = batch["images"], self.params
        count, device = len(images), images.device
        tokens = self._tokens(batch)
        if "captions" in batch and self.classes:
            named = (torch.rand(count, device=device) < p.class_words) & (batch["labels"] != UNLABELLED)
            tokens = torch.where(beside_rows(named, tokens), self._label_tokens(batch["labels"]), tokens)
        tokens = tokens * beside_rows(torch.rand(count, device=device) >= p.unconditional, tokens)
        if p.flip:
            mirrored = torch.rand(count, 1, 1, 1, device=device) < 0.5  # noqa: PLR2004
            images = torch.where(mirrored, images.flip(3), images)
        times = draw_times(count, p.time_mean, p.time_std).to(device)
        return {"images": images, "noise": torch.randn_like(images), "times": times, "tokens": tokens}

    def accumulate_gradients(self, part: Batch, whole: Batch) -> Mapping[str, Tensor]:
        """Add the gradients of the velocity's error to the weights; return it."""
        errors = self._errors(self.network, part["images"], part["noise"], part["times"], part["tokens"])
        loss = row_share(part, whole) * errors.mean()
        loss.backward()  # type: ignore[no-untyped-call]
        return {"velocity": loss.detach()}

    def update_weights(self, rows: int) -> None:
        """Take the optimiser's step and move the average."""
        p = self.params
        for group in self.optimisers["flow"].param_groups:
            group["lr"] = self.scheduled_rate(p.learning_rate, p.warmup_steps, p.final_rate)
        nn.utils.clip_grad_norm_(self.network.parameters(), p.gradient_clip_norm)
        self.optimisers["flow"].step()
        decay = ema.compute_decay(rows, p.ema_halflife_pictures, self.steps_done * rows)
        ema.update(self.average, self.network, decay)

    def _tokens(self, batch: Batch) -> Tensor:
        """Return rows for captions ``(B, ...)``, else for the words of labels."""
        if self.params.conditional and "captions" in batch:
            return self.texts.encode_captions(batch, slice(None))
        nothing = torch.full((len(batch["images"]),), UNLABELLED)
        return self._label_tokens(batch.get("labels", nothing) if self.classes else nothing)

    def _label_tokens(self, labels: Tensor) -> Tensor:
        tokens: Tensor = self.class_tokens[labels]  # type: ignore[index]  # UNLABELLED is -1, the last row
        return tokens

    def _errors(self, network: nn.Module, images: Tensor, noise: Tensor, times: Tensor, tokens: Tensor) -> Tensor:
        """Return the errors ``(B,)`` of the predicted velocities."""
        points = interpolate_path(noise, images, times)
        with self.autocast():
            predicted = network["unet"](points, times, network["captions"](tokens))  # type: ignore[index]
        return velocity_errors(predicted.float(), images, times)

    @torch.no_grad()
    def sample(self, prompt: Prompt) -> Tensor:
        """Paint ``(N, C, H, W)`` in [-1, 1]; a picture depends on its own seed alone."""
        noise = prompt.noise(self.noise_size).to(next(self.parameters()).device)
        if self.params.conditional and "captions" in prompt.works:
            tokens = self.texts.encode_captions(prompt.works, select_rows(prompt.seeds, len(prompt.works["captions"])))
        else:
            tokens = self._label_tokens(requested_labels(prompt, self.classes))
        return self._paint(noise, self._encode(tokens), Steering())

    @torch.no_grad()
    def steer(self, noise: Tensor, steering: Steering) -> Tensor:
        """Paint ``(N, C, H, W)`` in [-1, 1] from noise ``(N, Z)``, or from a picture on."""
        labels = torch.full((len(noise),), UNLABELLED) if steering.labels is None else steering.labels
        words = steering.captions
        tokens = self._label_tokens(labels) if words is None else self.texts.encode(tuple(words))
        return self._paint(noise, self._encode(tokens), steering)

    def list_known_words(self, captions: Sequence[str]) -> tuple[str, ...]:
        """Return the words of captions and classes; none where CLIP reads them."""
        return self.texts.list_words((*captions, *self.spec.classes))

    def path_functions(self) -> PathFunctions:
        """Return what the page of a live room computes; CLIP is too large for it."""
        if self.params.text_encoder != "words":
            raise NoPathError("what a CLIP encoder makes of words")
        p, captions, unet = self.params, self.average["captions"], self.average["unet"]  # type: ignore[index]
        return PathFunctions(
            captions.encode_pieces,
            lambda points, times, conditions: unet(self._shape(points), times, conditions),
            PathSettings(p.sampling_steps, p.guidance, (p.guided_from, p.guided_to), p.time_shift, p.solver == "heun"),
        )

    def _shape(self, noise: Tensor) -> Tensor:
        return noise.view(-1, self.spec.channels, self.spec.height, self.spec.width)

    @property
    def noise_size(self) -> int:
        """Return the dimensions of the noise: those of a picture."""
        return self.spec.channels * self.spec.height * self.spec.width

    @torch.no_grad()
    def walk(self, noise: Tensor, mix: Tensor) -> Tensor:
        """Paint ``(N, C, H, W)`` at noise ``(N, Z)``, mixing ``(N, classes)`` shares."""
        every = self._encode(self.class_tokens)  # type: ignore[arg-type]
        shares = torch.cat([mix, 1 - mix.sum(1, keepdim=True)], 1) if self.classes else mix.new_ones(len(mix), 1)
        return self._paint(noise, shares @ every[-shares.shape[1] :], Steering(steps=self.params.walk_steps))

    @torch.no_grad()
    def walk_captions(self, noise: Tensor, captions: Sequence[str], shares: Tensor) -> Tensor:
        """Paint ``(N, C, H, W)`` unguided; shares ``(N, captions)`` mix the captions."""
        conditions = shares @ self._encode(self.texts.encode(tuple(captions)))
        return self._paint(noise, conditions, Steering(steps=self.params.walk_steps, guidance=1.0))

    def _encode(self, tokens: Tensor) -> Tensor:
        encoder: nn.Module = self.average["captions"]  # type: ignore[index]
        conditions: Tensor = encoder(tokens.to(next(encoder.parameters()).device))
        return conditions

    def _paint(self, noise: Tensor, conditions: Tensor, steering: Steering) -> Tensor:
        p, like = self.params, steering.like
        noise = self._shape(noise)
        guidance = p.guidance if steering.guidance is None else steering.guidance
        predictor = GuidedPredictor(
            self.average["unet"], conditions, self._encode(self.texts.encode((steering.negative,))),  # type: ignore[index]
            guidance, (p.guided_from, p.guided_to), like, steering.painted,
        )  # fmt: skip
        strength = 1.0 if like is None else steering.strength
        steps = max(1, round(strength * (steering.steps or p.sampling_steps)))
        return predictor.paint(noise, steps, strength, heun=p.solver == "heun", shift=p.time_shift)

    def exhibit(self, prompt: Prompt) -> list[Exhibit]:
        """Paint one picture per seed, its caption or label beside it."""
        seeds, labels = prompt.seeds, requested_labels(prompt, self.classes).tolist()
        titles = [requested_title(label, self.spec.classes) for label in labels]
        texts = [""] * len(seeds)
        if self.params.conditional and "caption_texts" in prompt.works:
            column = prompt.works["caption_texts"]
            texts = list(decode_texts(column[select_rows(seeds, len(column))].tolist()))
        return [
            Exhibit("image", picture, text or title, seed=seed, label=None if label == UNLABELLED else label)
            for picture, text, title, seed, label in zip(self.sample(prompt), texts, titles, seeds, labels, strict=True)
        ]

    @torch.no_grad()
    def validate(self, works: Batch) -> dict[str, float]:
        """Return the velocity's error on works, always at the same noise and times."""
        images = works.get("images")
        if images is None or not len(images):
            return {}
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(images.shape, generator=generator).to(images.device)
        times = spread_times(len(images), self.params.time_mean, self.params.time_std).to(images.device)
        columns = [split_rows(column, _AT_ONCE) for column in (images, noise, times, self._tokens(works))]
        errors = [self._errors(self.average, *part) for part in zip(*columns, strict=True)]
        return {"velocity_error": torch.cat(errors).double().mean().item()}


MODEL = Model(
    reads=frozenset({"images", "labels"}), params=Params, build=Flow, optional=frozenset({"captions", "caption_texts"})
)
MODEL_INFO = ModelInfo(
    title="Rectified flow",
    export=Export(network="artpipe.export.networks.flow_painter:FlowPainter", only={"text_encoder": "words"}),
    nanoseconds_per_pixel=7000,
    evaluation_seconds=60.0,  # a film among it
    default_batch_size=16,
    new_datasets=NewDatasets(
        least_works=1000,
        least_captioned_works=400,
        size=32,
        sizes=(16, 128),
        promise="new pictures of what is asked for, in words where works have captions (`artpipe sample --prompt`); "
        "expect blots and outlines: emoji were plain after 128,000 pictures, these steps see 58,000 (`artpipe preset long`: 173,000)",
    ),
    starting_params={"steps": 3600, "evaluate_every_steps": 600},
    acronyms=("ema",),
    presets={
        "long": Budget(steps_factor=3),
        "gpu": Budget(steps_factor=4, at_least={"batch_size": 64, "width": 96, "inner_width": 256}),
    },
)
