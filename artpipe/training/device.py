"""Choice of device and precision, by what the hardware says of itself.

Never by a timing: the result must be repeatable.
"""

import os
from pathlib import Path

import torch

from artpipe.config.params import TrainParams
from artpipe.errors import UserError

_BF16_FLAGS = {"avx512_bf16", "amx_bf16"}
_BF16_CAPABILITY = (8, 0)  # Ampere


def choose_device(requested: str) -> torch.device:
    """Return the device for ``auto``, ``cpu`` or ``cuda``.

    Raises:
        UserError: ``cuda`` was asked for and there is none.
    """
    has_gpu = torch.cuda.is_available()
    if requested == "cuda" and not has_gpu:
        raise UserError("params.yaml: `device` is cuda, but torch finds no GPU here; `auto` takes what there is")
    return torch.device("cuda" if has_gpu and requested != "cpu" else "cpu")


def choose_precision(requested: str, device: torch.device, cpuinfo: Path = Path("/proc/cpuinfo")) -> str:
    """Return ``bf16`` where requested or supported by the hardware, else ``fp32``."""
    if requested != "auto":
        return requested
    if device.type == "cuda":
        has_bf16_units = torch.cuda.get_device_capability(device) >= _BF16_CAPABILITY
    else:
        has_bf16_units = bool(_BF16_FLAGS & cpu_flags(cpuinfo))
    return "bf16" if has_bf16_units else "fp32"


def cpu_flags(cpuinfo: Path = Path("/proc/cpuinfo")) -> set[str]:
    """Return the flags of the first core in /proc/cpuinfo; empty on other systems."""
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    return next(
        (set(line.partition(":")[2].split()) for line in lines if line.startswith(("flags", "Features"))), set()
    )


def prepare_torch(params: TrainParams) -> tuple[torch.device, str]:
    """Make torch deterministic and set its threads; return device and precision."""
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic with this only
    torch.set_num_threads(params.threads)
    torch.set_deterministic_debug_mode("error")  # use_deterministic_algorithms imports the compiler, for 3 core-seconds
    torch.backends.cudnn.benchmark = False  # it chooses kernels by timing
    device = choose_device(params.device)
    return device, choose_precision(params.precision, device)
