"""The user's cache folder, which projects share."""

import os
from pathlib import Path


def cache_file(name: str) -> Path:
    """Return a file of artpipe in the user's cache folder (XDG Base Directory)."""
    folder = os.environ.get("XDG_CACHE_HOME")
    return (Path(folder) if folder else Path.home() / ".cache") / "artpipe" / name
