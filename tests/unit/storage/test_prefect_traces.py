"""What Prefect's own database shows of a model goes by its bytes, also under a server that has it open."""

import contextlib
import sqlite3
from pathlib import Path

import pytest

from artpipe.errors import ArtpipeError
from artpipe.storage import prefect_traces
from artpipe.storage.prefect_traces import delete_prefect_traces, make_prefect_key

TABLES = """
pragma journal_mode = wal;
create table artifact (id, key, data);
create table artifact_collection (key, data);
create table task_run (id, name, flow_run_id);
create table log (message, task_run_id, flow_run_id);
create table task_run_state (message, task_run_id);
create table flow_run_state (message, flow_run_id);
create table events (id, event, resource_id, resource, payload);
create table event_resources (event_id, resource);
insert into task_run values ('t1', 'train@My_gan', 'f1'), ('t2', 'train@vae', 'f2');
"""


@pytest.fixture
def database(tmp_path) -> Path:
    """A database as Prefect keeps it: two models, each with two sheets, logs, states and events; a server has it open."""
    path = tmp_path / ".state/prefect/prefect.db"
    path.parent.mkdir(parents=True)
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as server:
        server.executescript(TABLES)
        for key, name, task, flow in (("works-my-gan", "zorblax", "t1", "f1"), ("works-vae", "plain", "t2", "f2")):
            for version in range(2):
                server.execute(
                    "insert into artifact values (?, ?, ?)", (f"{task}{version}", key, f"{name}-sheet" * 900)
                )
            server.execute("insert into artifact_collection values (?, ?)", (key, f"{name}-sheet" * 900))
            server.execute("insert into log values (?, ?, ?)", (f"{name} in a line", task, flow))
            server.execute("insert into log values (?, null, ?)", (f"{name} ended it", flow))
            server.execute("insert into task_run_state values (?, ?)", (f"{name} failed", task))
            server.execute("insert into flow_run_state values (?, ?)", (f"{name} failed too", flow))
            event = (task, "prefect.task-run.Failed", f"prefect.task-run.{task}", "{}", f"{name} told")
            server.execute("insert into events values (?, ?, ?, ?, ?)", event)
            server.execute("insert into event_resources values (?, ?)", (task, f"{name} again"))
            copied = (
                key,
                "prefect.artifact-collection.created",
                "x",
                f'{{"prefect.resource.name": "{key}"}}',
                f"{name}!",
            )
            server.execute("insert into events values (?, ?, ?, ?, ?)", copied)
        yield path


def read_all(database: Path) -> bytes:
    """Return the database's bytes with those of its journal."""
    return b"".join(path.read_bytes() for path in sorted(database.parent.glob("prefect.db*")))


def test_no_byte_of_a_model_s_sheets_and_logs_is_left(tmp_path, database):
    """Other models' stay whole, and so do the runs; a second time there is nothing to do."""
    assert read_all(database).count(b"zorblax") > 2700
    assert delete_prefect_traces(["My_gan"], ["train@My_gan"], tmp_path) == 10
    assert b"zorblax" not in read_all(database)
    with contextlib.closing(sqlite3.connect(database)) as connection:
        tables = ("artifact", "artifact_collection", "log", "events", "event_resources", "task_run")
        counts = [len(connection.execute(f"select * from {table}").fetchall()) for table in tables]  # noqa: S608 - names above
        assert counts == [2, 1, 2, 2, 1, 2]
        assert connection.execute("select message from flow_run_state").fetchall() == [("",), ("plain failed too",)]
    assert delete_prefect_traces(["My_gan"], ["train@My_gan"], tmp_path) == 0


def test_what_a_server_keeps_in_use_is_said(tmp_path, database, monkeypatch):
    """The bytes would stay in the journal while somebody reads: one line says what to do."""
    monkeypatch.setattr(prefect_traces, "_WAIT_SECONDS", 0.1)
    with contextlib.closing(sqlite3.connect(database, isolation_level=None)) as reader:
        reader.execute("begin")
        reader.execute("select * from log").fetchone()
        with pytest.raises(ArtpipeError, match="stop `artpipe serve`"):
            delete_prefect_traces(["My_gan"], [], tmp_path)


def test_a_project_without_prefect_s_database_has_nothing(tmp_path):
    """Neither is one made."""
    assert delete_prefect_traces(["gan"], ["train@gan"], tmp_path) == 0
    assert list(tmp_path.iterdir()) == []


def test_keys_are_what_prefect_allows():
    """Small letters, digits and dashes."""
    assert make_prefect_key("train@digits-gan") == "train-digits-gan"
