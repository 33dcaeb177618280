"""What differs between machines and moments: versions, the commit, the flow run.

It is read once and written into the run record.
"""

import importlib.metadata
import os
import platform
from pathlib import Path
from typing import NamedTuple

from artpipe.errors import ArtpipeError
from artpipe.system.git_command import run_git

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


def package_versions() -> dict[str, str]:
    """Return the versions of Python and of installed packages, without importing them."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


class Commit(NamedTuple):
    """The commit of the working folder."""

    hash: str | None
    dirty: bool  # tracked files differ from it
    missing: str = ""  # why there is no hash, with the remedy


def read_commit() -> Commit:
    """Return the commit of the working folder, or why it is not known.

    That is: no git, no repository, nothing committed.
    """
    seconds, folder = 10.0, Path()
    try:
        head = run_git(
            folder, "rev-parse", "--verify", "--quiet", "HEAD", ok_codes=(0, 1), timeout_seconds=seconds
        ).strip()
        if not head:
            return Commit(None, dirty=False, missing="nothing is committed yet: `git commit`")
        changed = run_git(folder, "status", "--porcelain", "--untracked-files=no", timeout_seconds=seconds)
    except ArtpipeError as error:
        return Commit(None, dirty=False, missing=str(error))
    return Commit(head, dirty=bool(changed.strip()))


def stage_name(default: str) -> str:
    """Return DVC's name of the running stage, or `default` outside DVC."""
    return os.environ.get("DVC_STAGE") or default


def flow_run_id() -> str | None:
    """Return the id of the Prefect flow run that runs this process, if any."""
    return os.environ.get("ARTPIPE_FLOW_RUN") or None
