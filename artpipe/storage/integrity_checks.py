"""What is damaged, and what would mend it: artifacts, DVC's objects, works, states and downloads, hashed and compared."""

import contextlib
import re
import sqlite3
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from artpipe.artifacts import paths
from artpipe.artifacts.card_files import CHECKSUM_SUFFIX, list_card_files, read_verified_card
from artpipe.artifacts.champions import load_champions
from artpipe.artifacts.integrity_note import NOTE_FILE, find_damaged_files
from artpipe.artifacts.run import RunStart
from artpipe.config.safe_yaml import advise_on_merge, find_conflict_line
from artpipe.errors import ArtpipeError, BusyError, CorruptError
from artpipe.storage.dvc_cache import Output, md5_in_name, object_of, objects_in, outputs_of_note, rows_of, whole_again
from artpipe.storage.inventory import Holdings
from artpipe.storage.resume_state_checks import broken_state
from artpipe.system.atomic_files import halves, remove, stands_in, write_text
from artpipe.system.locks import locked

REPAIR = "`artpipe verify --repair`"
ASIDE = str(paths.STATE / "damaged")
_PIN = re.compile(r"[0-9a-f]{64}")
_CARDS = {"works.json", "report.json", "shards.json", "weights.json", "checkpoint.json", "run.json", "gallery.json"}
_STOPPED = "of a stopped training: not the bytes that were saved"
_TORN = "not what DVC writes: cut short by a kill, a merge, or a path out of the project in it"


class Damage(NamedTuple):
    """One thing that is not what was written."""

    place: str
    what: str
    mend: str  # a sentence for a person
    act: Callable[[], None] | None = None  # what --repair does; None: only a person can


def find(held: Holdings) -> list[Damage]:
    """Return all that is damaged, each place once."""
    hashes = held.hashes
    hashes.ahead((hashes.md5, path) for path in objects_in(held.cache))
    hashes.ahead((hashes.sha256, path) for path in (held.root / "data").rglob("*") if path.is_file())
    found: dict[str, Damage] = {}
    for room in (_books, _runs, _objects, _lacking, _artifacts, _unvouched, _sources, _states, _downloads, _store):
        for one in room(held):
            found.setdefault(one.place, one)
    return list(found.values())


def _books(held: Holdings) -> Iterator[Damage]:
    """Yield files that name what DVC keeps and cannot be read any more, or say what cannot be."""
    wrong = dict.fromkeys(held.torn, _TORN)
    for out in held.outputs:
        if held.miscounted(out):
            file = held.root / (out.owner if out.is_source else "dvc.lock")
            wrong.setdefault(file, f"size and files of {out.path} are not those of what it names")
    for file, what in wrong.items():
        yield _book(held, file, what)
    try:
        load_champions(held.root)
    except ArtpipeError as error:
        yield Damage("champions.json", str(error), "`git checkout champions.json`: git has the last one committed")


def _book(held: Holdings, file: Path, what: str) -> Damage:
    name = held.name(file)
    if line := find_conflict_line(file.read_text(encoding="utf-8", errors="replace")):
        return Damage(name, f"line {line}: the marks of a merge", advise_on_merge(file.name))
    if file.name == "dvc.lock":
        mend = f"{REPAIR} puts it aside ({ASIDE}), then `artpipe run` makes it again from the run cache"
        return Damage(name, what, mend, partial(held.put_aside, file))
    if text := whole_again(file):
        return Damage(name, what, f"{REPAIR} or `artpipe run` makes it again", partial(_written_again, file, text))
    return Damage(name, what, f"`git checkout {name}`, if git has it")


def _written_again(file: Path, text: str) -> None:
    for half in halves(file.parent):  # of a repair that was killed here; all else in this folder is a person's
        if half.name.startswith(f"{file.name}.tmp."):
            remove(half)
    write_text(file, text)


def _runs(held: Holdings) -> Iterator[Damage]:
    """Yield what DVC noted of earlier runs and is not what its name says."""
    for path in sorted((held.cache / "runs").glob("??/*/*")):
        if not _PIN.fullmatch(path.name):
            continue
        made = outputs_of_note(path)
        if made is None or any(map(held.miscounted, made)):  # the name is of all but sizes
            what = "not what its name says" if made is None else "other sizes than what it names has"
            mend = f"{REPAIR} removes it; DVC notes it again when its stage has run"
            yield Damage(held.name(path), f"DVC's note of a run: {what}", mend, partial(remove, path))


def _objects(held: Holdings) -> Iterator[Damage]:
    """Yield objects whose bytes are not those of their name, read-only ones too."""
    precious = _precious(held)
    for path in objects_in(held.cache):
        md5 = md5_in_name(path)
        if held.is_whole(md5):
            continue
        uses = held.copies.get(md5, [])
        what = f"DVC's object{f' of {held.name(uses[0])}' if uses else ''}: not the bytes that its name says"
        act: Callable[[], None] = partial(held.put_aside, path)
        if copy := held.copy_of(md5):
            mend, act = f"{REPAIR} writes it again from {held.name(copy)}", partial(held.write_object, md5)
        elif md5 in precious:
            mend = f"nothing makes it again: {REPAIR} puts it aside ({ASIDE}), then `dvc fetch` takes it from a remote"
            mend += f", or bring back the work ({precious[md5]})"
        elif uses:
            mend = f"{REPAIR} puts it aside, then `artpipe run` makes {held.wanted[uses[0]][0].owner} again"
        else:
            mend = f"{REPAIR} puts it aside; nothing in the workspace needs it"
        yield Damage(held.name(path), what, mend, act)


def _lacking(held: Holdings) -> Iterator[Damage]:
    """Yield what the workspace has and the cache should have, and has not."""
    for path, (_, md5) in held.wanted.items():
        place = object_of(held.cache, md5)
        if not place.exists() and path.exists() and held.copy_of(md5):
            mend = f"{REPAIR} writes it from {held.name(path)}"
            yield Damage(held.name(place), "missing in DVC's cache", mend, partial(held.write_object, md5))


def _precious(held: Holdings) -> dict[str, str]:
    """Return the MD5 of what no stage makes again, with who needs it."""
    found: dict[str, str] = {}
    for out, rows in held.rows.items():
        if out.is_source:
            found |= dict.fromkeys((out.md5, *rows.values()), out.owner)
    with contextlib.suppress(ArtpipeError):
        reigns = [reign for kinds in load_champions(held.root).champions.values() for reign in kinds.values()]
        for md5 in {md5 for reign in reigns for one in (reign.champion, *reign.before) for md5 in one.dvc.values()}:
            found.setdefault(md5, "champions.json")
            with contextlib.suppress(OSError, ValueError):
                found |= dict.fromkeys(rows_of(object_of(held.cache, md5)).values(), "champions.json")
    return found


def _artifacts(held: Holdings) -> Iterator[Damage]:
    """Yield cards that are not what their sidecars say, and files that are not what their cards say."""
    data = held.root / "data"
    cards = {path.with_name(path.name.removesuffix(CHECKSUM_SUFFIX)) for path in data.rglob(f"*.json{CHECKSUM_SUFFIX}")}
    cards |= {path for path in (*data.glob("*/*.json"), *data.glob("*/*/*.json")) if path.name in _CARDS}
    for card in sorted(path for path in cards if ".tmp." not in str(path)):
        value = read_verified_card(card)
        if value is None:
            pair = [card, card.with_name(card.name + CHECKSUM_SUFFIX)]
            wrong = [path for path in pair if path in held.wanted and held.hashes.md5(path) != held.wanted[path][1]]
            for path in wrong or [card]:
                yield _in_workspace(held, card.parent, path, "the card and its SHA-256 do not go together")
            continue
        for name, sha256 in list_card_files(value).items():
            path = card.parent / name
            if held.hashes.sha256(path) != sha256:
                what = "not the bytes that its card names" if path.exists() else "missing"
                yield _in_workspace(held, card.parent, path, what)


def _unvouched(held: Holdings) -> Iterator[Damage]:
    """Yield files that no card vouches for (journals, curves, numbers) and that are not as dvc.lock has them.

    Only where the cards of a stage's outputs are those of dvc.lock: else the stage was cut short, and runs again anyway.
    """
    stages: dict[str, dict[Path, str]] = {}
    for path, (out, md5) in held.wanted.items():
        if not out.is_source and not md5.endswith(".dir") and (held.root / out.path).exists():
            stages.setdefault(out.owner, {})[path] = md5
    for wanted in stages.values():
        cards = [path for path in wanted if path.with_name(path.name + CHECKSUM_SUFFIX) in wanted]
        if any(held.hashes.md5(card) != wanted[card] for card in cards):
            continue
        vouched = {card.parent / name for card in cards for name in list_card_files(read_verified_card(card) or {})}
        for path in sorted(wanted.keys() - vouched):
            if held.hashes.md5(path) != wanted[path]:
                what = "not as dvc.lock has it" if path.exists() else "missing"
                yield _in_workspace(held, held.root / held.wanted[path][0].path, path, what)


def _in_workspace(held: Holdings, folder: Path, path: Path, what: str) -> Damage:
    """Return what to say of a file in a stage's output: brought back, else its stage is made stale."""
    owner = "it"
    if path in held.wanted:
        out, md5 = held.wanted[path]
        if held.is_whole(md5):
            mend = f"{REPAIR} brings it back from DVC's cache"
            return Damage(held.name(path), what, mend, partial(held.write_file, path))
        folder, owner = held.root / out.path, out.owner
    mend = f"{REPAIR} puts {held.name(folder)} aside ({ASIDE}), then `artpipe run` makes {owner} again"
    return Damage(held.name(path), what, mend, partial(_gone, held, folder))


def _gone(held: Holdings, folder: Path) -> None:
    """Put an output aside, which more than one damaged file may ask for."""
    if folder.exists():
        held.put_aside(folder)


def _sources(held: Holdings) -> Iterator[Damage]:
    """Yield works that are not as DVC took them in; what was added or taken away is a person's business."""
    for path, (out, md5) in held.wanted.items():
        here = path.is_file() or path.is_symlink()  # one that leads to nothing too
        if out.is_source and not md5.endswith(".dir") and here and held.hashes.md5(path) != md5:
            yield _source(held, path, out, md5)


def _source(held: Holdings, path: Path, out: Output, md5: str) -> Damage:
    """Return what to say of a work; only where nobody can have written it since it was taken in, it is brought back."""
    untouched = path.lstat().st_ctime_ns < (held.root / out.owner).stat().st_mtime_ns
    if not held.is_whole(md5):
        mend = "DVC's cache has it no more: `dvc pull` from a remote, or bring the work itself"
    elif untouched:
        mend = f"nobody wrote it since: {REPAIR} brings it back from DVC's cache"
        return Damage(held.name(path), "not as DVC took it in", mend, partial(held.write_file, path))
    else:
        mend = (
            f"yours to say: `dvc checkout --force {out.owner}` brings it back, `dvc add {out.path}` takes it as it is"
        )
    return Damage(held.name(path), "not as DVC took it in: changed or damaged", mend)


def _states(held: Holdings) -> Iterator[Damage]:
    """Yield damaged states of stopped trainings; those of running ones belong to them."""
    mend = f"{REPAIR} puts its states aside; the training goes on from the state before, or begins again"
    state = held.root / paths.STATE
    for folder in sorted(path for path in state.glob("train/*/*") if path.is_dir() and stands_in(path, state)):
        with contextlib.suppress(BusyError), locked(folder.parent / "lock", wait_seconds=0.0):
            broken_by: dict[Path, list[Path]] = {}  # the states that rest on a file
            for card in sorted(folder.glob("[0-9]*-*.json")):
                if file := broken_state(held, card):
                    broken_by.setdefault(file, []).append(card)
            for file, cards in broken_by.items():
                yield Damage(held.name(file), _STOPPED, mend, partial(_states_gone, held, folder, cards))
            yield from _beside_states(held, folder)


def _states_gone(held: Holdings, folder: Path, cards: list[Path]) -> None:
    for card in cards:
        held.put_aside(card, *folder.glob(f"{card.stem[:6]}.safetensors"))
    (folder / "LATEST").unlink(missing_ok=True)  # without it the newest counts


def _beside_states(held: Holdings, folder: Path) -> Iterator[Damage]:
    pointer, start = folder / "LATEST", folder / "run-live.json"
    cards = {card.stem for card in folder.glob("[0-9]*-*.json")}
    if pointer.exists() and pointer.read_text(encoding="utf-8", errors="replace").strip() not in cards:
        mend = f"{REPAIR} removes it; the training goes on from the newest state"
        yield Damage(held.name(pointer), f"{_STOPPED}, it names no state", mend, partial(remove, pointer))
    with contextlib.suppress(OSError):
        try:
            RunStart.model_validate_json(start.read_bytes())
        except ValueError:
            mend = f"{REPAIR} removes it; the training has another id in MLflow from there on"
            yield Damage(held.name(start), _STOPPED, mend, partial(remove, start))


def _downloads(held: Holdings) -> Iterator[Damage]:
    for path in sorted((held.root / paths.STATE / "downloads").glob("*")):
        if _PIN.fullmatch(path.name) and held.hashes.sha256(path) != path.name:
            mend = f"{REPAIR} removes it; what needs it next fetches it again"
            yield Damage(held.name(path), "a download: not the bytes that its name says", mend, partial(remove, path))


def _store(held: Holdings) -> Iterator[Damage]:
    """Yield what is damaged of MLflow's store; all of it is made of run records and reports."""
    folder = held.root / paths.STATE / "mlflow"
    mend = f"{REPAIR} puts all of {held.name(folder)} aside; `artpipe sync` makes it again, but for notes typed there"
    try:
        wrong = [
            (path, "not as the last `artpipe sync` left it, and nobody wrote it since")
            for path in find_damaged_files(folder)
        ]
    except CorruptError:
        wrong = [(folder / NOTE_FILE, "what `artpipe sync` noted of the store: not what was written")]
    if said := _said_of(folder / "mlflow.db"):
        wrong.append((folder / "mlflow.db", said))
    for path, what in wrong:
        yield Damage(held.name(path), f"MLflow's store: {what}", mend, partial(_gone, held, folder))


def _said_of(database: Path) -> str:
    """Return what SQLite has to say against a database, nothing where all is well or somebody writes to it."""
    if not database.exists():
        return ""
    try:
        with contextlib.closing(sqlite3.connect(f"{database.absolute().as_uri()}?mode=ro", uri=True)) as store:
            said = str(store.execute("PRAGMA integrity_check(1)").fetchone()[0])
    except sqlite3.OperationalError:
        return ""
    except sqlite3.DatabaseError as error:
        said = str(error)
    return "" if said == "ok" else said.splitlines()[-1]
