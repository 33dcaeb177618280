"""Files below `datasets/` that DVC tracks: all of them or none."""

import contextlib
import shutil
from pathlib import Path

from artpipe.config.params import read_yaml
from artpipe.errors import UserError
from artpipe.project.import_files import unlink_originals
from artpipe.storage.dvc_command import run_dvc
from artpipe.system.atomic_files import write_bytes


def track(target: Path, undo: contextlib.ExitStack) -> None:
    """Give a dataset's files to DVC; what `undo` calls takes them back.

    Raises:
        UserError: DVC leaves some of them out.
        ArtpipeError: DVC failed.
    """
    ignore = target.parent / ".gitignore"
    before = ignore.read_bytes() if ignore.exists() else None
    undo.callback(lambda: ignore.unlink(missing_ok=True) if before is None else write_bytes(ignore, before))
    undo.callback(remove_quietly, Path(f"{target}.dvc"))
    run_dvc("add", str(target))
    _require_all(target)
    unlink_originals(target)


def untrack(path: Path) -> None:
    """Take a dataset's files from DVC and remove them."""
    if Path(f"{path}.dvc").exists():
        run_dvc("remove", f"{path}.dvc")
    remove_quietly(path)


def remove_quietly(path: Path) -> None:
    """Remove a file, a link or a folder with what can be removed of it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _require_all(target: Path) -> None:
    """Refuse a folder of which a pattern in `.dvcignore` leaves something out: every push would lack it."""
    tracked = read_yaml(Path(f"{target}.dvc"))["outs"][0].get("nfiles")
    if tracked is None:
        return
    files = sum(path.is_file() for path in target.rglob("*"))
    if tracked != files:
        command = f"find {target} | dvc check-ignore --details --stdin"
        left = f"{files - tracked:,} of the {files:,} files of {target} are left out"
        raise UserError(f".dvcignore: {left}; `{command}` names the patterns")
