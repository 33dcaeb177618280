"""What is volatile about a run: the machine, the versions, the commit. Asked once, written into the run record."""

import importlib.metadata
import os
import platform
import subprocess  # git is asked for the commit

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


def commit() -> tuple[str | None, bool]:
    """Return the commit of the working folder and whether tracked files differ from it; (None, False) without git."""
    head = _git("rev-parse", "HEAD")
    return (head, bool(_git("status", "--porcelain", "--untracked-files=no"))) if head else (None, False)


def stage(default: str) -> str:
    """Return DVC's name of the running stage, or `default` outside DVC."""
    return os.environ.get("DVC_STAGE") or default


def flow_run() -> str | None:
    """Return the id of the Prefect flow run we are part of, if any."""
    return os.environ.get("ARTPIPE_FLOW_RUN") or None


def _git(*arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
