"""What is volatile about a run: the machine, the versions, the commit. Asked once, written into the run record."""

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import NamedTuple

from artpipe.errors import ArtpipeError
from artpipe.system.git_command import ask_git

_PACKAGES = (
    "artpipe",
    "torch",
    "numpy",
    "safetensors",
    "pydantic",
    "torchvision",
    "pillow",
    "dvc",
    "prefect",
    "mlflow",
)


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that are installed, without importing them."""
    found = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


class Commit(NamedTuple):
    """The commit of the working folder."""

    hash: str | None
    dirty: bool  # tracked files differ from it
    missing: str = ""  # why there is no hash, with the remedy


def commit() -> Commit:
    """Return the commit of the working folder, or why it is not known: no git, no repository, nothing committed."""
    seconds, here = 10.0, Path()
    try:
        head = ask_git(here, "rev-parse", "--verify", "--quiet", "HEAD", fine=(0, 1), timeout_seconds=seconds).strip()
        if not head:
            return Commit(None, dirty=False, missing="nothing is committed yet: `git commit`")
        changed = ask_git(here, "status", "--porcelain", "--untracked-files=no", timeout_seconds=seconds)
    except ArtpipeError as error:
        return Commit(None, dirty=False, missing=str(error))
    return Commit(head, dirty=bool(changed.strip()))


def stage(default: str) -> str:
    """Return DVC's name of the running stage, or `default` outside DVC."""
    return os.environ.get("DVC_STAGE") or default


def flow_run() -> str | None:
    """Return the id of the Prefect flow run we are part of, if any."""
    return os.environ.get("ARTPIPE_FLOW_RUN") or None
