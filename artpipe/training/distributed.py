"""Data-parallel training: each rank takes a share of every batch.

All ranks stay equal, bit by bit.

`torchrun` starts the ranks (Li et al. 2020, arXiv:2006.15704, do the same with buckets). Gradients are averaged as they are computed, before any
clipping. With losses that are means over the batch, a step thus equals the step of one rank on the whole batch, except for the
order in which numbers are added and for the random numbers of the learner: each rank draws its own at every step.
"""

import os
from collections.abc import Mapping
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.nn.functional import all_reduce

from artpipe.system.hashing import sha256_bytes

_TIMEOUT = timedelta(minutes=10)  # one rank may write a state or look at exhibits meanwhile
_MAX_SYNCED_NUMBERS = 4096  # numbers: of buffers that ranks may have come to differ in


class Ranks:
    """The ranks of a training, one of which is this process; alone, all is a no-op."""

    def __init__(self, rank: int = 0, world_size: int = 1) -> None:
        self.rank, self.world_size = rank, world_size

    @classmethod
    def join(cls) -> "Ranks":
        """Join the ranks that torchrun started, or be alone."""
        world_size = int(os.environ.get("WORLD_SIZE", "1"))
        if world_size == 1:
            return cls()
        if torch.cuda.is_available():
            torch.cuda.set_device(int(os.environ["LOCAL_RANK"]))
        if not dist.is_initialized():
            dist.init_process_group("nccl" if torch.cuda.is_available() else "gloo", timeout=_TIMEOUT)
        return cls(dist.get_rank(), world_size)

    @property
    def is_first(self) -> bool:
        """Say whether this is the rank that writes files and prints."""
        return self.rank == 0

    def wait_for_all(self) -> None:
        """Wait until all ranks have reached this call."""
        if self.world_size > 1:
            dist.barrier()

    def leave(self) -> None:
        """Leave the process group."""
        if self.world_size > 1 and dist.is_initialized():
            dist.destroy_process_group()

    def average_gradients(self, learner: nn.Module) -> None:
        """Average every gradient over the ranks as soon as it is computed.

        Batch normalisation then sees the whole batch.
        """
        if self.world_size == 1:
            return
        for module in learner.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.__class__ = _GlobalBatchNorm  # torch's own SyncBatchNorm is for GPUs only
        for weight in learner.parameters():
            if weight.requires_grad:
                weight.register_hook(self._average)  # type: ignore[no-untyped-call]

    def split_batch(self, batch: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return this rank's rows of a batch."""
        if self.world_size == 1:
            return batch
        return {name: column[self.rank :: self.world_size] for name, column in batch.items()}

    def seed_step(self, seed: int, step: int) -> None:
        """Seed this rank's random numbers for a step.

        The seed is a pure function of `seed`, `step` and rank, so a resumed training draws the same numbers.
        """
        if self.world_size > 1:
            torch.manual_seed(int(sha256_bytes(f"{seed} {step} {self.rank}".encode())[:8], 16))

    def sync_buffers(self, learner: nn.Module) -> None:
        """Copy the first rank's small buffers to all ranks.

        They may depend on the rows that a rank saw.
        """
        if self.world_size > 1:
            for buffer in learner.buffers():
                if buffer.numel() <= _MAX_SYNCED_NUMBERS:
                    dist.broadcast(buffer, 0)

    def average_losses(self, losses: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Return the means of the losses over all ranks, the same everywhere."""
        if self.world_size == 1 or not losses:
            return losses
        means = self._average(torch.stack([value.detach().float() for value in losses.values()]))
        return dict(zip(losses, means, strict=True))

    def is_set_anywhere(self, flag_set: bool, device: torch.device) -> bool:
        """Say whether the flag is set in any rank, so that all stop after the same step."""
        if self.world_size == 1:
            return flag_set
        flag = torch.tensor([float(flag_set)], device=device)
        dist.all_reduce(flag)
        return bool(flag.item())

    def _average(self, value: Tensor) -> Tensor:
        total = value.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total / self.world_size


class _GlobalBatchNorm(nn.BatchNorm2d):
    """Batch normalisation over the rows of all ranks.

    Ioffe and Szegedy 2015, algorithm 1.
    """

    def forward(self, images: Tensor) -> Tensor:
        if not self.training:
            return super().forward(images)
        wide = images.double()
        sums = torch.cat([wide.sum((0, 2, 3)), wide.square().sum((0, 2, 3)), wide.new_tensor([wide[:, 0].numel()])])
        sums = all_reduce(sums)  # type: ignore[no-untyped-call]  # with a gradient: what one rank does to the mean concerns all
        total, squares, count = sums[: self.num_features], sums[self.num_features : -1], sums[-1]
        mean = total / count
        variance = squares / count - mean.square()
        self._update_running_stats(mean.detach(), (variance * count / (count - 1)).detach())
        scale = (variance + self.eps).rsqrt()
        normal = ((wide - mean[:, None, None]) * scale[:, None, None]).to(images.dtype)
        scaled: Tensor = normal * self.weight[:, None, None] + self.bias[:, None, None]
        return scaled

    @torch.no_grad()
    def _update_running_stats(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is None or self.running_var is None or self.num_batches_tracked is None:
            return
        self.num_batches_tracked += 1
        share = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
        self.running_mean.lerp_(mean.to(self.running_mean.dtype), share)
        self.running_var.lerp_(variance.to(self.running_var.dtype), share)
