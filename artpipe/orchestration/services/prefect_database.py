"""Make Prefect's database for a new home, from one that projects share.

Prefect makes it by some hundred migrations, of which each new project would pay 6 core-seconds before its first stage.
"""

import asyncio
import contextlib
import os
import shutil
import sqlite3
from importlib.metadata import version
from pathlib import Path

from artpipe.errors import ArtpipeError
from artpipe.system.atomic_files import write_text
from artpipe.system.hashing import sha256_file
from artpipe.system.locks import hold_lock
from artpipe.system.user_cache import cache_file

_OTHER_DATABASE = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")
_WAIT_SECONDS = 300.0  # for another server of this home, which makes it


def prepare_database() -> None:
    """Make the database of Prefect's home, if it is Prefect's own and not there yet.

    Where the shared one is damaged, of another version or cannot be written, Prefect makes its own as ever.
    """
    home = Path(os.environ["PREFECT_HOME"])
    database = home / "prefect.db"
    if database.exists() or any(name in os.environ for name in _OTHER_DATABASE):
        return
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError:
        return  # Prefect says why
    with hold_lock(home / "prefect-database.lock", wait_seconds=_WAIT_SECONDS, doing="making Prefect's database"):
        if database.exists():
            return
        template = cache_file(f"prefect-{version('prefect')}.db")
        with contextlib.suppress(OSError):
            if is_whole(template):
                _publish(template, database)
                return
        from prefect.server.database import provide_database_interface

        asyncio.run(provide_database_interface().create_db())
        with contextlib.suppress(OSError, sqlite3.Error, ArtpipeError):
            _keep(database, template)


def is_whole(template: Path) -> bool:
    """Return whether a shared database has the bytes that were kept of it."""
    try:
        return sha256_file(template) == _checksum(template).read_text("ascii").strip()
    except (OSError, ValueError):
        return False


def _checksum(template: Path) -> Path:
    return template.with_suffix(".sha256")


def _keep(database: Path, template: Path) -> None:
    """Copy a database that was just made, its journal too, to the user's cache."""
    template.parent.mkdir(parents=True, exist_ok=True)
    copy = template.with_suffix(f".tmp.{os.getpid()}")
    try:
        with (
            contextlib.closing(sqlite3.connect(database)) as source,
            contextlib.closing(sqlite3.connect(copy)) as target,
        ):
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE")  # one file, that can be read where nothing can be written
        checksum = sha256_file(copy)
        copy.replace(template)
        write_text(_checksum(template), checksum + "\n")
    finally:
        for suffix in ("", "-shm", "-wal", "-journal"):
            copy.with_name(copy.name + suffix).unlink(missing_ok=True)


def _publish(template: Path, database: Path) -> None:
    copy = database.with_suffix(f".tmp.{os.getpid()}")
    try:
        shutil.copyfile(template, copy)
        copy.chmod(0o600)
        copy.replace(database)
    finally:
        copy.unlink(missing_ok=True)
