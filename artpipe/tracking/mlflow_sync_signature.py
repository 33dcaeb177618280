"""Whether `artpipe sync` would find anything new: a hash of what it reads, kept after each that left nothing out."""

import os
from pathlib import Path

from artpipe.artifacts.paths import CHAMPIONS, STATE
from artpipe.system.atomic_files import write_text
from artpipe.system.file_tree import tree_fingerprint
from artpipe.system.hashing import sha256_bytes
from artpipe.system.locks import is_locked

_STORE = STATE / "mlflow"
_SYNCED = _STORE / "synced"
_READ = ("data/checkpoints", "data/record", "data/reports", "data/runs", "data/shards", str(CHAMPIONS))


def is_synced(root: Path = Path()) -> bool:
    """Return whether MLflow has all that stands on disk; what was taken away on a server is seen by `artpipe sync` alone."""
    if not os.environ.get("MLFLOW_TRACKING_URI") and not (root / _STORE / "mlflow.db").exists():
        return False
    try:
        return (root / _SYNCED).read_text(encoding="utf-8") == sync_signature(root)
    except (OSError, ValueError):
        return False


def sync_signature(root: Path = Path()) -> str:
    """Return what differs after a change of what `artpipe sync` reads, or where another server is named."""
    unfinished = sorted(path for path in (root / STATE).glob("train/*/*") if path.is_dir())  # beside them lies a lock
    read = [tree_fingerprint(path) for path in (*(root / path for path in _READ), *unfinished)]
    return sha256_bytes("\n".join([os.environ.get("MLFLOW_TRACKING_URI", ""), *read]).encode())


def note_synced(seen: str, root: Path = Path()) -> None:
    """Keep that all was brought over which made up the signature `seen`, unless a training goes on, of which more will come."""
    if not any(is_locked(lock) for lock in (root / STATE).glob("train/*/lock")):
        write_text(root / _SYNCED, seen)
