"""Where the early gallery of a run lies, who fills it, and its address."""

import json
import os
from pathlib import Path

from artpipe.artifacts import paths
from artpipe.orchestration.services.addresses import read_addresses
from artpipe.system.atomic_files import remove_stale_temporaries, write_json
from artpipe.system.processes import find_process

FOLDER = paths.STATE / "preview"
_OWNER = paths.STATE / "preview.json"  # the process that fills it now


def claim(root: Path) -> None:
    """Record that this process fills the folder, so that it is served."""
    own = find_process(os.getpid())
    remove_stale_temporaries(root / paths.STATE)  # of runs that were killed while they wrote this
    write_json(root / _OWNER, {"pid": os.getpid(), "started": own.started if own else 0})


def release(root: Path) -> None:
    """Record that nobody fills the folder any more."""
    (root / _OWNER).unlink(missing_ok=True)


def preview_address(root: Path) -> str:
    """Return where the gallery of a run is to be seen: at its server, else as a file."""
    return read_addresses().get("gallery") or (root / FOLDER / "index.html").absolute().as_uri()


def is_being_filled(root: Path) -> bool:
    """Return whether a run of this machine fills the preview now."""
    try:
        owner = json.loads((root / _OWNER).read_text(encoding="utf-8"))
        process = find_process(owner["pid"])
        return bool(process and process.started == owner["started"])
    except (OSError, ValueError, KeyError, TypeError):
        return False
