"""Open what `pretrained` in params.yaml points at.

That is a model's checkpoint, the weights of a feature network, or other files.
"""

from pathlib import Path

from torch import nn

from artpipe.artifacts.shards import ShardSet
from artpipe.errors import UserError
from artpipe.nn.style.perceptual import open_perceptual_network
from artpipe.system.hashing import sha256_bytes, sha256_file
from artpipe.training.restore import restore_learner


def open_pretrained(path: Path, shards: ShardSet) -> tuple[nn.Module | None, str | None]:
    """Return the frozen network at `path` and the hash of the files there.

    The network is a learner or a feature network; None for other files.

    The shards that the model learns from anyway are nothing besides them.

    Raises:
        UserError: there is nothing at `path`.
        CorruptError: its bytes are not what was written.
    """
    if path.resolve() == shards.folder.resolve():
        return None, None
    if (path / "checkpoint.json").is_file():
        learner, _, sha256 = restore_learner(path)
        return learner, sha256
    network, weights = open_perceptual_network(path)
    if network is not None:
        return network, weights
    if not path.exists():
        raise UserError(f"{path}: no such file or folder, but `pretrained` in params.yaml points at it")
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return None, sha256_bytes("".join(sha256_file(file) for file in files).encode())
