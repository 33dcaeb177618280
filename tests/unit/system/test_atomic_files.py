"""Nothing half-written: a file or folder is there whole, or as it was before."""

import errno
import json
import os
import shutil
import subprocess
import sys

import pytest

from artpipe.errors import BusyError, UserError
from artpipe.system import atomic_files, hashing, locks


def test_known_hashes():
    """SHA-256 of `abc` is that of FIPS 180-2."""
    known = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert hashing.sha256_bytes(b"abc") == known


def test_a_file_s_hash_is_that_of_its_bytes(tmp_path):
    """Also of a file longer than one block."""
    data = os.urandom((1 << 20) + 7)
    (tmp_path / "x").write_bytes(data)
    assert hashing.sha256_file(tmp_path / "x") == hashing.sha256_bytes(data)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    """An exception in the middle removes the temporary and keeps what was there."""
    path = tmp_path / "x"
    atomic_files.write_text(path, "old")
    with pytest.raises(OSError, match="full"), atomic_files.write_file(path) as temporary:  # noqa: PT012
        temporary.write_text("ne")
        raise OSError("full")
    assert [one.name for one in tmp_path.iterdir()] == ["x"]
    assert path.read_text() == "old"


def test_a_failed_folder_leaves_the_old_folder(tmp_path):
    """A folder is replaced as a whole or not at all."""
    target = tmp_path / "x"
    with atomic_files.write_folder(target) as folder:
        (folder / "a").write_text("1")
    with pytest.raises(OSError, match="full"), atomic_files.write_folder(target) as folder:  # noqa: PT012
        (folder / "b").write_text("2")
        raise OSError("full")
    assert [str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*")] == ["x", "x/a"]
    with atomic_files.write_folder(target) as folder:
        (folder / "c").write_text("3")
    assert [one.name for one in target.iterdir()] == ["c"]


def test_a_folder_is_never_half_removed_under_its_name(tmp_path, monkeypatch):
    """While the old folder is taken away file by file, it has another name, which a later sweep knows."""
    target, seen, remove = tmp_path / "x", [], shutil.rmtree

    def listed():
        return sorted(str(one.relative_to(tmp_path)) for one in tmp_path.rglob("*"))

    with atomic_files.write_folder(target) as folder:
        (folder / "a").write_text("1")
    with atomic_files.write_folder(target) as folder:
        (folder / "b").write_text("2")
        monkeypatch.setattr(shutil, "rmtree", lambda *a, **k: (seen.append(listed()), remove(*a, **k)))
    assert seen[0] == seen[1] == ["x", f"x.old.tmp.{os.getpid()}", f"x.old.tmp.{os.getpid()}/a", "x/b"]
    assert listed() == ["x", "x/b"]


def test_a_copied_folder(tmp_path, monkeypatch):
    """Folders in it too; a full disk is told as such by the first file that met it."""
    for name in ("one", "in/two", "in/deep/three"):
        (tmp_path / "a" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "a" / name).write_text(name)
    atomic_files.copy_tree(tmp_path / "a", tmp_path / "new/b")
    copied = {str(path.relative_to(tmp_path / "new/b")) for path in (tmp_path / "new/b").rglob("*") if path.is_file()}
    assert copied == {"one", "in/two", "in/deep/three"}
    assert (tmp_path / "new/b/in/deep/three").read_text() == "in/deep/three"

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device", "there")

    monkeypatch.setattr(shutil, "copyfile", full)
    with pytest.raises(OSError, match="No space left") as caught:
        atomic_files.copy_tree(tmp_path / "a", tmp_path / "c")
    assert caught.value.errno == errno.ENOSPC


def test_json_ends_with_a_newline_and_keeps_order(tmp_path):
    """What is written for people reads like a file."""
    atomic_files.write_json(tmp_path / "x", {"b": "绿", "a": 1})
    text = (tmp_path / "x").read_text()
    assert text == '{\n  "b": "绿",\n  "a": 1\n}\n'
    assert list(json.loads(text)) == ["b", "a"]


def test_sweeping_takes_what_the_dead_left(tmp_path):
    """Temporaries of processes that are gone vanish, those of the living stay."""
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    (tmp_path / f"a.tmp.{dead.pid}").write_text("")
    (tmp_path / f"b.tmp.{dead.pid}").mkdir()
    (tmp_path / f"c.tmp.{os.getpid()}").write_text("")
    (tmp_path / "d.tmp.notes").write_text("")
    atomic_files.remove_stale_temporaries(tmp_path)
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([f"c.tmp.{os.getpid()}", "d.tmp.notes"])


def test_a_lock_names_its_holder(tmp_path):
    """The second one is told who holds it."""
    holder = f"process {os.getpid()} is already at that"
    second = locks.hold_lock(tmp_path / "lock", wait_seconds=0.1, doing="that")
    with locks.hold_lock(tmp_path / "lock"), pytest.raises(BusyError, match=holder), second:
        pass


def test_a_lock_of_a_killed_holder_is_free(tmp_path):
    """The kernel frees it, however its holder died."""
    code = "import sys, time; from pathlib import Path; from artpipe.system.locks import hold_lock\n"
    code += f"with hold_lock(Path({str(tmp_path / 'lock')!r})): print('held', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    holder.kill()
    holder.wait()
    holder.stdout.close()
    with locks.hold_lock(tmp_path / "lock", wait_seconds=1):
        pass


def test_what_is_no_file_is_never_replaced(tmp_path):
    """A pipe or a device stays, as does a file where a folder is to be written."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UserError, match="pipe: a device, pipe or socket, found where a file is to be written"):
        atomic_files.write_text(tmp_path / "pipe", "new")
    (tmp_path / "notes").write_text("mine")
    for name in ("pipe", "notes"):
        with (
            pytest.raises(UserError, match=f"{name}: a file of that name, found where a folder is to be written"),
            atomic_files.write_folder(tmp_path / name),
        ):
            pytest.fail("nothing is begun")
    assert (tmp_path / "notes").read_text() == "mine"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["notes", "pipe"]
