"""Save and load tensors as safetensors files, verified by their SHA-256."""

import errno
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from safetensors import SafetensorError

from artpipe.errors import CorruptError
from artpipe.system.atomic_files import write_file
from artpipe.system.hashing import sha256_file

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor


def save_tensors(path: Path, tensors: "Mapping[str, Tensor]") -> str:
    """Write tensors by name, whole or not at all, and return the file's SHA-256."""
    from safetensors.torch import save_file

    return _save(path, {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}, save_file)


def save_arrays(path: Path, arrays: "Mapping[str, NDArray[np.generic]]") -> str:
    """Write arrays to the bytes that `save_tensors` makes of equal tensors.

    It needs no torch.
    """
    import numpy as np
    from safetensors.numpy import save_file

    return _save(path, {name: np.ascontiguousarray(array) for name, array in arrays.items()}, save_file)


def _save(path: Path, content: dict[str, Any], save_file: Callable[..., None]) -> str:
    with write_file(path) as temporary:
        try:
            save_file(content, temporary)
        except SafetensorError as error:  # its own words for what the system says
            if "os error 28" not in str(error):
                raise
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from None
        return sha256_file(temporary)


def load_tensors(path: Path, sha256: str) -> "dict[str, Tensor]":
    """Read tensors by name after verifying the file's SHA-256.

    A flipped bit would load silently otherwise.

    Raises:
        CorruptError: missing, damaged or not safetensors.
    """
    from safetensors.torch import load_file

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
