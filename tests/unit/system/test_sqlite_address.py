"""A database stands where its path says, whatever characters that has, and on any file system."""

import errno
import fcntl
import os
import sqlite3

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, text

from artpipe.system import sqlite_address
from artpipe.system.sqlite_address import sqlite_url

NAMES = [
    "art or what?",
    "a#b",
    "100%",
    "%3F",
    "a&b=c;d",
    "it's",
    '"so"',
    "a:b",
    "@home",
    "[x]*",
    "a\\b",
    "-x",
    "a\nb",
    "😀",
    "$HOME",
]


def stored(folder):
    """Write a row by SQLAlchemy as MLflow does; return the files that are there then."""
    engine = create_engine(sqlite_url(folder / "store/x.db"))
    with engine.begin() as connection:
        connection.execute(text("create table t (a)"))
    engine.dispose()
    assert sqlite3.connect(folder / "store/x.db").execute("select name from sqlite_master").fetchall() == [("t",)]


@pytest.mark.parametrize("name", NAMES)
def test_a_database_stands_in_its_folder(tmp_path, name):
    """No character of the path ends it early."""
    stored(tmp_path / name)
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_path_that_is_not_utf8(tmp_path):
    """Its bytes are named one by one."""
    folder = tmp_path / os.fsdecode(b"latin\xe4")
    engine = create_engine(sqlite_url(folder / "x.db"))
    with engine.begin() as connection:
        connection.execute(text("create table t (a)"))
    engine.dispose()
    assert [path.name for path in folder.iterdir()] == ["x.db"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(name=st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=40))
def test_any_name(tmp_path, name):
    """Any name a folder can have is one a database's folder can have."""
    if name in {".", ".."}:
        return
    folder = tmp_path / "any" / name
    engine = create_engine(sqlite_url(folder / "x.db"))
    with engine.begin() as connection:
        connection.execute(text("create table if not exists t (a)"))
    engine.dispose()
    assert (folder / "x.db").is_file()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL, errno.EACCES])
def test_without_posix_locks_sqlite_locks_by_a_folder(tmp_path, monkeypatch, number):
    """The address names sqlite's own way, and the probe leaves nothing."""

    def refused(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "lockf", refused)
    assert "vfs=unix-dotfile" in sqlite_url(tmp_path / "x.db")
    monkeypatch.setattr(sqlite_address, "has_posix_locks", lambda _: False)
    stored(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store"]


def test_an_ordinary_path_keeps_its_ordinary_address(tmp_path):
    """So that stores of earlier versions are named as before."""
    assert sqlite_url(tmp_path / "x.db") == f"sqlite:///{tmp_path}/x.db"
