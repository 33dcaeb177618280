"""`artpipe gc`: what could be freed, and freeing it; nothing that a branch, tag, stash, experiment or champion needs."""

import contextlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from artpipe.artifacts import paths
from artpipe.config.params import load_params
from artpipe.errors import BusyError, CorruptError
from artpipe.storage.dvc_cache import md5_in_name, object_of, objects_in, refuse_at_work, rows_of
from artpipe.storage.dvc_command import ask_dvc
from artpipe.storage.dvc_lock import hold_dvc_lock
from artpipe.storage.leftovers import left_behind
from artpipe.storage.reachable import Entry, Needs, needs_of, outputs_of
from artpipe.system.atomic_files import find_stale_temporaries, is_inside, remove_path
from artpipe.system.locks import hold_lock
from artpipe.system.units import format_size

_PIN = re.compile(r"[0-9a-f]{64}")
_DAY = 86400.0


class Room(NamedTuple):
    """What can be freed in one place: path and bytes of each."""

    name: str
    why: str
    found: list[tuple[Path, int]]

    @property
    def bytes(self) -> int:
        """Return the bytes of all of it."""
        return sum(count for _, count in self.found)


def collect(root: Path = Path(), *, yes: bool = False, history: bool = False, days: float = 7.0) -> str:
    """Return what would be freed, or with `yes` free it and return what was.

    `history` keeps what any commit needs, not only the newest ones; `days` is the age from which a stopped training goes.

    Raises:
        UserError: it is not known what is needed (no git repository, a damaged dvc.lock or params.yaml).
        BusyError: a stage is at work.
        CorruptError: a folder's listing in the cache is damaged.
    """
    cache = _cache(root)
    with hold_dvc_lock(root, doing="looking what could be freed"):
        refuse_at_work(root)
        entries = list(_run_cache(cache))
        needs = needs_of(root, entries, history=history)
        rooms = [*_of_cache(root, cache, needs, entries), *_of_project(root, needs, days)]
        if yes:
            for room in rooms:
                for path, _ in room.found:
                    _free(path)
    return _sentences(rooms, needs, yes=yes, shared=not _is_own(root, cache))


def _free(path: Path) -> None:
    """Remove a file, or a folder that is gone at once, however long the rest takes."""
    aside = path.with_name(f"{path.name}.tmp.{os.getpid()}") if path.is_dir() else path
    with contextlib.suppress(FileNotFoundError):
        path.rename(aside)
        remove_path(aside)


def _cache(root: Path) -> Path:
    return Path(ask_dvc(root, "cache", "dir").strip())


def _is_own(root: Path, cache: Path) -> bool:
    """Return whether the cache lies within the project; another project may need what stands in one outside."""
    return cache.resolve().is_relative_to(root.resolve())


def _run_cache(cache: Path) -> Iterator[Entry]:
    for path in sorted((cache / "runs").glob("??/*/*")):
        if path.is_file():
            yield path, path.read_text(encoding="utf-8", errors="replace")


def _of_cache(root: Path, cache: Path, needs: Needs, entries: list[Entry]) -> Iterator[Room]:
    if not _is_own(root, cache):
        return
    kept = set(needs.hashes)
    for one in needs.hashes:
        kept.update(_members(object_of(cache, f"{one}.dir")))
    useless = _whole({path for path, text in entries if not outputs_of(text) <= kept})
    yield Room("run cache", "runs whose results go", [(path, _weight(path)) for path in useless])
    free = [path for path in objects_in(cache) if md5_in_name(path).removesuffix(".dir") not in kept]
    free.sort(key=lambda path: path.suffix != ".dir")  # listings first: none is left without its members
    yield Room("DVC's cache", "results nobody names", [(path, path.stat().st_size) for path in free])


def _whole(entries: set[Path]) -> list[Path]:
    """Return the folder of what goes as a whole instead of each entry: DVC dies on a run's folder that is empty."""
    return sorted({one.parent if set(one.parent.iterdir()) <= entries else one for one in entries})


def _members(listing: Path) -> Iterable[str]:
    """Return the hashes of a folder's files; none where its listing is not here."""
    try:
        return rows_of(listing).values()
    except FileNotFoundError:
        return ()
    except ValueError:
        raise CorruptError(f"{listing}: damaged, so what it needs is not known; nothing was freed") from None


def _of_project(root: Path, needs: Needs, days: float) -> Iterator[Room]:
    state = root / paths.STATE
    old = [path for path in sorted(state.glob("train/*/*")) if _is_folder(path, state) and _is_old(path, days)]
    yield Room("stopped trainings", f"not gone on with for {days:g} days", [(path, _weight(path)) for path in old])
    parts = [path for path in sorted(state.glob("answers/*")) if is_inside(path, state) and _age(path) > days]
    yield Room("answers of parts", "no stage has asked for them", [(path, _weight(path)) for path in parts])
    downloads = [
        one
        for one in (state / "downloads").glob("*")
        if _PIN.fullmatch(one.name) and one.name not in needs.pins and is_inside(one, state)
    ]
    yield Room("downloads", "no card names them", [(path, _weight(path)) for path in downloads])
    folders = [
        *(root / "data").glob("[!.]*"),
        root / "data/gallery",
        *_below(root / "data/gallery"),
        state,
        state / "downloads",
    ]
    left = {
        *left_behind(root, load_params(root / "params.yaml")),
        *(path for folder in folders for path in find_stale_temporaries(folder)),
    }
    yield Room(
        "data",
        "of removed models and datasets, and what was cut short",
        [(path, _weight(path)) for path in sorted(left)],
    )


def _below(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_dir())


def _is_folder(path: Path, state: Path) -> bool:
    """Return whether it is a folder of our state, and no link leads out to it: what stands there may be another's."""
    return path.is_dir() and is_inside(path, state)


def _is_old(folder: Path, days: float) -> bool:
    """Return whether nothing in a training's state was written lately, and no process trains it."""
    try:
        with hold_lock(folder.parent / "lock", wait_seconds=0.0):
            return _age(folder) > days
    except BusyError:
        return False


def _age(folder: Path) -> float:
    """Return for how many days nothing was written there."""
    return (time.time() - max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))) / _DAY


def _weight(path: Path) -> int:
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return sum(one.lstat().st_size for one in files if not one.is_dir())


def _sentences(rooms: list[Room], needs: Needs, *, yes: bool, shared: bool) -> str:
    lines = [
        f"{room.name:<18} {len(room.found):>6}  {format_size(room.bytes):>7}  {room.why}"
        for room in rooms
        if room.found
    ]
    whole = format_size(sum(room.bytes for room in rooms))
    if not lines:
        lines = ["nothing to free"]
    elif yes:
        lines.append(f"freed {whole}")
    else:
        lines.append(f"{whole} could be freed: `artpipe gc --yes`")
    asked = ", ".join(["the workspace", "champions", *(f"{noun} ({count})" for noun, count in needs.told.items())])
    lines.append(f"kept: what {asked} need")
    if needs.unlocked:
        names = ", ".join(needs.unlocked[:3]) + (" ..." if needs.unlocked[3:] else "")
        lines.append(f"without dvc.lock: {names}; all that was made by their parameters is kept")
    if shared:
        lines.append(
            "DVC's cache lies outside this project and may serve others: it was left alone (`dvc gc --projects` knows them)"
        )
    return "\n".join(lines)
