"""What restorers share: how they learn, alone or before a judge, and how they hang a work that was lost and found."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn

from artpipe.artifacts.shards import Spec
from artpipe.config.params import Positive, Share, TrainParams
from artpipe.contracts.microbatched import Divisible
from artpipe.contracts.model import Batch, Exhibit, Prompt, Restoration
from artpipe.language.message import Message
from artpipe.modalities.picture.tiles import wholes
from artpipe.nn.gan.patch_discriminator import PatchJudge
from artpipe.numerics.image_quality import psnr, ssim

MOST = 24  # works hung at once
_AT_ONCE = 64  # pictures validated


class RestorerParams(TrainParams):
    """What every restorer can be told."""

    learning_rate: float = Field(default=2.0e-3, gt=0)
    final_rate: Share = 0.02  # of the learning rate, at the end of a cosine
    warmup_steps: int = Field(default=50, ge=0)
    gradient_clip_norm: float = Field(default=1.0, gt=0)
    adversarial_from_step: int | None = Field(default=None, ge=0)  # null: never
    adversarial_weight: float = Field(default=5.0e-2, gt=0)
    judge_width: Positive = 32
    judge_rate: float = Field(default=4.0e-4, gt=0)


ParamsT = TypeVar("ParamsT", bound=RestorerParams)


class Painter(Divisible[ParamsT]):
    """A restorer of one network; from `adversarial_from_step` on a judge of patches has its say too (Ledig et al. 2017).

    Its last weights are taken, not those of the best PSNR: the rate falls to nothing, and a judge's work costs PSNR.
    """

    baseline: str

    def __init__(self, params: ParamsT, spec: Spec, network: nn.Module) -> None:
        super().__init__(params, spec)
        self.network = network
        self.judge = PatchJudge(spec.channels, params.judge_width) if params.adversarial_from_step is not None else None
        self.to(memory_format=torch.channels_last)
        self.optimisers = {"network": torch.optim.Adam(network.parameters(), params.learning_rate, fused=True)}
        if self.judge is not None:
            self.optimisers["judge"] = torch.optim.Adam(self.judge.parameters(), params.judge_rate, (0.5, 0.99))

    @property
    def _judging(self) -> PatchJudge | None:
        return self.judge if self.steps_done >= (self.params.adversarial_from_step or 0) else None

    def descend(self, painted: Tensor, real: Tensor, error: Tensor, share: float) -> dict[str, Tensor]:
        """Descend the `error` of painted pictures ``(B, C, H, W)``, and later the doubt of a judge who learns as well.

        `error` is this part's share of the batch's already; `share` is that of its rows.
        """
        losses, judge = {"l1": error.detach()}, self._judging
        if judge is not None:
            doubt = share * judge.doubt(real, painted)
            losses["adversarial"] = doubt.detach()
            error = error + self.params.adversarial_weight * doubt
        error.backward(inputs=list(self.network.parameters()))  # type: ignore[no-untyped-call]
        if judge is not None:
            losses["judge"] = judge.learn(real, painted, share)
        return losses

    def move(self, rows: int) -> None:
        """Take the optimisers' step."""
        del rows
        optimiser, p = self.optimisers["network"], self.params
        (group,) = optimiser.param_groups
        group["lr"] = self.rate(p.learning_rate, p.warmup_steps, p.final_rate)
        nn.utils.clip_grad_norm_(group["params"], p.gradient_clip_norm)
        optimiser.step()
        if self._judging is not None:
            self.optimisers["judge"].step()

    @property
    def draws(self) -> int:
        """Return how many damages of one work are worth measuring."""
        return 1

    @abstractmethod
    def restoration(self, images: Tensor, seeds: Sequence[int]) -> Restoration:
        """Damage works ``(N, C, H, W)`` in [-1, 1], each by its own seed, and restore them."""

    def validate(self, works: Batch) -> dict[str, float]:
        """Return `psnr` in dB and what it gains over the baseline, on held-out pictures of one size; damage is by place."""
        images = works.get("images", torch.empty(0))
        rows: list[tuple[Tensor, Tensor, Tensor]] = []
        for start in range(0, len(images), _AT_ONCE):
            part = images[start : start + _AT_ONCE]
            found = self.restoration(part, range(start, start + len(part)))
            near = [psnr(made, found.original, found.counts) for made in (found.restored, found.baseline)]
            rows.append((near[0], near[1], ssim(found.restored, found.original, found.counts)))
        if not rows:
            return {}
        ours, theirs, alike = (torch.cat(column) for column in zip(*rows, strict=True))
        told = ours.isfinite() & theirs.isfinite()
        if not told.any():
            return {}
        means = {"psnr": ours[told], "psnr_gain": (ours - theirs)[told], "ssim": alike[told]}
        return {name: values.mean().item() for name, values in means.items()}


def shown(prompt: Prompt) -> Iterable[tuple[Tensor, int, tuple[str, ...]]]:
    """Yield a few of the prompt's works, whole: picture ``(1, C, H, W)``, a seed for its damage, and its digests."""
    if not len(prompt.works.get("images", ())):
        return
    for seed, (work, digest) in zip(prompt.seeds[:MOST], wholes(prompt.works), strict=False):
        yield work[None], seed, (digest,) if digest else ()


def compared(found: Restoration, baseline: str) -> Message:
    """Return both PSNRs of one work, for its caption."""
    ours, theirs = (float(psnr(made, found.original, found.counts)) for made in (found.restored, found.baseline))
    return Message(code="compared_with_baseline", values={"ours": ours, "baseline": baseline, "theirs": theirs})


def hung(found: Restoration, caption: Message, role: str, digests: tuple[str, ...], **more: Tensor) -> Exhibit:
    """Return the exhibit of one work: restored, with what it was made from and what it should be."""
    parts: Mapping[str, Tensor] = {"before": found.damaged[0], "original": found.original[0]}
    return Exhibit("image", found.restored[0], caption, role, digests=digests, parts={**parts, **more})
