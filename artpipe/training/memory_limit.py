"""Steps within the memory there is: where a batch does not fit, it goes through in parts of half as many rows.

Only what torch asks for fails in time to be caught: on a GPU always, on a CPU under a limit of the process (`ulimit -v`).
Where Linux itself runs out of memory it ends the process without asking.
"""

import contextlib
import ctypes
import gc
import re
import resource
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from artpipe.contracts.microbatched import Divisible, length
from artpipe.contracts.model import Batch, Learner
from artpipe.errors import InsufficientMemoryError

# Torch and what lies below it tell of memory in RuntimeErrors too, so the type alone does not say it.
_SAID = re.compile(
    r"can't allocate memory|not enough memory|out of memory|bad_alloc|_ALLOC_FAILED|could not create a (?:primitive|memory)"
)
_ASKED = re.compile(r"[Tt]ried to allocate (\d+(?:\.\d+)?) (bytes|KiB|MiB|GiB)")
_UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
# Of glibc's malloc.h. Under a limit a failed allocation must not take a new arena (64 MiB of what is left), and what is freed must
# leave the process: it does so only above this threshold, which grows to 32 MiB where it is not set.
_ARENA_MAX, _MMAP_THRESHOLD = -8, -3
_LESS = "lower `batch_size`, the dataset's `size` or the model's widths"


def shortage(error: BaseException) -> str | None:
    """Return in words what was asked for and what is there; None where memory is not what an error is about."""
    alone = isinstance(error, MemoryError | torch.OutOfMemoryError)
    if not alone and not (isinstance(error, RuntimeError) and _SAID.search(str(error))):
        return None
    found = _ASKED.search(str(error))
    asked = f"{_sized(float(found[1]) * _UNITS[found[2]])} more" if found else "more"
    return f"{asked} was asked for, {_free(cuda=isinstance(error, torch.OutOfMemoryError))}"


def _free(*, cuda: bool) -> str:
    if cuda and torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        return f"{_sized(free)} of the GPU's {_sized(total)} is free"
    told = dict(re.findall(r"^(\w+):\s+(\d+) kB", _read("/proc/meminfo") + _read("/proc/self/status"), re.MULTILINE))
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return f"{_sized(1024 * int(told.get('MemAvailable', 0)))} is free"
    return f"{_sized(limit - 1024 * int(told.get('VmSize', 0)))} of the process's limit of {_sized(limit)} is free"


@contextlib.contextmanager
def within_memory(what: str, advice: str = _LESS) -> Iterator[None]:
    """Turn a lack of memory into one line: `what` does not fit, what was asked for, what is there, what to lower.

    Raises:
        NoMemoryError: this line.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        why = shortage(error)
        if why is None:
            raise
        raise InsufficientMemoryError(f"{what} does not fit into memory: {why}; {advice}") from error


@dataclass(frozen=True)
class _Before:
    """What a failed attempt has to give back: torch's generators, and the buffers, some of which see every part."""

    generator: Tensor
    on_device: Tensor | None
    buffers: dict[str, Tensor]

    @classmethod
    def of(cls, learner: nn.Module, device: torch.device) -> Self:
        # Buffers of bytes hold works as they are stored, which may be large; no step changes them.
        buffers = {name: one.clone() for name, one in learner.named_buffers() if one.dtype != torch.uint8}
        on_device = torch.cuda.get_rng_state(device) if device.type == "cuda" else None
        return cls(torch.get_rng_state(), on_device, buffers)

    @torch.no_grad()
    def restore(self, learner: nn.Module, device: torch.device) -> None:
        for name, buffer in learner.named_buffers():
            if name in self.buffers:
                buffer.copy_(self.buffers[name])
        torch.set_rng_state(self.generator)
        if self.on_device is not None:
            torch.cuda.set_rng_state(self.on_device, device)


class Frugal:
    """Takes steps; `rows` is how many rows of a batch are learned from at once, None for all of them.

    Where these do not fit they are halved, and `halved(rows, of, why)` is told. A learner that cannot be divided takes its
    steps whole.
    """

    def __init__(self, rows: int | None = None, halved: Callable[[int, int, str], None] | None = None) -> None:
        self.rows, self._halved = rows, halved
        if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
            _libc("mallopt", _ARENA_MAX, 1)
            _libc("mallopt", _MMAP_THRESHOLD, 2**20)

    def step(self, learner: Learner[Any], batch: Batch) -> Mapping[str, Tensor]:
        """Take one optimiser step, in parts where that is needed.

        Raises:
            NoMemoryError: not one row fits, or the learner cannot be divided.
        """
        if not isinstance(learner, Divisible):
            with within_memory("a step, which this kind cannot take in parts,", learner.thrift):
                return learner.step(batch)
        losses = self._gradients(learner, batch)
        # A step that broke off cannot be taken back; the saved state can. What it needs does not depend on the batch.
        with within_memory("the optimiser's step", learner.thrift):
            learner.move(length(batch))
        return losses

    def _gradients(self, learner: Divisible[Any], batch: Batch) -> Mapping[str, Tensor]:
        device = next(learner.parameters()).device
        before, count = _Before.of(learner, device), length(batch)
        while True:
            try:
                return learner.gradients(batch, self.rows)
            except (MemoryError, RuntimeError) as error:
                why = shortage(error)
                if why is None:
                    raise
            # Only here, where the error and its frames are gone, is free what they held.
            learner.clear()
            before.restore(learner, device)
            _give_back(device)
            rows = min(self.rows or count, count)
            if rows == 1:
                raise InsufficientMemoryError(
                    f"a single row of a batch does not fit into memory: {why}; {learner.thrift}"
                )
            self.rows = -(-rows // 2)
            if self._halved:
                self._halved(self.rows, count, why)


def _give_back(device: torch.device) -> None:
    """Hand free memory back: what Python holds in circles, torch in its cache and glibc in its heap."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    _libc("malloc_trim", 0)


def _libc(function: str, *arguments: int) -> None:
    with contextlib.suppress(OSError, AttributeError):  # another system's library
        getattr(ctypes.CDLL(None), function)(*arguments)


def _read(path: str) -> str:
    return Path(path).read_text(encoding="utf-8") if Path(path).exists() else ""


def _sized(count: float) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{max(0.0, count) / 2**20:.0f} MiB"
