"""What happens around a stage: a disk that fills or is read-only, a second one at the same work, a clock that is set back."""

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Self

from artpipe.system.atomic_files import remove_path
from tests.faults import small_project
from tests.faults.kills import TEMPFAIL, KillArena, Stage, StageResult, hash_outputs, list_stages, read_journal
from tests.faults.small_project import ProjectFolder, Row

STAGES = ("ingest (pictures)", "preprocess (pictures)", "train (classifier)", "evaluate (classifier)", "gallery")
MEGABYTES = 256  # of the small disk; what a first training is reckoned to need fits
DAY = 86_400


class FaultyEnvironment:
    """A project that nobody disturbs and a copy of it, on a small disk where we may mount one."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.arena, self.chance = KillArena(folder / "arena", small_project.make_small_params()), random.Random(seed)
        self.stages = [stage for stage in list_stages() if stage.where in STAGES]
        self.wholes = {stage: self.arena.run_undisturbed(stage) for stage in self.stages}
        self.disk = folder / "disk"
        self.torn = ProjectFolder(folder / "torn")

    def __enter__(self) -> Self:
        self.disk.mkdir(parents=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(self.disk)]
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
        self.reason = mounted.stderr.strip() if mounted.returncode else ""
        self.on_disk = mounted.returncode == 0
        self.torn.project = self.disk / "project"
        shutil.copytree(self.arena.still.project, self.torn.project, symlinks=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.arena.close()
        if self.on_disk:
            subprocess.run(["umount", "-l", str(self.disk)], check=False)

    def run(self, stage: Stage, **aim: object) -> tuple[int, str]:
        """Run a stage in the copy; return exit code and what it said."""
        result = self.arena.run_and_kill(self.torn, stage, {"number": int(signal.SIGKILL), **aim})
        return result.code, result.said

    def compare_after_run(self, stage: Stage) -> list[str]:
        """Run a stage to its end; say what is not as in the project that nobody disturbed."""
        code, output = self.run(stage)
        wrong = [f"{stage.where}: then ended with {code}: {output[-300:]}"] if code else []
        return wrong + list_differences(self.torn, stage, self.wholes[stage])

    def remove_results(self) -> None:
        """Take the results away."""
        for name in ("data", ".state"):
            shutil.rmtree(self.torn.project / name, ignore_errors=True)

    def copy_run_records(self) -> None:
        """Bring the run records over, which the gallery shows."""
        shutil.rmtree(self.torn.project / "data/runs", ignore_errors=True)
        shutil.copytree(self.arena.still.project / "data/runs", self.torn.project / "data/runs")


def list_differences(torn: ProjectFolder, stage: Stage, whole: StageResult) -> list[str]:
    """Say what differs from the undisturbed stage, and what was left behind."""
    wrong = [f"differs: {name}" for name in small_project.list_differences(hash_outputs(torn, stage), whole.digests)]
    if read_journal(torn, stage) != whole.journal:
        wrong.append(f"{stage.where}: the journal has other rows")
    own = tuple(f"data/{output}" for output in stage.outputs)
    return wrong + [
        f"left behind: {name}" for name in small_project.list_temporaries(torn.project) if name.startswith(own)
    ]


def check_one_line(stage: Stage, code: int, output: str, wanted: int) -> list[str]:
    """Say what is wrong with an exit code, or with what is not said in one line."""
    lines = [line for line in output.splitlines() if line.startswith("artpipe: ")]
    if code == wanted and len(lines) == 1 and "Traceback" not in output:
        return []
    return [f"{stage.where}: ended with {code}, {wanted} was expected: {output[-400:]}"]


# -- the faults ----------------------------------------------------------------------------------------------------


def fill_disk(around: FaultyEnvironment, count: int) -> Iterator[Row]:
    """Fill the disk so that the stage's writes end somewhere in the middle, then make room."""
    if not around.on_disk:
        yield Row("the disk fills", "every stage", 0, 0, f"not tried: no disk may be mounted here ({around.reason})")
        return
    around.remove_results()
    for stage in around.stages:
        if stage.where == "gallery":
            around.copy_run_records()
        times, wrong, refused = max(1, count // len(around.stages)), [], 0
        need = sum(_size_on_disk(around.arena.still.project / "data" / output) for output in stage.outputs)
        for number in range(times):
            remove_outputs(around.torn, stage)
            room = "on" if number % 4 == 3 else "off"
            with leave_free(around.disk, around.chance.uniform(0.02, 0.95) * need):
                around.torn.environment["ARTPIPE_ROOM"] = room
                code, text = around.run(stage)
            around.torn.environment.pop("ARTPIPE_ROOM")
            wrong += check_one_line(stage, code, text, TEMPFAIL)
            refused += "needs about" in text
            wrong += small_project.list_torn_files(around.torn.project)
        wrong += around.compare_after_run(stage)
        what = f"75 and one line, {refused} of them before anything was written; with room again the same bytes"
        yield Row("the disk fills", stage.where, times, times - refused, what, tuple(dict.fromkeys(wrong)))


def remove_outputs(torn: ProjectFolder, stage: Stage) -> None:
    """Take a stage's outputs away, as DVC does before it."""
    for output in stage.outputs:
        remove_path(torn.project / "data" / output)


def _size_on_disk(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(-(-file.stat().st_size // 4096) * 4096 for file in files)


@contextlib.contextmanager
def leave_free(disk: Path, free: float) -> Iterator[None]:
    """Leave so many bytes of a disk free."""
    ballast = disk / "ballast"
    with ballast.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, max(1, shutil.disk_usage(disk).free - int(free)))
    try:
        yield
    finally:
        ballast.unlink()


def make_read_only(around: FaultyEnvironment, _count: int) -> Iterator[Row]:
    """Let every stage meet a project that it cannot write to, a training in the middle of it."""
    if not around.on_disk:
        yield Row("read-only", "every stage", 0, 0, f"not tried: no disk may be mounted here ({around.reason})")
        return
    around.remove_results()
    wrong: list[str] = []
    for stage in around.stages:
        if stage.where == "gallery":
            around.copy_run_records()
        if stage.model:
            around.run(stage, at=around.wholes[stage].changes // 2)  # half of it is done
        remount(around.disk, "ro")
        code, output = around.run(stage)
        remount(around.disk, "rw")
        wrong += check_one_line(stage, code, output, 1)
        wrong += small_project.list_torn_files(around.torn.project)
        wrong += around.compare_after_run(stage)
    what = "1 and one line that names the place; writable again, the same bytes"
    yield Row("the project is read-only", "every stage", len(around.stages), 0, what, tuple(wrong))


def remount(disk: Path, mode: str) -> None:
    """Make a disk read-only or writable."""
    subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True)


def run_doubled(around: FaultyEnvironment, count: int) -> Iterator[Row]:
    """Start a second one beside each stage: one writes, the other gives way."""
    around.remove_results()
    for stage in around.stages:
        if stage.where == "gallery":
            around.copy_run_records()
        times, wrong = max(1, count // 10), []
        for _ in range(times):
            remove_outputs(around.torn, stage)
            wrong += _run_two(around, stage)
        wrong += list_differences(around.torn, stage, around.wholes[stage])
        what = "one writes; the other waits 10 s, ends with 75 and says the pid; the same bytes"
        yield Row("two at once", stage.where, times, 0, what, tuple(dict.fromkeys(wrong)))


def _run_two(around: FaultyEnvironment, stage: Stage) -> list[str]:
    """Stop the first while something of it is half-written, let the second come, then let the first go on."""
    at = around.chance.randint(1, around.wholes[stage].changes // 2)
    first = _start_stage(around, stage, "first.txt", {"at": at, "number": int(signal.SIGSTOP)})
    while read_process_state(first) not in "TZ":
        time.sleep(0.002)
    if read_process_state(first) == "Z":
        return [f"{stage.where}: the first ended before the second began"]
    second = _start_stage(around, stage, "second.txt", {})
    code = around.arena.fork_server.wait(second)
    output = (around.torn.folder / "second.txt").read_text()
    wrong = check_one_line(stage, code, output, TEMPFAIL)
    if f"process {first} is already at" not in output:
        wrong.append(f"{stage.where}: the pid {first} is not said: {output[-200:]}")
    os.kill(first, signal.SIGCONT)
    code = around.arena.fork_server.wait(first)
    return wrong + ([f"{stage.where}: the first ended with {code}"] if code else [])


def _start_stage(around: FaultyEnvironment, stage: Stage, output_name: str, aim: dict[str, object]) -> int:
    torn = around.torn
    return around.arena.fork_server.start(
        torn.project, list(stage.command), torn.environment, aim, torn.folder / output_name
    )


def read_process_state(pid: int) -> str:
    """Return the kernel's letter for what a child is at: R, S, D, T (stopped), Z (ended)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def set_clock_back(around: FaultyEnvironment, _count: int) -> Iterator[Row]:
    """Set the clock back by a day in the middle of a training, and for all that comes after it."""
    around.remove_results()
    wrong: list[str] = []
    for stage in around.stages:
        if stage.model:
            around.run(stage, at=around.wholes[stage].changes // 2)
        elif stage.where == "gallery":
            around.copy_run_records()
        code, output = around.run(stage, clock=-DAY)
        wrong += [f"{stage.where}: ended with {code}: {output[-300:]}"] if code else []
        if stage.model:
            run = json.loads((around.torn.project / "data/runs" / stage.model / "run.json").read_bytes())
            wrong += (
                [f"{stage.where}: it took {seconds:.0f} s"] if (seconds := run["ended"] - run["started"]) < 0 else []
            )
            wrong += [f"{stage.where}: no core time"] if run["core_seconds"] <= 0 else []
        wrong += list_differences(around.torn, stage, around.wholes[stage])
    what = "the same bytes and rows, no time below nothing"
    yield Row("the clock goes back a day", "every stage", len(around.stages), 0, what, tuple(wrong))


FAULTS: dict[str, Callable[[FaultyEnvironment, int], Iterator[Row]]] = {
    "disk": fill_disk,
    "read-only": make_read_only,
    "two": run_doubled,
    "clock": set_clock_back,
}


def rows(folder: Path, count: int, seed: int, only: Sequence[str] = ()) -> Iterator[Row]:
    """Yield the rows; `count` times the disk fills."""
    chosen = [fault for name, fault in FAULTS.items() if not only or any(word in name for word in only)]
    if not chosen:
        return
    with FaultyEnvironment(folder, seed) as around:
        for fault in chosen:
            yield from fault(around, count)
