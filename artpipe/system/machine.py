"""What decides how fast this machine computes.

Measurements are kept for each machine by it.
"""

import importlib.metadata
import json
import os
import platform
from functools import lru_cache
from pathlib import Path

from artpipe.system.hashing import sha256_bytes

_LIMITS = (
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "MKL_ENABLE_INSTRUCTIONS",
)  # of instructions
_CPU_FIELDS = ("model name", "flags", "Features", "CPU part")


@lru_cache(maxsize=1)
def machine_key() -> str:
    """Return 16 hex digits of what decides how fast this machine computes.

    They differ with processor, GPU, Python, torch and the instructions that may be used.
    """
    facts = {
        "cpu": _read_cpu(),
        "gpus": sorted(
            path.read_text(errors="replace") for path in Path("/proc/driver/nvidia/gpus").glob("*/information")
        ),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "torch": torch_version(),
        "limits": {name: os.environ.get(name) for name in _LIMITS},
    }
    return sha256_bytes(json.dumps(facts, sort_keys=True).encode())[:16]


def read_processor_flags() -> frozenset[str]:
    """Return the instructions that the first core knows, in Linux's names.

    Empty on other systems.
    """
    fields = _read_cpu()
    return frozenset(f"{fields.get('flags', '')} {fields.get('Features', '')}".split())


def torch_version() -> str:
    """Return the version of torch without importing it; empty where there is none."""
    try:
        return importlib.metadata.version("torch")
    except importlib.metadata.PackageNotFoundError:
        return ""


def _read_cpu(cpuinfo: Path = Path("/proc/cpuinfo")) -> dict[str, str]:
    """Return model and flags of the first core."""
    if not cpuinfo.exists():
        return {"processor": platform.processor()}
    core = cpuinfo.read_text(encoding="utf-8", errors="replace").split("\n\n")[0]
    rows = (line.partition(":") for line in core.splitlines())
    return {name.strip(): value.strip() for name, _, value in rows if name.strip() in _CPU_FIELDS}
