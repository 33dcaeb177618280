"""Data-parallel training: ranks that each take a share of every batch and stay equal, bit by bit.

`torchrun` starts the ranks (Li et al. 2020, arXiv:2006.15704, do the same with buckets). Gradients are averaged as they arise, before any
clipping, so that with losses that are means over the batch a step equals the step of one rank on the whole batch, but for the order
in which numbers are added and for what a learner draws at random: each rank draws its own, anew at every step.
"""

import os
from collections.abc import Mapping
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from artpipe.system.hashing import sha256_bytes

_PATIENCE = timedelta(minutes=10)  # one rank may write a state or look at exhibits meanwhile
_SMALL = 4096  # numbers: of buffers that ranks may have come to differ in


class Ranks:
    """The ranks of a training, of which this process is one. Alone it does nothing at all."""

    def __init__(self, rank: int = 0, count: int = 1) -> None:
        self.rank, self.count = rank, count

    @classmethod
    def joined(cls) -> "Ranks":
        """Join the ranks that torchrun started, or be alone."""
        count = int(os.environ.get("WORLD_SIZE", "1"))
        if count == 1:
            return cls()
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        if not dist.is_initialized():
            dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=_PATIENCE)
        return cls(dist.get_rank(), count)

    @property
    def first(self) -> bool:
        """Say whether this is the rank that writes and speaks."""
        return self.rank == 0

    def meet(self) -> None:
        """Wait until all ranks are here."""
        if self.count > 1:
            dist.barrier()

    def leave(self) -> None:
        """Part from the others."""
        if self.count > 1 and dist.is_initialized():
            dist.destroy_process_group()

    def share_gradients(self, learner: nn.Module) -> None:
        """Average every gradient over the ranks as it arises, and let batch normalisation see the whole batch."""
        if self.count == 1:
            return
        for module in learner.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.__class__ = _WholeBatchNorm  # torch's own SyncBatchNorm is for GPUs only
        for weight in learner.parameters():
            if weight.requires_grad:
                weight.register_hook(self._mean)  # type: ignore[no-untyped-call]

    def share(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return this rank's rows of a batch."""
        return {name: column[self.rank :: self.count] for name, column in batch.items()} if self.count > 1 else batch

    def draw_apart(self, seed: int, step: int) -> None:
        """Let each rank draw its own numbers in a step, a pure function of seed, step and rank: a resumed one draws the same."""
        if self.count > 1:
            torch.manual_seed(int(sha256_bytes(f"{seed} {step} {self.rank}".encode())[:8], 16))

    def settle(self, learner: nn.Module) -> None:
        """Let all have the first one's small buffers, which may depend on the rows a rank saw."""
        if self.count > 1:
            for buffer in learner.buffers():
                if buffer.numel() <= _SMALL:
                    dist.broadcast(buffer, 0)

    def mean(self, losses: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return the means of the losses over all ranks, the same everywhere."""
        if self.count == 1 or not losses:
            return losses
        means = self._mean(torch.stack([value.detach().float() for value in losses.values()]))
        return dict(zip(losses, means, strict=True))

    def any(self, asked: bool, device: torch.device) -> bool:
        """Say whether any rank was asked: all stop after the same step."""
        if self.count == 1:
            return asked
        flag = torch.tensor([float(asked)], device=device)
        dist.all_reduce(flag)
        return bool(flag.item())

    def _mean(self, value: Tensor) -> Tensor:
        total = value.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total / self.count


class _WholeBatchNorm(nn.BatchNorm2d):
    """Batch normalisation over the rows of all ranks (Ioffe and Szegedy 2015, algorithm 1)."""

    def forward(self, images: Tensor) -> Tensor:
        if not self.training:
            return super().forward(images)
        wide = images.double()
        sums = torch.cat([wide.sum((0, 2, 3)), wide.square().sum((0, 2, 3)), wide.new_tensor([wide[:, 0].numel()])])
        sums = all_reduce(sums)  # type: ignore[no-untyped-call]  # with a gradient: what one rank does to the mean concerns all
        total, squares, count = sums[: self.num_features], sums[self.num_features : -1], sums[-1]
        mean = total / count
        variance = squares / count - mean.square()
        self._remember(mean.detach(), (variance * count / (count - 1)).detach())
        scale = (variance + self.eps).rsqrt()
        normal = ((wide - mean[:, None, None]) * scale[:, None, None]).to(images.dtype)
        scaled: Tensor = normal * self.weight[:, None, None] + self.bias[:, None, None]
        return scaled

    @torch.no_grad()
    def _remember(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance.to(self.running_var.dtype), share)
