"""A user without a name, a home or a temporary folder (containers): what the tools want of one stands below `.state`."""

import contextlib
import os
import pwd
import tempfile
from collections.abc import Mapping
from pathlib import Path

from artpipe.errors import UserError
from artpipe.system.plain_text import plain

_NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")  # where getpass.getuser looks before it asks /etc/passwd
_CACHES = {"XDG_CACHE_HOME": ".cache", "XDG_DATA_HOME": ".local/share", "XDG_STATE_HOME": ".local/state"}
_PROJECT, _STATE = Path("dvc.yaml"), Path(".state")


def provide_home() -> None:
    """Set for us and our children what the machine lacks: a name, a home, folders to write to; what is there stays.

    A home that is there and cannot be written to stays the home (git's settings and keys are read there), and caches
    go below `.state`. Nothing is made where no project is.
    """
    if not _has_name():
        for name in ("LOGNAME", "USER"):
            os.environ[name] = f"uid-{os.getuid()}"
    if _PROJECT.is_file():
        for name, place in missing_places(Path.cwd() / _STATE).items():
            with contextlib.suppress(OSError):  # not ours to write to: whoever needs it says so
                place.mkdir(parents=True, exist_ok=True)
            os.environ[name] = str(place)
        tempfile.tempdir = None


def require_nameable_folder() -> None:
    """Refuse a working folder that DVC and others could not name: they would write beside it.

    Raises:
        UserError: it is gone, or its path is not UTF-8 or has braces in it.
    """
    try:
        folder = os.fsencode(Path.cwd())
    except FileNotFoundError:
        raise UserError(
            "this folder is there no more; go to one that is (`cd` to it again if it was made anew)"
        ) from None
    try:
        folder.decode()
    except UnicodeDecodeError:
        message = "its path is not UTF-8, and DVC would write into a folder beside it; rename it (`convmv` does many)"
        raise UserError(f"{plain(os.fsdecode(folder))}: {message}") from None
    if {"{", "}"} & set(os.fsdecode(folder)):  # DVC 3.67 makes a format of its progress bars of it
        message = "its path has `{` or `}` in it, on which DVC's progress bars fail; rename it"
        raise UserError(f"{plain(os.fsdecode(folder))}: {message}")


def missing_places(state: Path) -> Mapping[str, Path]:
    """Return the folders that have to be provided below `state`, by the variable that names each."""
    home, places = state / "home", dict[str, Path]()
    own = _home()
    if own is None or not _is_writable(own):
        places |= {name: home / folder for name, folder in _CACHES.items() if name not in os.environ}
        places["MPLCONFIGDIR"] = home / ".config/matplotlib"
    if own is None or not own.is_dir():
        places |= {"HOME": home, "XDG_CONFIG_HOME": home / ".config"}
    if "DVC_SITE_CACHE_DIR" not in os.environ and not _is_writable(_site_cache()):
        places["DVC_SITE_CACHE_DIR"] = state / "dvc"
    if not _has_temporary_folder():
        places["TMPDIR"] = state / "tmp"
    return places


def _has_name() -> bool:
    with contextlib.suppress(KeyError):
        pwd.getpwuid(os.getuid())
        return True
    return any(os.environ.get(name) for name in _NAMES)


def _home() -> Path | None:
    with contextlib.suppress(RuntimeError, KeyError):
        return Path.home()
    return None


def _site_cache() -> Path:
    """Return where DVC keeps what all users of a machine share, or the folder above it that would have it."""
    shared = Path("/var/tmp/dvc/repo")  # noqa: S108  # DVC's choice
    return next(place for place in (shared, *shared.parents) if place.is_dir())


def _has_temporary_folder() -> bool:
    """Return whether there is one other than the working folder, which Python takes at last."""
    with contextlib.suppress(FileNotFoundError):
        return Path(tempfile.gettempdir()) != Path.cwd()
    return False


def _is_writable(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)
