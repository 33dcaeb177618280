"""Save and load tensors as safetensors files, verified by their SHA-256."""

import errno
import os
from collections.abc import Mapping
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from artpipe.errors import CorruptError
from artpipe.system.atomic_files import write_file
from artpipe.system.hashing import sha256_file


def save_tensors(path: Path, tensors: Mapping[str, Tensor]) -> str:
    """Write tensors by name, whole or not at all, and return the file's SHA-256."""
    with write_file(path) as temporary:
        try:
            save_file({name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, temporary)
        except SafetensorError as error:  # its own words for what the system says
            if "os error 28" not in str(error):
                raise
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from None
        return sha256_file(temporary)


def load_tensors(path: Path, sha256: str) -> dict[str, Tensor]:
    """Read tensors by name after verifying the file's SHA-256.

    A flipped bit would load silently otherwise.

    Raises:
        CorruptError: missing, damaged or not safetensors.
    """
    if not path.is_file():
        raise CorruptError(f"{path}: missing")
    checksum = sha256_file(path)
    if checksum != sha256:
        raise CorruptError(
            f"{path}: SHA-256 is {checksum[:12]}, expected {sha256[:12]}; delete the folder and run again"
        )
    try:
        return load_file(path)
    except SafetensorError as error:
        raise CorruptError(f"{path}: not safetensors: {error}") from None
