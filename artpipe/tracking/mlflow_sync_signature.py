"""Whether `artpipe sync` would find anything new, by a hash of what it reads.

It is saved after each sync that left nothing out.
"""

import os
from pathlib import Path

from artpipe.artifacts.paths import CHAMPIONS, STATE
from artpipe.artifacts.training_cost import load_energy_params
from artpipe.errors import ArtpipeError
from artpipe.system.atomic_files import write_text
from artpipe.system.file_tree import tree_fingerprint
from artpipe.system.hashing import sha256_bytes
from artpipe.system.locks import is_locked
from artpipe.tracking.run_columns import find_published_url

_FORM = "3"  # of what a sync writes: another one lets each project be synced anew
_STORE = STATE / "mlflow"
_SIGNATURE_FILE = _STORE / "synced"
_SYNCED_PATHS = ("data/checkpoints", "data/record", "data/reports", "data/runs", "data/shards", str(CHAMPIONS))


def is_synced(root: Path = Path()) -> bool:
    """Return whether MLflow has all that is on disk.

    What was removed on a server is noticed by `artpipe sync` alone.
    """
    if not os.environ.get("MLFLOW_TRACKING_URI") and not (root / _STORE / "mlflow.db").exists():
        return False
    try:
        return (root / _SIGNATURE_FILE).read_text(encoding="utf-8") == compute_signature(root)
    except (ArtpipeError, OSError, ValueError):
        return False


def compute_signature(root: Path = Path()) -> str:
    """Return a hash of what `artpipe sync` reads, and of the server it writes to."""
    unfinished = sorted(path for path in (root / STATE).glob("train/*/*") if path.is_dir())  # beside them lies a lock
    fingerprints = [tree_fingerprint(path) for path in (*(root / path for path in _SYNCED_PATHS), *unfinished)]
    energy, gallery = load_energy_params(root).model_dump_json(), find_published_url(root)
    server = os.environ.get("MLFLOW_TRACKING_URI", "")
    return sha256_bytes("\n".join([_FORM, server, energy, gallery, *fingerprints]).encode())


def save_signature(signature: str, root: Path = Path()) -> None:
    """Save the signature of a complete sync, unless a training is running."""
    if not any(is_locked(lock) for lock in (root / STATE).glob("train/*/lock")):
        write_text(root / _SIGNATURE_FILE, signature)
