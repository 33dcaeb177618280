"""URLs of sqlite databases for any path, and for file systems without locks."""

import fcntl
import os
import re
from pathlib import Path
from urllib.parse import quote

_PLAIN = re.compile(r"[\w./ +,=-]*", re.ASCII)
_DOT_FILE = "vfs=unix-dotfile"  # sqlite's VFS for such file systems: it locks by a folder beside the database


def sqlite_url(path: Path, scheme: str = "sqlite", *, make_folder: bool = True) -> str:
    """Return SQLAlchemy's URL of a database file.

    SQLAlchemy ends a path at a `?`, so that the database would stand outside the project. As a URI
    (https://sqlite.org/uri.html) any path can be named, one that is not UTF-8 too.

    Args:
        path: the database file.
        scheme: may name a driver.
        make_folder: create the file's folder; if not, the file system of the nearest existing folder is asked for locks.
    """
    path = path.absolute()
    if make_folder:
        path.parent.mkdir(parents=True, exist_ok=True)
    locks = has_posix_locks(next(folder for folder in path.parents if folder.is_dir()))
    if locks and _PLAIN.fullmatch(str(path)):
        return f"{scheme}:///{path}"
    vfs = "" if locks else f"{_DOT_FILE}&"
    driver = "sqlite+pysqlite" if scheme == "sqlite" else scheme  # of `sqlite:///file:` MLflow makes a folder `file:`
    return f"{driver}:///file:{quote(os.fsencode(path))}?{vfs}uri=true"


def has_posix_locks(folder: Path) -> bool:
    """Return whether files in a folder can be locked as sqlite does."""
    probe = folder / f"lock-probe.tmp.{os.getpid()}"
    try:
        with probe.open("wb") as stream:
            fcntl.lockf(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return not os.access(folder, os.W_OK)  # without write permission nothing is known of its locks
    finally:
        probe.unlink(missing_ok=True)
    return True
