"""Make Prefect's database for a new home, from one that projects share.

Prefect makes it by some hundred migrations, of which each new project would pay 6 core-seconds before its first stage.
"""

import asyncio
import contextlib
import os
import shutil
import sqlite3
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

from artpipe.system.user_cache import cache_file

_OTHER_DATABASE = ("PREFECT_SERVER_DATABASE_CONNECTION_URL", "PREFECT_API_DATABASE_CONNECTION_URL")


def prepare_database() -> None:
    """Make the database of Prefect's home, if it is Prefect's own and not there yet.

    Where the shared one is damaged, of another version or cannot be written, Prefect makes its own as ever.
    """
    database = Path(os.environ["PREFECT_HOME"]) / "prefect.db"
    if database.exists() or any(name in os.environ for name in _OTHER_DATABASE):
        return
    template = cache_file(f"prefect-{version('prefect')}.db")
    if is_whole(template):
        _publish(template, database)
        return
    from prefect.server.database import provide_database_interface

    asyncio.run(provide_database_interface().create_db())
    with contextlib.suppress(OSError, sqlite3.Error):
        _keep(database, template)


def is_whole(database: Path) -> bool:
    """Return whether a file is a database as migrations make it, without a run."""
    with contextlib.suppress(OSError, sqlite3.Error), _open(database) as connection:
        checks = connection.execute("PRAGMA quick_check").fetchall()
        migrations = connection.execute("SELECT count(*) FROM alembic_version").fetchone()[0]
        runs = connection.execute("SELECT count(*) FROM flow_run").fetchone()[0]
        return checks == [("ok",)] and migrations == 1 and runs == 0
    return False


@contextlib.contextmanager
def _open(database: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as connection:
        yield connection


def _keep(database: Path, template: Path) -> None:
    """Copy a database that was just made, its journal too, to the user's cache."""
    template.parent.mkdir(parents=True, exist_ok=True)
    copy = template.with_suffix(f".tmp.{os.getpid()}")
    try:
        with _open(database) as source, contextlib.closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        if is_whole(copy):
            copy.replace(template)
    finally:
        copy.unlink(missing_ok=True)


def _publish(template: Path, database: Path) -> None:
    """Copy the shared database to a home; one that is there by now stays."""
    database.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    copy = database.with_suffix(f".tmp.{os.getpid()}")
    try:
        shutil.copyfile(template, copy)
        copy.chmod(0o600)
        with contextlib.suppress(FileExistsError):
            os.link(copy, database)
    except OSError:
        return  # Prefect makes its own, or says why it cannot
    finally:
        copy.unlink(missing_ok=True)
