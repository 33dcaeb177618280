"""A full disk: refused before a stage starts, and nothing torn under a final name when it fills in the middle."""

import errno
import os
import shutil
import signal
import subprocess
from collections import namedtuple
from pathlib import Path

import pytest
import torch

from artpipe.artifacts.tensors import save_tensors
from artpipe.errors import DiskFullError, StoppedError
from artpipe.project.disk_space import require_disk_space
from artpipe.project.stage_guard import guard_stage
from artpipe.storage.dvc_config import dvc_cache_folder
from artpipe.system.atomic_files import write_bytes
from artpipe.system.locks import is_locked

Usage = namedtuple("Usage", "total used free")  # noqa: PYI024  # as shutil has it


def test_a_stage_that_cannot_fit_is_refused(studio, monkeypatch, artpipe):
    """One line with place, need and what is free, exit code 75; a switch starts it all the same."""
    require_disk_space("train@shapes-classifier")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(DiskFullError, match=r"^data: train@shapes-classifier needs about 80 MB of disk, 1 kB are free"):
        require_disk_space("train@shapes-classifier")
    code, _, said = artpipe("ingest", "shapes")
    assert code == 75
    assert said.count("\n") == 1
    assert not (studio / "data/works").exists()
    monkeypatch.setenv("ARTPIPE_ROOM", "off")
    require_disk_space("train@shapes-classifier")


def test_a_first_ingest_needs_what_its_works_weigh(studio, monkeypatch):
    """What is not known yet is reckoned from the works themselves, once for data and once for DVC's copy."""
    with Path("datasets/shapes/circle/big.bin").open("wb") as stream:
        stream.truncate(10**10)  # sparse
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Usage(10**11, 0, 15 * 10**9))
    with pytest.raises(DiskFullError, match="needs about 20 GB"):
        require_disk_space("ingest@shapes")


def test_the_cache_is_where_dvc_has_it(tmp_path):
    """Beside the project, or where config.local says, relative to it."""
    (tmp_path / ".dvc").mkdir()
    assert dvc_cache_folder(tmp_path).resolve() == tmp_path / ".dvc/cache"
    (tmp_path / ".dvc/config.local").write_text("[cache]\n    dir = ../../elsewhere\n")
    assert dvc_cache_folder(tmp_path).resolve() == tmp_path.parent / "elsewhere"


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 256 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("a disk can be mounted by root only, where the machine allows it")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def test_a_disk_that_fills_in_the_middle_leaves_nothing_torn(small_disk):
    """Bytes and tensors alike: the system's own error, the old file as it was, no temporary left."""
    write_bytes(small_disk / "a", b"old")
    for write in (
        lambda: write_bytes(small_disk / "a", bytes(10**6)),
        lambda: save_tensors(small_disk / "a", {"x": torch.zeros(10**6)}),
    ):
        with pytest.raises(OSError, match="No space left") as error:
            write()
        assert error.value.errno == errno.ENOSPC
        assert [path.name for path in small_disk.iterdir()] == ["a"]
        assert (small_disk / "a").read_bytes() == b"old"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_stage_is_left_to_one_and_stops_when_asked(studio, number):
    """A signal is heard where every error is taken for an input's own; one line says it, and the next may begin."""
    signal.signal(number, signal.SIG_DFL)  # under nohup, or in the background of a shell, it may be ignored
    message = f"^gallery stopped: {number.name}; nothing of it stands"
    with pytest.raises(StoppedError, match=message), guard_stage("gallery"):  # noqa: PT012
        (lock,) = (studio / ".state/stages").iterdir()
        assert is_locked(lock)
        try:
            os.kill(os.getpid(), number)
        except Exception:  # noqa: BLE001
            pytest.fail("it was swallowed")
    assert not is_locked(lock)


def test_what_is_started_under_nohup_hears_no_hangup(studio):
    """SIGHUP that was ignored stays ignored."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with guard_stage("gallery"):
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGHUP)
    finally:
        signal.signal(signal.SIGHUP, before)
