"""Bits flipped, files cut short and blocks zeroed all over a finished project: found, named, mended, or proved harmless.

`artpipe verify` is called in this process, as the library function that the command calls, and for every 25th damage as
the real command. A damage keeps time, size (but for cuts) and rights of its file, as a disk's does.
"""

import json
import os
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from unittest import mock

from artpipe.storage.verify import DamageReport, VerifyReport, verify
from tests.faults.corruption import PLACES, object_at, spoil, targets
from tests.faults.finished_project import EVERYTHING, Exhibition
from tests.faults.small_project import Row

# Every how many damages the real command, the stage that reads it, and what mends it are run.
_REAL, _READ, _AGAIN = 25, 9, 8
# Another hash in the first two is no damage to see: a stage is stale, and the next run heals it. Sizes of what a noted run
# read stand nowhere else, and nobody reads them.
HEALED = {"dvc.lock", ".dvc files", "DVC's notes of runs"}
MAKES = {"preprocess": "shards", "train": "checkpoints", "evaluate": "reports"}  # the room of what a stage makes


class Came(NamedTuple):
    """What came of one damage."""

    outcome: str
    wrong: str = ""


# -- one round ---------------------------------------------------------------------------------------------------------


class Round:
    """One damage of one kind of place, looked for, read, mended, and put back."""

    def __init__(self, exhibition: Exhibition, place: str, number: int, seed: int) -> None:
        self.exhibition, self.root, self.place, self.number = exhibition, exhibition.root, place, number
        self.chance = random.Random(f"{seed} {place} {number}")
        self.turn = number + 2 * list(PLACES).index(place)  # so that a few damages of each place have something of all
        self.path = self.chance.choice(targets(self.root, place))
        self.name = str(self.path.relative_to(self.root))

    def run(self) -> Came:
        """Return what came of it; the project is then what it was."""
        beside = object_at(self.root, self.path) if self.place.endswith("both") else None
        try:
            self.how = spoil(self.path, self.chance)
            if self.place == "given works" and self.number % 2:
                self._taken_in_later()
            if beside:
                spoil(beside, self.chance)
            with self.exhibition.inside():
                return self._looked_for()
        except Exception as error:  # noqa: BLE001  # a traceback is what must not be
            return self._wrong(f"{type(error).__name__}: {error}")
        finally:
            self.exhibition.put_back()
            for tracking in (self.root / "datasets").glob("*.dvc"):
                os.utime(tracking, (0, 0))

    def _taken_in_later(self) -> None:
        """Let the work be older than what DVC notes of it, as it is on a disk that spoils it by itself."""
        tracking = self.root / "datasets" / f"{Path(self.name).parts[1]}.dvc"
        later = time.time_ns() + 10**11
        os.utime(tracking, ns=(later, later))

    def _wrong(self, what: str) -> Came:
        return Came("wrong", f"{self.name} ({self.how}, number {self.number}): {what}")

    def _looked_for(self) -> Came:
        wrong = "" if self.turn % _REAL else self._said_by_the_command()
        if not wrong and self.turn % _READ == 0:
            wrong = self._read()
        return self._wrong(wrong) if wrong else self._mended()

    def _said_by_the_command(self) -> str:
        """Return what is wrong with what `artpipe verify` says, the real command."""
        ran = self.exhibition.ground.run("verify", "--json")
        if ran.code == 0 and self.place in HEALED:
            return ""
        if ran.code != 1 or "Traceback" in ran.said:
            return f"artpipe verify ended with {ran.code}: {ran.said[-300:]}"
        named = [one["place"] for one in json.loads(ran.said)["damaged"]]
        return "" if self.name in named else f"artpipe verify names {named}"

    def _read(self) -> str:
        """Run the stage that reads the file; return what is wrong with what it says or makes."""
        command = reader(self.name, self.exhibition)
        if command is None:
            return ""
        said = self.exhibition.here(*command)
        if not said.clean:
            return f"artpipe {' '.join(command)}: {said}"
        made = f"data/{MAKES[command[0]]}/"
        changed = [name for name in self.exhibition.differences() if name.startswith(made)]
        if said.code == 0 and changed:
            return f"artpipe {' '.join(command)} read it and said nothing: {changed[0]}"
        if said.code and (
            said.text.count("artpipe: ") != 1 or not any(word in said.text for word in names_of(self.name))
        ):
            return f"artpipe {' '.join(command)} does not name it: {said}"
        self._put_back_but_the_damage()
        return ""

    def _put_back_but_the_damage(self) -> None:
        spoilt = self.path.read_bytes()
        self.exhibition.put_back()
        times = self.path.stat()
        self.path.chmod(0o644)
        self.path.write_bytes(spoilt)
        self.path.chmod(times.st_mode & 0o777)
        os.utime(self.path, ns=(times.st_atime_ns, times.st_mtime_ns))

    def _mended(self) -> Came:
        """Look for it and mend it; everything has to be as before then, but for what cannot be made again."""
        found = look(self.root, repair=True).damaged
        if self.name not in {one.place for one in found}:
            return self._proved_harmless()
        left = {one.place: one for one in found if not one.mended}
        if self.place.startswith(("given", "a given")):
            return self._given(left)
        if left:
            return self._wrong(f"--repair leaves {left}")
        if not self.exhibition.differences():
            return Came("found, mended by --repair")
        if self.turn % _AGAIN and self.place not in {"downloads", "a file and its object, both"}:
            return Came("found, put aside by --repair")
        self.make_again()
        rest = [name for name in self.exhibition.differences() if not may_differ(name)]
        rest = [
            name
            for name in rest
            if not (self.place.startswith("states") and ("halted" in name or name == "params.yaml"))
        ]
        return self._wrong(f"not made again: {rest[:5]}") if rest else Came("found, put aside by --repair, made again")

    def _given(self, left: dict[str, DamageReport]) -> Came:
        """A given work: brought back where nobody can have written it, else a person is told; never is it made up."""
        if not left and not self.exhibition.differences():
            return Came("found, brought back from the cache")
        said = " ".join(one.mend for one in left.values())
        if not any(word in said for word in ("dvc fetch", "dvc pull", "dvc checkout --force")):
            return self._wrong(f"nobody is told what to do: {said}")
        if not self.path.exists():
            return self._wrong("a work was taken away")
        return Came("found, a person is told")

    def make_again(self) -> None:
        """Run what makes again what was put aside."""
        if self.place == "downloads":
            self.exhibition.fetch_again()
        elif self.place.startswith("MLflow"):
            self.exhibition.ground.run("sync", ARTPIPE_TRACKING="on")
            if self.exhibition.in_mlflow() != self.exhibition.numbers:
                raise AssertionError("MLflow has other numbers")
        elif self.place.startswith("states"):
            if self.exhibition.trained_to_its_end() != self.exhibition.undisturbed:
                raise AssertionError("another checkpoint than an undisturbed training's")
        elif self.place in HEALED:
            run_all()
        elif self.name.startswith("data/"):
            for command in makers(self.name):
                self.exhibition.must(*command)

    def _proved_harmless(self) -> Came:
        """Nothing was found: then what is made from it must be the same, byte for byte."""
        if self.place not in HEALED:
            return self._wrong("not found by verify")
        run_all()
        rest = [name for name in self.exhibition.differences() if not may_differ(name)]
        if rest and rest != [self.name]:
            return self._wrong(f"not found, and then these are others: {rest[:5]}")
        return Came("a run heals it" if not rest else "harmless: no run reads it")


def look(root: Path, *, repair: bool = False) -> VerifyReport:
    """Do what `artpipe verify` does; to ask DVC where its cache is takes a second."""
    with mock.patch("artpipe.storage.verify.read_dvc_output", return_value=".dvc/cache"):
        return verify(root, repair=repair)


def run_all() -> None:
    """Do what `artpipe run` does with DVC: mend its books, then bring everything up to date, here from its notes of runs."""
    from dvc.repo import Repo

    from artpipe.orchestration.scheduling.dvc_graph import repair_dvc_files

    with mock.patch("sys.stdout", open(os.devnull, "w")):  # noqa: PTH123
        repair_dvc_files()
        with Repo(".") as repo:
            repo.reproduce()


def may_differ(name: str) -> bool:
    """Return whether a file tells times, or what was told of them."""
    return name.startswith((".state/", "data/runs/", "data/gallery/", ".dvc/cache/"))


def reader(name: str, exhibition: Exhibition) -> tuple[str, ...] | None:
    """Return the stage that reads a file of another one."""
    room, _, rest = name.removeprefix("data/").partition("/")
    of = rest.partition("/")[0]
    if room == "works":
        return "preprocess", of
    if room == "shards":
        model = {"forms": "reader", "verse": "poet", "hymns": "cantor"}[of]
        return ("train", model) if f"  {model}: " in exhibition.params else None
    return ("evaluate", of) if room == "checkpoints" else None


def names_of(name: str) -> tuple[str, ...]:
    """Return how a stage may call a damaged file: itself, or the card that it belongs to."""
    path = Path(name.removesuffix(".sha256"))
    return str(path), path.name, str(path.parent)


def makers(name: str) -> Iterator[tuple[str, ...]]:
    """Yield the commands that make an output again."""
    room, _, rest = name.removeprefix("data/").partition("/")
    of = rest.partition("/")[0].removesuffix(".json")
    stage = {"works": "ingest", "record": "ingest", "shards": "preprocess", "checkpoints": "train", "runs": "train"}
    yield ("gallery",) if room == "gallery" else (stage.get(room, "evaluate"), of)


# -- the table ---------------------------------------------------------------------------------------------------------


def rows(folder: Path, count: int, seed: int, only: Sequence[str] = (), params: str = EVERYTHING) -> Iterator[Row]:
    """Yield a row for each kind of place; `count` damages in all, as many of each."""
    places = [place for place in PLACES if not only or any(word in place for word in only)]
    if not places:
        return
    exhibition = Exhibition(folder, params)
    exhibition.make()
    for index, place in enumerate(places):
        share = count // len(places) + (index < count % len(places))
        came = [Round(exhibition, place, number, seed).run() for number in range(share)]
        counted = Counter(one.outcome for one in came)
        outcome = "; ".join(f"{times} {what}" for what, times in counted.most_common())
        yield Row("bits, cuts, zeros", place, share, 0, outcome, tuple(one.wrong for one in came if one.wrong))
