"""The model contract: a learner owns its step and its loss.

The loop, resume, tracking and evaluation are shared.
"""

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Generic, Literal, Protocol, TypeVar, runtime_checkable

import torch
from torch import Tensor, nn

from artpipe.artifacts.shards import Spec
from artpipe.config.params import TrainParams
from artpipe.language.message import Message
from artpipe.numerics.compiler_import import skip_compiler_import
from artpipe.numerics.learning_rate_schedule import scheduled_rate

ParamsT = TypeVar("ParamsT", bound=TrainParams)
Content = Tensor | str | bytes  # a picture (C, H, W) in [-1, 1], text, or the bytes of a file
Batch = Mapping[str, Tensor]  # the columns a model reads; images are (B, C, H, W) in [-1, 1], labels (B,), -1: none


@dataclass(frozen=True)
class Prompt:
    """What a learner is asked to show: one exhibit per seed.

    Where the model is conditional, each is of the requested label. `works` are held-out works (same columns as a
    batch) for learners that show something about given pictures.
    """

    seeds: Sequence[int]
    labels: Tensor | None = None  # (N,) int64
    works: Batch = field(default_factory=dict)

    def noise(self, size: int) -> Tensor:
        """Return standard normal noise ``(N, size)``.

        A row depends on its own seed alone, so each picture can be painted again.
        """
        rows = [torch.randn(size, generator=torch.Generator().manual_seed(seed)) for seed in self.seeds]
        return torch.stack(rows)

    def slice(self, start: int, stop: int) -> "Prompt":
        """Return the prompt for samples `start` to `stop`."""
        return replace(
            self, seeds=self.seeds[start:stop], labels=None if self.labels is None else self.labels[start:stop]
        )


@dataclass(frozen=True)
class Exhibit:
    """One thing to hang.

    `data`: image ``(C, H, W)`` in [-1, 1]; text: str; audio and video: the file's bytes. `parts` are further files
    that belong to it, by name. The gallery knows `before` (a picture of the same size, for a slider), `poster` (of
    a video), `webm` or `mp4` (the same video in another form), `score` (a picture of music), `midi`, and `step N`
    (the picture on its way); a picture of another name hangs beside it under that name.
    """

    kind: Literal["image", "video", "audio", "text"]
    data: Content
    caption: str | Message  # what it is called; a text is shown as it stands, in every language
    role: str = "sample"  # or reconstruction, explanation, failure ...
    seed: int | None = None
    label: int | None = None
    digests: tuple[str, ...] = ()  # SHA-256 of the works it shows
    shares: tuple[float, ...] = ()  # of it that come from each of these, where they are known
    parts: Mapping[str, Content] = field(default_factory=dict)


class Learner(nn.Module, ABC, Generic[ParamsT]):
    """A network with its optimisers.

    Everything random it does in `step` comes from torch's global generator.
    """

    selection_measure: tuple[str, Literal["min", "max"]] | None = None  # the validation measure that picks `best`
    memory_advice = "lower `batch_size` or the dataset's `size`"  # what helps where memory is too small
    progress_exhibits = 64  # asked for at an evaluation point, 8 x 8; fewer of what is read or heard

    def __init__(self, params: ParamsT, spec: Spec) -> None:
        super().__init__()
        skip_compiler_import()
        self.params, self.spec = params, spec
        self.optimisers: dict[str, torch.optim.Optimizer] = {}
        self.steps_done = 0  # set by the loop
        self.rate_scale = 1.0  # halved by the loop at each rollback
        self.amp_dtype: torch.dtype | None = None  # set by the loop: bfloat16 where the device is fast at it

    def prepare_training(self, works: Batch) -> None:
        """Look at all training works once, before the first step.

        Images are as they are stored, uint8. Most learners need not.
        """
        del works

    @abstractmethod
    def step(self, batch: Batch) -> Mapping[str, Tensor]:
        """Take one optimiser step and return the scalar losses by name, detached."""

    @abstractmethod
    def exhibit(self, prompt: Prompt) -> list[Exhibit]:
        """Make what hangs; the same prompt and weights give the same exhibits."""

    def validate(self, works: Batch) -> dict[str, float]:
        """Measure on held-out works (a batch of up to `evaluation.reference`).

        The result is empty where there is nothing to measure.
        """
        del works
        return {}

    def autocast(self) -> torch.autocast:
        """Return the precision context for forward passes; it does nothing in fp32."""
        device = next(self.parameters()).device.type
        return torch.autocast(device, dtype=self.amp_dtype or torch.bfloat16, enabled=self.amp_dtype is not None)

    def scheduled_rate(self, base: float, warmup_steps: int = 0, final_share: float = 1.0) -> float:
        """Return the learning rate of this step.

        It is that of the schedule, halved at each rollback.
        """
        return scheduled_rate(base * self.rate_scale, self.steps_done, self.params.steps, warmup_steps, final_share)

    def training_state(self) -> dict[str, Any]:
        """Return all that resume needs besides the loop's own state.

        It consists of nested dicts and lists of tensors and scalars.
        """
        return {
            "weights": self.state_dict(),
            "optimisers": {name: optimiser.state_dict() for name, optimiser in self.optimisers.items()},
            "steps_done": self.steps_done,
            "rate_scale": self.rate_scale,
        }

    def load_training_state(self, state: Mapping[str, Any]) -> None:
        """Restore what `training_state` returned."""
        self.load_state_dict(state["weights"])
        for name, optimiser in self.optimisers.items():
            optimiser.load_state_dict(copy.deepcopy(state["optimisers"][name]))
            # Moments go back to their weight's memory layout, which decides the kernels.
            for weight, moments in optimiser.state.items():
                for key, moment in moments.items():
                    if isinstance(moment, Tensor) and moment.shape == weight.shape:
                        moments[key] = torch.empty_like(weight, dtype=moment.dtype).copy_(moment)
        self.steps_done, self.rate_scale = state["steps_done"], state["rate_scale"]


@runtime_checkable
class Sampler(Protocol):
    """A learner that makes pictures from noise; scored by distribution metrics."""

    def sample(self, prompt: Prompt) -> Tensor:
        """Return ``(N, C, H, W)`` in [-1, 1]."""
        ...


@runtime_checkable
class LatentWalker(Sampler, Protocol):
    """A sampler whose pictures change smoothly with its noise."""

    @property
    def noise_size(self) -> int:
        """Return the dimensions of the noise."""
        ...

    def walk(self, noise: Tensor, mix: Tensor) -> Tensor:
        """Return ``(N, C, H, W)`` in [-1, 1] at noise ``(N, Z)``.

        `mix` are shares ``(N, classes)`` of each class, for learners that heed labels.
        """
        ...


@runtime_checkable
class SequenceModel(Protocol):
    """A learner of sequences of tokens; scored by likelihood, and by what it writes."""

    def nll(self, tokens: Tensor) -> Tensor:
        """Return nats ``(N, L)`` of each token after the first of ``(N, L + 1)``.

        They are 0 where there is no token.
        """
        ...

    def write(self, prompt: Prompt) -> list[list[int]]:
        """Return the tokens that each seed writes.

        The prompt and the tokens of start and end are not among them.
        """
        ...


@runtime_checkable
class FeatureExtractor(Protocol):
    """A learner whose features measure others and whose logits judge them."""

    def features(self, images: Tensor) -> Tensor:
        """Return ``(N, F)`` features of ``(N, C, H, W)`` in [-1, 1]."""
        ...

    def logits(self, images: Tensor) -> Tensor:
        """Return ``(N, K)`` calibrated class logits of ``(N, C, H, W)`` in [-1, 1]."""
        ...


@runtime_checkable
class Autoencoder(Protocol):
    """A learner with an encoder; scored by reconstruction and likelihood metrics."""

    def posterior(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return mean and log variance ``(N, Z)`` of q(z|x)."""
        ...

    def reconstruct(self, images: Tensor) -> Tensor:
        """Return ``(N, C, H, W)`` in [-1, 1], decoded from the posterior's mean."""
        ...

    def elbo_terms(self, images: Tensor) -> Mapping[str, Tensor]:
        """Return `reconstruction` and `kl` in nats per picture ``(N,)``.

        One sample of the posterior is drawn for each picture.
        """
        ...


@dataclass(frozen=True)
class Restoration:
    """Works, damaged works and restored works: ``(N, C, H, W)`` in [-1, 1].

    `baseline` is what needs no learning; `mask` ``(N, 1, H, W)`` says which pixels are compared: those that were lost.
    """

    original: Tensor
    damaged: Tensor
    restored: Tensor
    baseline: Tensor
    mask: Tensor  # bool


@runtime_checkable
class Restorer(Protocol):
    """A learner that restores what a picture lost.

    It is scored against the work itself, beside a baseline.
    """

    baseline_name: str  # what the baseline is called

    @property
    def damages_per_work(self) -> int:
        """Return how many damages of one work are worth measuring.

        It is 1 where a seed changes nothing.
        """
        ...

    def restore(self, images: Tensor, seeds: Sequence[int]) -> Restoration:
        """Damage works ``(N, C, H, W)`` in [-1, 1] by their seeds and restore them."""
        ...


@runtime_checkable
class StylePainter(Protocol):
    """A learner that paints any picture in the styles that it has learned."""

    names: list[str]  # of the styles

    def paint(self, images: Tensor, mix: Tensor) -> Tensor:
        """Return ``(N, C, H, W)`` in [-1, 1]; sides are multiples of 4.

        `mix` ``(N, S)`` has the share of each style.
        """
        ...


@dataclass(frozen=True)
class Model:
    """What a file in `models/` exports as MODEL."""

    reads: frozenset[str]  # columns of the ShardSet
    params: type[TrainParams]
    # build(params, spec, pretrained): the learner or the measuring network that `pretrained` points at, or None
    build: Callable[..., Learner[Any]]
    optional: frozenset[str] = frozenset()  # columns that it reads where the dataset has them
