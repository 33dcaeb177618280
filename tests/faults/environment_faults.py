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
from tests.faults.kills import TEMPFAIL, Arena, Stage, Whole, kept, rows_of, stages
from tests.faults.small_project import Ground, Row

STAGES = ("ingest (pictures)", "preprocess (pictures)", "train (classifier)", "evaluate (classifier)", "gallery")
MEGABYTES = 256  # of the small disk; what a first training is reckoned to need fits
DAY = 86_400


class Surroundings:
    """A project that nobody disturbs and a copy of it, on a small disk where we may mount one."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.arena, self.chance = Arena(folder / "arena", small_project.small()), random.Random(seed)
        self.stages = [stage for stage in stages() if stage.where in STAGES]
        self.wholes = {stage: self.arena.undisturbed(stage) for stage in self.stages}
        self.disk = folder / "disk"
        self.torn = Ground(folder / "torn")

    def __enter__(self) -> Self:
        self.disk.mkdir(parents=True)
        mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(self.disk)]
        done = subprocess.run(mount, capture_output=True, text=True, check=False)
        self.reason = done.stderr.strip() if done.returncode else ""
        self.on_disk = done.returncode == 0
        self.torn.project = self.disk / "project"
        shutil.copytree(self.arena.still.project, self.torn.project, symlinks=True)
        return self

    def __exit__(self, *_: object) -> None:
        self.arena.close()
        if self.on_disk:
            subprocess.run(["umount", "-l", str(self.disk)], check=False)

    def run(self, stage: Stage, **aim: object) -> tuple[int, str]:
        """Run a stage in the copy; return exit code and what it said."""
        found = self.arena.strike(self.torn, stage, {"number": int(signal.SIGKILL), **aim})
        return found.code, found.said

    def compared(self, stage: Stage) -> list[str]:
        """Run a stage to its end; say what is not as in the project that nobody disturbed."""
        code, said = self.run(stage)
        wrong = [f"{stage.where}: then ended with {code}: {said[-300:]}"] if code else []
        return wrong + differences(self.torn, stage, self.wholes[stage])

    def emptied(self) -> None:
        """Take the results away."""
        for name in ("data", ".state"):
            shutil.rmtree(self.torn.project / name, ignore_errors=True)

    def like_still(self) -> None:
        """Bring the run records over, which the gallery shows."""
        shutil.rmtree(self.torn.project / "data/runs", ignore_errors=True)
        shutil.copytree(self.arena.still.project / "data/runs", self.torn.project / "data/runs")


def differences(torn: Ground, stage: Stage, whole: Whole) -> list[str]:
    """Say what differs from the undisturbed stage, and what was left behind."""
    wrong = [f"differs: {name}" for name in small_project.differences(kept(torn, stage), whole.digests)]
    if rows_of(torn, stage) != whole.journal:
        wrong.append(f"{stage.where}: the journal has other rows")
    own = tuple(f"data/{output}" for output in stage.outputs)
    return wrong + [f"left behind: {name}" for name in small_project.halves(torn.project) if name.startswith(own)]


def one_line(stage: Stage, code: int, said: str, wanted: int) -> list[str]:
    """Say what is wrong with an exit code, or with what is not said in one line."""
    lines = [line for line in said.splitlines() if line.startswith("artpipe: ")]
    if code == wanted and len(lines) == 1 and "Traceback" not in said:
        return []
    return [f"{stage.where}: ended with {code}, {wanted} was expected: {said[-400:]}"]


# -- the faults ----------------------------------------------------------------------------------------------------


def full(around: Surroundings, count: int) -> Iterator[Row]:
    """Fill the disk so that the stage's writes end somewhere in the middle, then make room."""
    if not around.on_disk:
        yield Row("the disk fills", "every stage", 0, 0, f"not tried: no disk may be mounted here ({around.reason})")
        return
    around.emptied()
    for stage in around.stages:
        if stage.where == "gallery":
            around.like_still()
        times, wrong, refused = max(1, count // len(around.stages)), [], 0
        need = sum(_weight(around.arena.still.project / "data" / output) for output in stage.outputs)
        for number in range(times):
            removed(around.torn, stage)
            room = "on" if number % 4 == 3 else "off"
            with filled(around.disk, around.chance.uniform(0.02, 0.95) * need):
                around.torn.environment["ARTPIPE_ROOM"] = room
                code, said = around.run(stage)
            around.torn.environment.pop("ARTPIPE_ROOM")
            wrong += one_line(stage, code, said, TEMPFAIL)
            refused += "needs about" in said
            wrong += small_project.torn(around.torn.project)
        wrong += around.compared(stage)
        what = f"75 and one line, {refused} of them before anything was written; with room again the same bytes"
        yield Row("the disk fills", stage.where, times, times - refused, what, tuple(dict.fromkeys(wrong)))


def removed(torn: Ground, stage: Stage) -> None:
    """Take a stage's outputs away, as DVC does before it."""
    for output in stage.outputs:
        remove_path(torn.project / "data" / output)


def _weight(path: Path) -> int:
    files = [path] if path.is_file() else [one for one in path.rglob("*") if one.is_file()]
    return sum(-(-one.stat().st_size // 4096) * 4096 for one in files)


@contextlib.contextmanager
def filled(disk: Path, free: float) -> Iterator[None]:
    """Leave so many bytes of a disk free."""
    ballast = disk / "ballast"
    with ballast.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, max(1, shutil.disk_usage(disk).free - int(free)))
    try:
        yield
    finally:
        ballast.unlink()


def read_only(around: Surroundings, _count: int) -> Iterator[Row]:
    """Let every stage meet a project that it cannot write to, a training in the middle of it."""
    if not around.on_disk:
        yield Row("read-only", "every stage", 0, 0, f"not tried: no disk may be mounted here ({around.reason})")
        return
    around.emptied()
    wrong: list[str] = []
    for stage in around.stages:
        if stage.where == "gallery":
            around.like_still()
        if stage.model:
            around.run(stage, at=around.wholes[stage].changes // 2)  # half of it is done
        remounted(around.disk, "ro")
        code, said = around.run(stage)
        remounted(around.disk, "rw")
        wrong += one_line(stage, code, said, 1)
        wrong += small_project.torn(around.torn.project)
        wrong += around.compared(stage)
    what = "1 and one line that names the place; writable again, the same bytes"
    yield Row("the project is read-only", "every stage", len(around.stages), 0, what, tuple(wrong))


def remounted(disk: Path, mode: str) -> None:
    """Make a disk read-only or writable."""
    subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True)


def doubled(around: Surroundings, count: int) -> Iterator[Row]:
    """Start a second one beside each stage: one writes, the other gives way."""
    around.emptied()
    for stage in around.stages:
        if stage.where == "gallery":
            around.like_still()
        times, wrong = max(1, count // 10), []
        for _ in range(times):
            removed(around.torn, stage)
            wrong += _two(around, stage)
        wrong += differences(around.torn, stage, around.wholes[stage])
        what = "one writes; the other waits 10 s, ends with 75 and says the pid; the same bytes"
        yield Row("two at once", stage.where, times, 0, what, tuple(dict.fromkeys(wrong)))


def _two(around: Surroundings, stage: Stage) -> list[str]:
    """Stop the first while something of it is half-written, let the second come, then let the first go on."""
    at = around.chance.randint(1, around.wholes[stage].changes // 2)
    first = _start(around, stage, "first.txt", {"at": at, "number": int(signal.SIGSTOP)})
    while state_of(first) not in "TZ":
        time.sleep(0.002)
    if state_of(first) == "Z":
        return [f"{stage.where}: the first ended before the second began"]
    second = _start(around, stage, "second.txt", {})
    code = around.arena.nest.wait(second)
    said = (around.torn.folder / "second.txt").read_text()
    wrong = one_line(stage, code, said, TEMPFAIL)
    if f"process {first} is already at" not in said:
        wrong.append(f"{stage.where}: the pid {first} is not said: {said[-200:]}")
    os.kill(first, signal.SIGCONT)
    code = around.arena.nest.wait(first)
    return wrong + ([f"{stage.where}: the first ended with {code}"] if code else [])


def _start(around: Surroundings, stage: Stage, said: str, aim: dict[str, object]) -> int:
    torn = around.torn
    return around.arena.nest.start(torn.project, list(stage.command), torn.environment, aim, torn.folder / said)


def state_of(pid: int) -> str:
    """Return the kernel's letter for what a child is at: R, S, D, T (stopped), Z (ended)."""
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def set_back(around: Surroundings, _count: int) -> Iterator[Row]:
    """Set the clock back by a day in the middle of a training, and for all that comes after it."""
    around.emptied()
    wrong: list[str] = []
    for stage in around.stages:
        if stage.model:
            around.run(stage, at=around.wholes[stage].changes // 2)
        elif stage.where == "gallery":
            around.like_still()
        code, said = around.run(stage, clock=-DAY)
        wrong += [f"{stage.where}: ended with {code}: {said[-300:]}"] if code else []
        if stage.model:
            run = json.loads((around.torn.project / "data/runs" / stage.model / "run.json").read_bytes())
            wrong += [f"{stage.where}: it took {took:.0f} s"] if (took := run["ended"] - run["started"]) < 0 else []
            wrong += [f"{stage.where}: no core time"] if run["core_seconds"] <= 0 else []
        wrong += differences(around.torn, stage, around.wholes[stage])
    what = "the same bytes and rows, no time below nothing"
    yield Row("the clock goes back a day", "every stage", len(around.stages), 0, what, tuple(wrong))


FAULTS: dict[str, Callable[[Surroundings, int], Iterator[Row]]] = {
    "disk": full,
    "read-only": read_only,
    "two": doubled,
    "clock": set_back,
}


def rows(folder: Path, count: int, seed: int, only: Sequence[str] = ()) -> Iterator[Row]:
    """Yield the rows; `count` times the disk fills."""
    chosen = [fault for name, fault in FAULTS.items() if not only or any(word in name for word in only)]
    if not chosen:
        return
    with Surroundings(folder, seed) as around:
        for fault in chosen:
            yield from fault(around, count)
