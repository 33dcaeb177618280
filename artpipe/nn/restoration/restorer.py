"""What restorers share: their training, their validation and their exhibits."""

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

import torch
from pydantic import Field
from torch import Tensor, nn

from artpipe.artifacts.shards import Spec
from artpipe.config.params import Positive, Share, TrainParams
from artpipe.contracts.microbatched import MicroBatchedLearner
from artpipe.contracts.model import Batch, Exhibit, Prompt, Restoration
from artpipe.language.message import Message
from artpipe.modalities.picture.tiles import join_tiles
from artpipe.nn.gan.patch_discriminator import PatchDiscriminator
from artpipe.numerics.image_quality import psnr, ssim

MAX_EXHIBITS = 24  # of one prompt
_VALIDATION_BATCH = 64  # pictures


class RestorerParams(TrainParams):
    """The parameters of every restorer."""

    learning_rate: float = Field(default=2.0e-3, gt=0)
    final_rate: Share = 0.02  # of the learning rate, at the end of a cosine
    warmup_steps: int = Field(default=50, ge=0)
    gradient_clip_norm: float = Field(default=1.0, gt=0)
    adversarial_from_step: int | None = Field(default=None, ge=0)  # null: never
    adversarial_weight: float = Field(default=5.0e-2, gt=0)
    judge_width: Positive = 32
    judge_rate: float = Field(default=4.0e-4, gt=0)


ParamsT = TypeVar("ParamsT", bound=RestorerParams)


class AdversarialRestorer(MicroBatchedLearner[ParamsT]):
    """A restorer of one network, with an adversarial loss in later steps.

    From `adversarial_from_step` on a discriminator of patches takes part (Ledig et al. 2017).

    Its last weights are taken, not those of the best PSNR: the rate falls to nothing, and an adversarial loss costs PSNR.
    """

    baseline_name: str

    def __init__(self, params: ParamsT, spec: Spec, network: nn.Module) -> None:
        super().__init__(params, spec)
        self.network = network
        self.judge = (
            PatchDiscriminator(spec.channels, params.judge_width) if params.adversarial_from_step is not None else None
        )
        self.to(memory_format=torch.channels_last)
        self.optimisers = {"network": torch.optim.Adam(network.parameters(), params.learning_rate, fused=True)}
        if self.judge is not None:
            self.optimisers["judge"] = torch.optim.Adam(self.judge.parameters(), params.judge_rate, (0.5, 0.99))

    @property
    def _active_judge(self) -> PatchDiscriminator | None:
        return self.judge if self.steps_done >= (self.params.adversarial_from_step or 0) else None

    def descend(self, restored: Tensor, real: Tensor, error: Tensor, share: float) -> dict[str, Tensor]:
        """Descend the error of restored pictures and the adversarial loss.

        The pictures are ``(B, C, H, W)``; from `adversarial_from_step` on the discriminator learns as well.

        `error` is this part's share of the batch's already; `share` is that of its rows.
        """
        losses, judge = {"l1": error.detach()}, self._active_judge
        if judge is not None:
            adversarial_loss = share * judge.generator_loss(real, restored)
            losses["adversarial"] = adversarial_loss.detach()
            error = error + self.params.adversarial_weight * adversarial_loss
        error.backward(inputs=list(self.network.parameters()))  # type: ignore[no-untyped-call]
        if judge is not None:
            losses["judge"] = judge.learn(real, restored, share)
        return losses

    def update_weights(self, rows: int) -> None:
        """Take the optimisers' step."""
        del rows
        optimiser, p = self.optimisers["network"], self.params
        (group,) = optimiser.param_groups
        group["lr"] = self.scheduled_rate(p.learning_rate, p.warmup_steps, p.final_rate)
        nn.utils.clip_grad_norm_(group["params"], p.gradient_clip_norm)
        optimiser.step()
        if self._active_judge is not None:
            self.optimisers["judge"].step()

    @property
    def damages_per_work(self) -> int:
        """Return how many random damages of one work are worth measuring."""
        return 1

    @abstractmethod
    def restore(self, images: Tensor, seeds: Sequence[int]) -> Restoration:
        """Damage works, each by its own seed, and restore them.

        Works are ``(N, C, H, W)`` in [-1, 1].
        """

    def validate(self, works: Batch) -> dict[str, float]:
        """Return `psnr` in dB, its gain over the baseline and `ssim` on held-out works.

        All works are of one size; the seed of the damage is the row.
        """
        images = works.get("images", torch.empty(0))
        rows: list[tuple[Tensor, Tensor, Tensor]] = []
        for start in range(0, len(images), _VALIDATION_BATCH):
            part = images[start : start + _VALIDATION_BATCH]
            restoration = self.restore(part, range(start, start + len(part)))
            psnrs = [
                psnr(images_made, restoration.original, restoration.mask)
                for images_made in (restoration.restored, restoration.baseline)
            ]
            rows.append((psnrs[0], psnrs[1], ssim(restoration.restored, restoration.original, restoration.mask)))
        if not rows:
            return {}
        psnr_values, baseline_values, ssim_values = (torch.cat(column) for column in zip(*rows, strict=True))
        finite = psnr_values.isfinite() & baseline_values.isfinite()
        if not finite.any():
            return {}
        means = {
            "psnr": psnr_values[finite],
            "psnr_gain": (psnr_values - baseline_values)[finite],
            "ssim": ssim_values[finite],
        }
        return {name: values.mean().item() for name, values in means.items()}


def iterate_works(prompt: Prompt) -> Iterable[tuple[Tensor, int, tuple[str, ...]]]:
    """Yield some of the prompt's works: picture, seed for its damage, digests.

    A picture is ``(1, C, H, W)`` and whole.
    """
    if not len(prompt.works.get("images", ())):
        return
    for seed, (work, digest) in zip(prompt.seeds[:MAX_EXHIBITS], join_tiles(prompt.works), strict=False):
        yield work[None], seed, (digest,) if digest else ()


def describe_psnr(restoration: Restoration, baseline: str) -> Message:
    """Return both PSNR of one work, for its caption."""
    restored_psnr, baseline_psnr = (
        float(psnr(images, restoration.original, restoration.mask))
        for images in (restoration.restored, restoration.baseline)
    )
    return Message(
        code="compared_with_baseline", values={"ours": restored_psnr, "baseline": baseline, "theirs": baseline_psnr}
    )


def make_exhibit(
    restoration: Restoration, caption: Message, role: str, digests: tuple[str, ...], **extra_parts: Tensor
) -> Exhibit:
    """Return the exhibit of one restored work, beside its input and the original."""
    parts: Mapping[str, Tensor] = {"before": restoration.damaged[0], "original": restoration.original[0]}
    return Exhibit("image", restoration.restored[0], caption, role, digests=digests, parts={**parts, **extra_parts})
