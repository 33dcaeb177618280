"""Provide a name, a home and a temporary folder where the machine lacks them.

As in containers; the folders are made below `.state`.
"""

import contextlib
import os
import pwd
import tempfile
from collections.abc import Mapping
from pathlib import Path

from artpipe.errors import UserError
from artpipe.system.plain_text import to_printable

_NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")  # where getpass.getuser looks before /etc/passwd
_CACHES = {"XDG_CACHE_HOME": ".cache", "XDG_DATA_HOME": ".local/share", "XDG_STATE_HOME": ".local/state"}
_PROJECT, _STATE = Path("dvc.yaml"), Path(".state")


def provide_home() -> None:
    """Set the environment variables that the machine lacks; others stay.

    They name a user, a home, and folders to write to, for this process and its children. A home that exists and is not
    writable stays the home (git's settings and keys are read there), and caches go below `.state`. Nothing is created
    where there is no project.
    """
    if not _has_name():
        for name in ("LOGNAME", "USER"):
            os.environ[name] = f"uid-{os.getuid()}"
    if _PROJECT.is_file():
        for name, folder in find_missing_folders(Path.cwd() / _STATE).items():
            with contextlib.suppress(OSError):  # not writable: the command that needs it reports it
                folder.mkdir(parents=True, exist_ok=True)
            os.environ[name] = str(folder)
        tempfile.tempdir = None


def require_nameable_folder() -> None:
    """Raise if the working folder has a path that DVC and others cannot name.

    They would write beside it.

    Raises:
        UserError: it is gone, or its path is not UTF-8 or has braces in it.
    """
    try:
        folder = Path.cwd()
    except FileNotFoundError:
        raise UserError(
            "this folder is there no more; go to one that is (`cd` to it again if it was made anew)"
        ) from None
    require_nameable(folder)


def require_nameable(folder: Path) -> None:
    """Raise if a folder has a path that DVC and others cannot name.

    Raises:
        UserError: its path is not UTF-8 or has braces in it.
    """
    try:
        os.fsencode(folder).decode()
    except UnicodeDecodeError:
        message = "its path is not UTF-8, and DVC would write into a folder beside it; rename it (`convmv` does many)"
        raise UserError(f"{to_printable(str(folder))}: {message}") from None
    if {"{", "}"} & set(str(folder)):  # DVC 3.67 uses it as a format string of its progress bars
        message = "its path has `{` or `}` in it, on which DVC's progress bars fail; rename it"
        raise UserError(f"{to_printable(str(folder))}: {message}")


def find_missing_folders(state: Path) -> Mapping[str, Path]:
    """Return the folders to provide below `state`, by the variable that names each."""
    state_home, folders = state / "home", dict[str, Path]()
    own_home = _find_home()
    if own_home is None or not _is_writable(own_home):
        folders |= {name: state_home / folder for name, folder in _CACHES.items() if name not in os.environ}
        folders["MPLCONFIGDIR"] = state_home / ".config/matplotlib"
    if own_home is None or not own_home.is_dir():
        folders |= {"HOME": state_home, "XDG_CONFIG_HOME": state_home / ".config"}
    if "DVC_SITE_CACHE_DIR" not in os.environ and not _is_writable(_find_site_cache()):
        folders["DVC_SITE_CACHE_DIR"] = state / "dvc"
    if not _has_temporary_folder():
        folders["TMPDIR"] = state / "tmp"
    return folders


def _has_name() -> bool:
    with contextlib.suppress(KeyError):
        pwd.getpwuid(os.getuid())
        return True
    return any(os.environ.get(name) for name in _NAMES)


def _find_home() -> Path | None:
    with contextlib.suppress(RuntimeError, KeyError):
        return Path.home()
    return None


def _find_site_cache() -> Path:
    """Return DVC's folder for all users of a machine, or the nearest one above it."""
    shared = Path("/var/tmp/dvc/repo")  # noqa: S108  # DVC's choice
    return next(folder for folder in (shared, *shared.parents) if folder.is_dir())


def _has_temporary_folder() -> bool:
    """Return whether there is a temporary folder besides the working folder.

    The working folder is Python's last choice.
    """
    with contextlib.suppress(FileNotFoundError):
        return Path(tempfile.gettempdir()) != Path.cwd()
    return False


def _is_writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
