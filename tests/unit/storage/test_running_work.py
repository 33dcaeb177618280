"""What is at work is said with its time and its stages, and what it makes is left out of what is read."""

import json
import os
import re
import shutil
from contextlib import contextmanager
from pathlib import Path

import pytest

from artpipe.errors import BusyError
from artpipe.storage import verify
from artpipe.storage.former_outputs import keep_former_outputs, restore_former_outputs
from artpipe.storage.running_work import RUN_LOCKS, find_running_work, require_no_running_work
from artpipe.system.hashing import md5_bytes
from artpipe.system.locks import hold_lock
from artpipe.system.process_times import read_start_time

COMMAND = "/x/dvc --wait-for-lock repro --single-item train@gan"


@contextmanager
def noted(root: Path, pid: int, path: str = "data/runs/gan"):
    """DVC's note of a process that writes an output."""
    note = root / ".dvc/tmp/rwlock"
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"write": {str(root.resolve() / path): {"pid": pid, "cmd": COMMAND}}, "read": {}}))
    yield
    note.unlink()


def test_nothing_is_at_work(tmp_path):
    """In a new folder, beside a dead process's note, and beside the lock of a run that has ended."""
    assert find_running_work(tmp_path) is None
    with hold_lock(tmp_path / RUN_LOCKS / "a.lock"):
        pass
    with noted(tmp_path, 4_194_303):
        assert find_running_work(tmp_path) is None
        require_no_running_work(tmp_path)


def test_a_run_is_told_with_its_time_and_its_stages(tmp_path):
    """The stage by DVC's name, its output relative to the project, since when the process has run."""
    with noted(tmp_path, os.getpid()), hold_lock(tmp_path / RUN_LOCKS / "a.lock"):
        work = find_running_work(tmp_path)
        assert (work.runs, work.stages) == ((os.getpid(),), ("train@gan",))
        assert work.outputs == {Path("data/runs/gan")}
        assert work.since == read_start_time(os.getpid())
        assert re.fullmatch(r"a run is at work since [\d: -]+ \(train@gan\)", work.describe())
        with pytest.raises(BusyError, match=r"train@gan\); nothing was freed"):
            require_no_running_work(tmp_path, "nothing was freed")


def test_a_process_has_run_since_it_began():
    """As `ps` has it, to the second; of a process that has ended nothing is known."""
    boot = float(re.search(r"btime (\d+)", Path("/proc/stat").read_text())[1])
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    assert read_start_time(os.getpid()) == pytest.approx(boot + ticks / os.sysconf("SC_CLK_TCK"))
    assert read_start_time(4_194_303) is None


def kept_output(root: Path, path: str, files: dict[str, str], deps: str = "") -> None:
    """A folder that DVC keeps, and a dvc.lock that says which stage made it."""
    rows = [{"md5": md5_bytes(text.encode()), "relpath": name} for name, text in sorted(files.items())]
    listing = json.dumps(rows, sort_keys=True).encode()
    cache = root / ".dvc/cache/files/md5"
    for md5, data in {
        **{row["md5"]: files[row["relpath"]].encode() for row in rows},
        f"{md5_bytes(listing)}.dir": listing,
    }.items():
        (cache / md5[:2]).mkdir(parents=True, exist_ok=True)
        (cache / md5[:2] / md5[2:]).write_bytes(data)
    for name, text in files.items():
        (root / path / name).parent.mkdir(parents=True, exist_ok=True)
        (root / path / name).write_text(text)
    outs = f"    outs:\n    - path: {path}\n      md5: {md5_bytes(listing)}.dir\n      hash: md5\n"
    (root / "dvc.lock").write_text(f"schema: '2.0'\nstages:\n  train@gan:\n    cmd: x\n{deps}{outs}")


def test_a_stage_that_is_stopped_leaves_what_it_had_made(tmp_path):
    """DVC has taken it away before; bytes, names and folders are as they were, and the error is the stage's own."""
    files = {"checkpoint.json": "{}", "deep/er/final.bin": "weights"}
    kept_output(tmp_path, "data/checkpoints/gan", files)
    shutil.rmtree(tmp_path / "data")
    with pytest.raises(KeyboardInterrupt), keep_former_outputs("train@gan", tmp_path):
        raise KeyboardInterrupt
    folder = tmp_path / "data/checkpoints/gan"
    assert {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()} == files
    assert restore_former_outputs("train@gan", tmp_path) == []
    (folder / "checkpoint.json").write_text("new")
    with pytest.raises(RuntimeError), keep_former_outputs("train@gan", tmp_path):
        raise RuntimeError
    assert (folder / "checkpoint.json").read_text() == "new"


@pytest.mark.parametrize("harm", ["a file lost", "the listing lost", "never made", "of another version"])
def test_what_cannot_be_brought_back_whole_stays_away(tmp_path, harm):
    """Half a result, or one of another checkpoint than stands there, is worse than none."""
    deps = "    deps:\n    - path: data/checkpoints/gan\n      md5: 00.dir\n" if harm == "of another version" else ""
    kept_output(tmp_path, "data/reports/gan", {"a": "1", "b": "2"}, deps)
    shutil.rmtree(tmp_path / "data")
    objects = sorted((tmp_path / ".dvc/cache/files/md5").rglob("*"))
    if harm == "a file lost":
        next(path for path in objects if path.is_file() and path.suffix != ".dir").unlink()
    if harm == "the listing lost":
        next(path for path in objects if path.suffix == ".dir").unlink()
    stage = "evaluate@gan" if harm == "never made" else "train@gan"
    with pytest.raises(RuntimeError), keep_former_outputs(stage, tmp_path):
        raise RuntimeError
    assert not (tmp_path / "data").exists()


def test_verify_reads_all_but_what_is_being_made(tmp_path, monkeypatch):
    """Beside a run it says so and is no error; without the run the same folder is damaged; nothing is repaired meanwhile."""
    monkeypatch.chdir(tmp_path)
    kept_output(tmp_path, "data/runs/gan", {"journal.jsonl": "1"})
    (tmp_path / "champions.json").write_text('{"format": 1}')
    (tmp_path / "data/runs/gan/journal.jsonl").write_text("half")
    monkeypatch.setattr(verify, "read_dvc_output", lambda *_: ".dvc/cache\n")
    with noted(tmp_path, os.getpid()):
        report = verify.verify(tmp_path)
        assert (report.whole, report.left_out) == (True, ("data/runs/gan",))
        assert report.at_work.startswith("a run is at work since ")
        with pytest.raises(BusyError, match="nothing was repaired"):
            verify.verify(tmp_path, repair=True)
    assert [damage.place for damage in verify.verify(tmp_path).damaged] == ["data/runs/gan/journal.jsonl"]
