"""Track files below `datasets/` with DVC, all of them or none."""

import contextlib
import shutil
from pathlib import Path

from artpipe.config.params import read_yaml
from artpipe.errors import ArtpipeError, UserError
from artpipe.project.import_files import unlink_originals
from artpipe.storage.dvc_command import run_dvc
from artpipe.system.atomic_files import write_bytes
from artpipe.system.git_command import run_git

_PARAMS = "params.yaml"


def track_files(target: Path, undo: contextlib.ExitStack) -> None:
    """Track a dataset's files with DVC; `undo` gets what takes them back.

    Raises:
        UserError: DVC leaves some of them out.
        ArtpipeError: DVC failed.
    """
    ignore = target.parent / ".gitignore"
    before = ignore.read_bytes() if ignore.exists() else None
    undo.callback(lambda: ignore.unlink(missing_ok=True) if before is None else write_bytes(ignore, before))
    undo.callback(remove_quietly, Path(f"{target}.dvc"))
    run_dvc("add", str(target))
    _require_all_tracked(target)
    unlink_originals(target)


def untrack_files(path: Path) -> None:
    """Remove a dataset's files, from DVC too."""
    if Path(f"{path}.dvc").exists():
        run_dvc("remove", f"{path}.dvc")
    remove_quietly(path)


def remove_quietly(path: Path) -> None:
    """Remove a file, a link or a folder, or what can be removed of it."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def _require_all_tracked(target: Path) -> None:
    """Raise if a pattern in `.dvcignore` leaves out files: every push would lack them."""
    tracked = read_yaml(Path(f"{target}.dvc"))["outs"][0].get("nfiles")
    if tracked is None:
        return
    files = sum(path.is_file() for path in target.rglob("*"))
    if tracked != files:
        command = f"find {target} | dvc check-ignore --details --stdin"
        problem = f"{files - tracked:,} of the {files:,} files of {target} are left out"
        raise UserError(f".dvcignore: {problem}; `{command}` names the patterns")


def describe_git_step(name: str, target: Path) -> str:
    """Return what to type so that git keeps a new dataset, empty without git.

    Where git does not know the project yet, that is all of it.
    """
    try:
        is_known = bool(run_git(Path(), "ls-files", _PARAMS))
    except ArtpipeError:
        return ""
    if is_known:
        paths = f"{_PARAMS} {target}.dvc {target.parent / '.gitignore'}"
        return f"to keep it in git: git add {paths} && git commit -m 'Add {name}'"
    return (
        "to keep it in git, with the project, which git does not know yet: git add -A . && git commit -m 'New gallery'"
    )
