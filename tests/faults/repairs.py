"""`artpipe verify --repair` killed -9 at every kind of moment of its work: nothing is lost, and a second one ends well."""

import os
import random
import signal
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from tests.faults.corruption import PLACES, damage_file, find_cache_object, list_targets
from tests.faults.finished_project import EVERYTHING, FinishedProject
from tests.faults.flips import HEALED, list_makers, may_differ, run_all, run_verify
from tests.faults.small_project import Row

SPOILT = tuple(place for place in PLACES if "given" not in place and place not in {"MLflow's store", "dvc.lock"})
_AFTER = 4  # changes to the disk between the moments of two kills
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "shutil.move", "shutil.rmtree", "shutil.copyfile", "os.chmod"}
_ORDER = ("ingest", "preprocess", "train", "evaluate", "gallery")
_BOTH = "a file and its object, both"


def is_disk_change(event: str, values: tuple[object, ...]) -> bool:
    """Return whether an event of Python's audit changes something on disk."""
    return event in _CHANGES or (event == "open" and isinstance(values[1], str) and "w" in values[1])


def kill_repair(finished: FinishedProject, at: int) -> bool:
    """Repair in a child that kills itself -9 just before the change to disk numbered `at`; return whether it came to that."""
    child = os.fork()
    if not child:
        left = [at]

        def hear(event: str, values: tuple[object, ...]) -> None:
            if is_disk_change(event, values):
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hear)
        run_verify(finished.root, repair=True)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def try_repair(finished: FinishedProject, number: int, seed: int) -> tuple[bool, str]:
    """Spoil much, kill a repair, repair again, make again what lacks; return whether it was killed, and what is wrong then."""
    chance, root = random.Random(f"{seed} repair {number}"), finished.root
    both = chance.choice(list_targets(root, _BOTH))
    spoilt = {chance.choice(list_targets(root, place)) for place in SPOILT} | {both, find_cache_object(root, both)}
    was_killed = True
    try:
        for path in sorted(path for path in spoilt if path):
            damage_file(path, chance)
        with finished.inside():
            was_killed = kill_repair(finished, 1 + number * _AFTER)
            wrong = _check_end(finished)
    except Exception as error:  # noqa: BLE001  # a traceback is what must not be
        wrong = f"{type(error).__name__}: {error}"
    finally:
        finished.restore()
    return was_killed, wrong and f"number {number}: {wrong}"


def _check_end(finished: FinishedProject) -> str:
    """Repair a second time and make again what lacks; return what is then not as it was."""
    if left := [report.place for report in run_verify(finished.root, repair=True).damaged if not report.mended]:
        return f"the second repair leaves {left[:5]}"
    finished.fetch_again()
    lacking = {
        command for name in finished.list_differences() if name.startswith("data/") for command in list_makers(name)
    }
    for command in sorted(lacking, key=lambda report: _ORDER.index(report[0])):
        finished.require_success(*command)
    if any(name.endswith(".dvc") or name in HEALED for name in finished.list_differences()):
        run_all()  # another hash in one of them cannot be seen
    new = {"dvc.lock"} if lacking else set()  # what was made again has other times in its run record
    rest = [
        name for name in finished.list_differences() if name not in new and (not may_differ(name) or ".tmp." in name)
    ]
    return f"these are others: {rest[:5]}" if rest else ""


def rows(folder: Path, count: int, seed: int, only: Sequence[str] = (), params: str = EVERYTHING) -> Iterator[Row]:
    """Yield the row of `count` kills, from the first change to disk on; what comes after the last change is no kill."""
    if only and not any(word in "repair" for word in only):
        return
    finished = FinishedProject(folder, params)
    finished.make()
    results = [try_repair(finished, number, seed) for number in range(count)]
    wrong = tuple(wrong for _, wrong in results if wrong)
    times = sum(was_killed for was_killed, _ in results)
    outcome = "the second one mends the rest; then all is as before"
    yield Row("SIGKILL", "`artpipe verify --repair`", times, times, outcome, wrong)
