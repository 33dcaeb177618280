"""Training steps in limited memory, by gradient accumulation.

Where a batch does not fit, it goes through in parts of half as many rows.

Only allocations by torch fail early enough to be caught: on a GPU always, on a CPU under a limit of the process (`ulimit -v`).
Where Linux itself runs out of memory, it kills the process.
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

from artpipe.contracts.microbatched import MicroBatchedLearner, count_rows
from artpipe.contracts.model import Batch, Learner
from artpipe.errors import InsufficientMemoryError

# Torch and the libraries below it report a lack of memory by RuntimeErrors too, so the type alone is not enough.
_MEMORY_ERROR = re.compile(
    r"can't allocate memory|not enough memory|out of memory|bad_alloc|_ALLOC_FAILED|could not create a (?:primitive|memory)"
)
_REQUESTED_SIZE = re.compile(r"[Tt]ried to allocate (\d+(?:\.\d+)?) (bytes|KiB|MiB|GiB)")
_UNITS = {"bytes": 1, "KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
# Of glibc's malloc.h. Under a limit a failed allocation must not take a new arena (64 MiB of what is left), and what is freed must
# leave the process: it does so only above this threshold, which grows to 32 MiB where it is not set.
_ARENA_MAX, _MMAP_THRESHOLD = -8, -3
_DEFAULT_ADVICE = "lower `batch_size`, the dataset's `size` or the model's widths"


def describe_shortage(error: BaseException) -> str | None:
    """Describe a lack of memory: what was requested and what is free.

    None where the error is not about memory.
    """
    is_memory_error = isinstance(error, MemoryError | torch.OutOfMemoryError)
    if not is_memory_error and not (isinstance(error, RuntimeError) and _MEMORY_ERROR.search(str(error))):
        return None
    request = _REQUESTED_SIZE.search(str(error))
    amount = f"{_format_size(float(request[1]) * _UNITS[request[2]])} more" if request else "more"
    return f"{amount} was asked for, {_describe_free_memory(cuda=isinstance(error, torch.OutOfMemoryError))}"


def _describe_free_memory(*, cuda: bool) -> str:
    if cuda and torch.cuda.is_available():
        free, total = torch.cuda.mem_get_info()
        return f"{_format_size(free)} of the GPU's {_format_size(total)} is free"
    tables = _read_if_present("/proc/meminfo") + _read_if_present("/proc/self/status")
    kilobytes = dict(re.findall(r"^(\w+):\s+(\d+) kB", tables, re.MULTILINE))
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit == resource.RLIM_INFINITY:
        return f"{_format_size(1024 * int(kilobytes.get('MemAvailable', 0)))} is free"
    return f"{_format_size(limit - 1024 * int(kilobytes.get('VmSize', 0)))} of the process's limit of {_format_size(limit)} is free"


@contextlib.contextmanager
def report_memory_errors(subject: str, advice: str = _DEFAULT_ADVICE) -> Iterator[None]:
    """Turn an out-of-memory error into one line that says what to lower.

    The line names `subject`, which does not fit, what was requested and what is free.

    Raises:
        InsufficientMemoryError: this line.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        reason = describe_shortage(error)
        if reason is None:
            raise
        raise InsufficientMemoryError(f"{subject} does not fit into memory: {reason}; {advice}") from error


@dataclass(frozen=True)
class _ModelSnapshot:
    """What a failed attempt has to restore: torch's generators and the buffers.

    Some buffers are changed by every part of a batch.
    """

    generator: Tensor
    on_device: Tensor | None
    buffers: dict[str, Tensor]

    @classmethod
    def take(cls, learner: nn.Module, device: torch.device) -> Self:
        # Buffers of bytes hold works as they are stored, which may be large; no step changes them.
        buffers = {name: buffer.clone() for name, buffer in learner.named_buffers() if buffer.dtype != torch.uint8}
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


class MemoryLimitedStepper:
    """Takes training steps with as many rows at once as fit into memory.

    `rows` is how many rows of a batch are learned from at once, None for all of them.

    Where these do not fit they are halved, and `on_halved(rows, batch_rows, reason)` is called. A learner that cannot be
    divided takes its steps whole.
    """

    def __init__(self, rows: int | None = None, on_halved: Callable[[int, int, str], None] | None = None) -> None:
        self.rows, self._on_halved = rows, on_halved
        if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
            _call_libc("mallopt", _ARENA_MAX, 1)
            _call_libc("mallopt", _MMAP_THRESHOLD, 2**20)

    def step(self, learner: Learner[Any], batch: Batch) -> Mapping[str, Tensor]:
        """Take one optimiser step, in parts where that is needed.

        Raises:
            InsufficientMemoryError: not one row fits, or the learner cannot be divided.
        """
        if not isinstance(learner, MicroBatchedLearner):
            with report_memory_errors("a step, which this kind cannot take in parts,", learner.memory_advice):
                return learner.step(batch)
        losses = self._compute_gradients(learner, batch)
        # A step that broke off cannot be taken back; the saved state can. What it needs does not depend on the batch.
        with report_memory_errors("the optimiser's step", learner.memory_advice):
            learner.update_weights(count_rows(batch))
        return losses

    def _compute_gradients(self, learner: MicroBatchedLearner[Any], batch: Batch) -> Mapping[str, Tensor]:
        device = next(learner.parameters()).device
        before, count = _ModelSnapshot.take(learner, device), count_rows(batch)
        while True:
            try:
                return learner.compute_gradients(batch, self.rows)
            except (MemoryError, RuntimeError) as error:
                reason = describe_shortage(error)
                if reason is None:
                    raise
            # What the error and its frames held is free only here, after they are gone.
            learner.zero_gradients()
            before.restore(learner, device)
            _release_memory(device)
            rows = min(self.rows or count, count)
            if rows == 1:
                raise InsufficientMemoryError(
                    f"a single row of a batch does not fit into memory: {reason}; {learner.memory_advice}"
                )
            self.rows = -(-rows // 2)
            if self._on_halved:
                self._on_halved(self.rows, count, reason)


def _release_memory(device: torch.device) -> None:
    """Release unused memory to the system.

    Python holds some in reference cycles, torch in its cache and glibc in its heap.
    """
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
    _call_libc("malloc_trim", 0)


def _call_libc(function: str, *arguments: int) -> None:
    with contextlib.suppress(OSError, AttributeError):  # another system's library
        getattr(ctypes.CDLL(None), function)(*arguments)


def _read_if_present(path: str) -> str:
    return Path(path).read_text(encoding="utf-8") if Path(path).exists() else ""


def _format_size(count: float) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{max(0.0, count) / 2**20:.0f} MiB"
