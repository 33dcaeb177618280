"""Prefect's empty database is made once for a user's projects; what is not whole is not taken."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from artpipe.orchestration.services import prefect_database
from artpipe.orchestration.services.prefect_database import is_whole, prepare_database
from artpipe.system.user_cache import cache_file

BASE: list[Path] = []  # what stands for the work of the migrations
MAKE = "from artpipe.orchestration.services.prefect_database import prepare_database; prepare_database()"


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Return a home of Prefect that does not exist yet, with no other database named."""
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    for name in prefect_database._OTHER_DATABASE:
        monkeypatch.delenv(name, raising=False)
    return tmp_path / "home"


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """Return an empty database as Prefect's migrations make it, by a process of its own, and what was kept of it."""
    folder = tmp_path_factory.mktemp("prefect")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(folder), "PREFECT_HOME": str(folder / "home")}
    subprocess.run([sys.executable, "-c", MAKE], env=environment, check=True, capture_output=True)
    (kept,) = (folder / ".cache/artpipe").glob("prefect-*.db")
    assert (folder / "home/prefect.db").is_file()
    return kept


@pytest.fixture
def cached(template, tmp_path, monkeypatch):
    """Return a copy of it in this test's cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = cache_file(template.name)
    file.parent.mkdir(parents=True)
    shutil.copy(template.with_suffix(".sha256"), file.with_suffix(".sha256"))
    BASE[:] = [tmp_path / "base.db"]
    return Path(shutil.copy(template, file))


@pytest.mark.nightly
def test_a_new_home_gets_a_copy(cached, home):
    """Byte by byte, for its owner alone; a database that is there stays."""
    prepare_database()
    made = home / "prefect.db"
    assert made.read_bytes() == cached.read_bytes()
    assert made.stat().st_mode & 0o777 == 0o600
    made.write_bytes(b"mine")
    prepare_database()
    assert made.read_bytes() == b"mine"
    assert sorted(path.name for path in home.iterdir()) == ["prefect-database.lock", "prefect.db"]


@pytest.mark.nightly
def test_another_database_is_left_alone(cached, home, monkeypatch):
    """Nothing is made where a person names one."""
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "postgresql+asyncpg://x")
    prepare_database()
    assert not home.exists()


@pytest.mark.parametrize("damage", ["gone", "torn", "flipped", "no checksum"])
@pytest.mark.nightly
def test_what_is_not_whole_is_made_anew(cached, home, damage, monkeypatch):
    """Prefect makes a database of its own, and that is kept from then on."""
    made = []

    class Interface:
        async def create_db(self):
            made.append(shutil.copy(BASE[0], home / "prefect.db"))

    monkeypatch.setattr("prefect.server.database.provide_database_interface", Interface)
    whole = cached.read_bytes()
    BASE[0].write_bytes(whole)
    if damage == "gone":
        cached.unlink()
    elif damage == "no checksum":
        cached.with_suffix(".sha256").unlink()
    else:
        cached.write_bytes(whole[:5000] if damage == "torn" else whole[:94041] + bytes(64) + whole[94105:])
    assert not is_whole(cached)
    prepare_database()
    assert len(made) == 1
    assert is_whole(cached)
    assert sorted(path.suffix for path in cached.parent.iterdir()) == [".db", ".sha256"]


@pytest.mark.nightly
def test_a_cache_that_cannot_be_read_is_no_trouble(cached, home):
    """A folder stands where the database should."""
    cached.unlink()
    cached.mkdir()
    assert not is_whole(cached)
