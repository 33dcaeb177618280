"""Read DVC's settings from its files; asking DVC itself takes a second."""

import configparser
import contextlib
import os
import re
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from artpipe.errors import UserError

_OBJECT = re.compile(r"[0-9a-f]{2}/[0-9a-f]{30}")
LINK_TYPES = {"reflink", "hardlink", "symlink", "copy"}  # those DVC knows
_DEFAULT_LINKS = "reflink,copy"  # DVC's default


def dvc_setting(root: Path, section: str, name: str, default: str = "") -> str:
    """Return a setting of DVC for the project in `root`.

    The project's files come before those of the user and the system.

    Raises:
        UserError: a file of settings that cannot be read.
    """
    return next((value for _, value in _read_values(root, section, name)), default)


def dvc_cache_folder(root: Path) -> Path:
    """Return DVC's cache folder; a relative path is relative to the file that sets it.

    Raises:
        UserError: see `dvc_setting`.
    """
    for file, value in _read_values(root, "cache", "dir"):
        return file.parent / os.path.expanduser(value)  # noqa: PTH111  # a user that is unknown stays as it is
    return root / ".dvc/cache"


def link_types(root: Path) -> list[str]:
    """Return how DVC links files of its cache into the workspace, first choice first.

    Raises:
        UserError: see `dvc_setting`.
    """
    return [kind.strip().lower() for kind in dvc_setting(root, "cache", "type", _DEFAULT_LINKS).split(",")]


def links_workspace(root: Path) -> bool:
    """Return whether workspace files may be links into the cache, of either kind.

    Raises:
        UserError: see `dvc_setting`.
    """
    return bool({"hardlink", "symlink"} & set(link_types(root)))


def is_cache_link(path: Path) -> bool:
    """Return whether a path is a link to an object in the current project's cache.

    Raises:
        UserError: see `dvc_setting`.
    """
    objects, target = _objects_folder(), os.path.realpath(path)
    return target.startswith(objects) and _OBJECT.fullmatch(target[len(objects) :]) is not None


def is_lost_cache_link(path: Path) -> bool:
    """Return whether a path is a link to a cache object that is missing.

    The object, or the disk that has the cache, is away.

    Raises:
        UserError: see `dvc_setting`.
    """
    return is_cache_link(path) and not path.exists()


def _objects_folder() -> str:
    """Return the folder of the cache's objects, with a slash at its end.

    The settings are read again when they have changed.
    """
    change_times = []
    for name in ("config", "config.local"):
        with contextlib.suppress(OSError):
            change_times.append(Path(".dvc", name).stat().st_mtime_ns)
    return _find_objects_folder(str(Path.cwd()), *change_times)


@lru_cache(maxsize=8)
def _find_objects_folder(root: str, *_times: int) -> str:
    return os.path.join(os.path.realpath(dvc_cache_folder(Path(root)) / "files/md5"), "")  # noqa: PTH118  # it ends in a slash


def uses_hardlink_lock(root: Path) -> bool:
    """Return whether DVC locks by hard links, as network file systems need it.

    Raises:
        UserError: see `dvc_setting`.
    """
    return dvc_setting(root, "core", "hardlink_lock").lower() == "true"


def _read_values(root: Path, section: str, name: str) -> Iterator[tuple[Path, str]]:
    """Yield the values of a setting with the file of each, the one that counts first."""
    for file in _config_files(root):
        settings = configparser.RawConfigParser(strict=False, inline_comment_prefixes=("#",), allow_no_value=True)
        try:
            settings.read(file, encoding="utf-8")
        except (configparser.Error, UnicodeDecodeError, OSError) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{file}: DVC's settings cannot be read: {reason}; `dvc config --list` must work") from None
        if value := settings.get(section, name, fallback=None):
            yield file, value.strip("\"'")


def _config_files(root: Path) -> Iterator[Path]:
    yield root / ".dvc/config.local"
    yield root / ".dvc/config"
    home = os.environ.get("XDG_CONFIG_HOME") or os.path.expanduser("~/.config")  # noqa: PTH111  # there may be no home
    yield Path(os.environ.get("DVC_GLOBAL_CONFIG_DIR") or Path(home, "dvc")) / "config"
    shared = os.environ.get("XDG_CONFIG_DIRS", "").split(os.pathsep)[0] or "/etc/xdg"
    yield Path(os.environ.get("DVC_SYSTEM_CONFIG_DIR") or Path(shared, "dvc")) / "config"
