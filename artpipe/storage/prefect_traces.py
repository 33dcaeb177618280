"""Delete what the project's own Prefect database shows of models and datasets.

Contact sheets are pictures in its artifacts; what a stage printed, and the error it ended with, may name works. Runs and
their states, times and numbers stay.
"""

import re
import sqlite3
from collections.abc import Collection
from contextlib import closing
from pathlib import Path
from urllib.parse import quote

from artpipe.artifacts.paths import STATE
from artpipe.errors import ArtpipeError
from artpipe.system.sqlite_address import has_posix_locks

_DATABASE = STATE / "prefect/prefect.db"
_WAIT_SECONDS = 60.0  # for a server that writes
_PREPARE = """
create temp table sheets (key text);
create temp table stages (name text);
create temp view tasks as select id, flow_run_id from task_run where name in (select name from stages);
create temp view gone as
    select events.id from events join sheets
        on instr(events.resource, '"prefect.resource.name": "' || sheets.key || '"') and events.event like 'prefect.artifact%'
    union select id from events where resource_id in
        (select 'prefect.task-run.' || id from tasks union select 'prefect.flow-run.' || flow_run_id from tasks);
"""
_STATEMENTS = (
    "delete from artifact where key in (select key from sheets)",
    "delete from artifact_collection where key in (select key from sheets)",
    "delete from log where task_run_id in (select id from tasks)",
    "delete from log where task_run_id is null and flow_run_id in (select flow_run_id from tasks)",
    "update task_run_state set message = '' where message <> '' and task_run_id in (select id from tasks)",
    "update flow_run_state set message = '' where message <> '' and flow_run_id in (select flow_run_id from tasks)",
    "delete from event_resources where event_id in (select id from gone)",
    "delete from events where id in (select id from gone)",  # those of an artifact have a copy of it
)


def make_sheet_key(model: str) -> str:
    """Return the key of a model's contact sheets.

    >>> make_sheet_key("My_gan")
    'works-my-gan'
    """
    return f"works-{make_prefect_key(model)}"


def make_prefect_key(name: str) -> str:
    """Return a key that Prefect allows: small letters, digits, dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())


def delete_prefect_traces(models: Collection[str], stages: Collection[str], root: Path = Path()) -> int:
    """Delete every version of models' contact sheets, and what stages logged.

    Their bytes go too, out of the file and its journal, also where a server has the database open.

    Returns:
        How many rows were changed.

    Raises:
        ArtpipeError: a server is writing, or reading, all the time.
    """
    database = root / _DATABASE
    if not database.is_file():
        return 0
    try:
        with closing(_connect(database)) as connection:
            return _delete(connection, models, stages)
    except sqlite3.Error as error:
        raise ArtpipeError(f"{database}: {error}; stop `artpipe serve`, and `artpipe forget --yes` ends it") from error


def _connect(database: Path) -> sqlite3.Connection:
    vfs = "" if has_posix_locks(database.parent) else "?vfs=unix-dotfile"  # as Prefect opens it
    address = f"file:{quote(str(database.absolute()))}{vfs}"
    return sqlite3.connect(address, timeout=_WAIT_SECONDS, isolation_level=None, uri=True)


def _delete(connection: sqlite3.Connection, models: Collection[str], stages: Collection[str]) -> int:
    """Delete the rows, then their bytes: a second try ends what was cut short between."""
    if connection.execute("select 1 from sqlite_master where name = 'event_resources'").fetchone() is None:
        return 0  # not migrated yet
    connection.execute("pragma secure_delete = on")
    connection.executescript(_PREPARE)
    connection.executemany("insert into sheets values (?)", [(make_sheet_key(model),) for model in models])
    connection.executemany("insert into stages values (?)", [(stage,) for stage in stages])
    before = connection.total_changes
    connection.execute("begin immediate")
    for statement in _STATEMENTS:
        connection.execute(statement)
    connection.execute("commit")
    count = connection.total_changes - before
    connection.execute("vacuum")
    busy, *_ = connection.execute("pragma wal_checkpoint(truncate)").fetchone()
    if busy:
        raise sqlite3.OperationalError("its journal is being read and cannot be emptied")
    return count
