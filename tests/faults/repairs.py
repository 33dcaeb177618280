"""`artpipe verify --repair` killed -9 at every kind of moment of its work: nothing is lost, and a second one ends well."""

import os
import random
import signal
import sys
from collections.abc import Iterator

from tests.faults.exhibition import Exhibition
from tests.faults.flips import Came, Round, look, makers, may_differ
from tests.faults.ground import Row
from tests.faults.spoiling import object_at, spoil, targets

SPOILT = (  # all at once, so that a repair has much to do
    "works and their cards", "records", "shards", "run records", "gallery", "states of a stopped training", "downloads",
    "objects of DVC's cache, read-only", "objects of DVC's cache, read-only", "DVC's notes of runs", ".dvc files",
)  # fmt: skip
_CHANGES = {"os.rename", "os.remove", "os.mkdir", "shutil.move", "shutil.rmtree", "shutil.copyfile", "os.chmod"}
ORDER = ("ingest", "preprocess", "train", "evaluate", "gallery")
_BOTH = "a file and its object, both"


def changes(event: str, values: tuple[object, ...]) -> bool:
    """Return whether an event of Python's audit changes something on disk."""
    return event in _CHANGES or (event == "open" and isinstance(values[1], str) and "w" in values[1])


def killed_repair(exhibition: Exhibition, at: int) -> bool:
    """Repair in a child that kills itself -9 just before the change to disk numbered `at`; return whether it came to that."""
    child = os.fork()
    if not child:
        left = [at]

        def hear(event: str, values: tuple[object, ...]) -> None:
            if changes(event, values):
                left[0] -= 1
                if not left[0]:
                    os.kill(os.getpid(), signal.SIGKILL)

        sys.addaudithook(hear)
        look(exhibition.root, repair=True)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def tried(exhibition: Exhibition, number: int, seed: int) -> tuple[bool, Came]:
    """Spoil much, kill a repair, repair again and make again what it says; return whether it was killed, and what came of it."""
    chance = random.Random(f"{seed} repair {number}")
    root, both = exhibition.root, Round(exhibition, _BOTH, number, seed)
    try:
        for path in {*(chance.choice(targets(root, place)) for place in SPOILT), both.path, object_at(root, both.path)}:
            if path:
                spoil(path, chance)
        with exhibition.inside():
            killed = killed_repair(exhibition, 1 + number * 2)
            again = look(root, repair=True)
            if left := [one.place for one in again.damaged if not one.mended]:
                return killed, Came("wrong", f"number {number}: the second repair leaves {left[:5]}")
            exhibition.fetch_again()
            lacking = {
                command for name in exhibition.differences() if name.startswith("data/") for command in makers(name)
            }
            for command in sorted(lacking, key=lambda one: ORDER.index(one[0])):
                exhibition.must(*command)
            rest = [name for name in exhibition.differences() if not may_differ(name) or ".tmp." in name]
            return killed, Came("wrong", f"number {number}: {rest[:5]}") if rest else Came("the second one ends well")
    except Exception as error:  # noqa: BLE001  # a traceback is what must not be
        return True, Came("wrong", f"number {number}: {type(error).__name__}: {error}")
    finally:
        exhibition.put_back()


def rows(exhibition: Exhibition, count: int, seed: int) -> Iterator[Row]:
    """Yield the row of `count` kills, from the first change to disk on; what comes after the last one is no kill."""
    came = [one for killed, one in (tried(exhibition, number, seed) for number in range(count)) if killed]
    wrong = tuple(one.wrong for one in came if one.wrong)
    outcome = f"{len(came) - len(wrong)} the second one ends well, all is as before"
    yield Row("SIGKILL", "`artpipe verify --repair`", len(came), len(came), outcome, wrong)
