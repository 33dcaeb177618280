"""`artpipe gc`: report what could be freed, and free it.

Nothing that a branch, tag, stash, experiment or champion needs.
"""

import contextlib
import os
import re
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from artpipe.artifacts import paths
from artpipe.config.params import load_params
from artpipe.errors import BusyError, CorruptError
from artpipe.storage.dvc_cache import list_objects, object_md5, object_path, read_listing
from artpipe.storage.dvc_command import read_dvc_output
from artpipe.storage.dvc_lock import hold_dvc_lock
from artpipe.storage.garbage_report import GarbageReport, ReclaimableGroup
from artpipe.storage.leftovers import find_leftovers
from artpipe.storage.reachable import Entry, Reachable, find_output_hashes, find_reachable
from artpipe.storage.removed_datasets import find_old_folders, list_kept_hashes
from artpipe.storage.running_work import find_running_work, require_no_running_work
from artpipe.system.atomic_files import find_stale_temporaries, is_inside, remove_path
from artpipe.system.locks import hold_lock

_SHA256 = re.compile(r"[0-9a-f]{64}")
_DAY_SECONDS = 86400.0


def collect_garbage(
    root: Path = Path(), *, yes: bool = False, history: bool = False, days: float = 7.0
) -> GarbageReport:
    """Return a report of what would be freed, or with `yes` free it.

    Args:
        root: the project.
        yes: free it.
        history: keep what any commit needs, not only the newest ones.
        days: the age from which a stopped training and a removed dataset go.

    Raises:
        UserError: it is not known what is needed (no git repository, a damaged dvc.lock or params.yaml).
        BusyError: a run is at work, and it was to be freed.
        CorruptError: a folder's listing in the cache is damaged.
    """
    if yes:
        require_no_running_work(root, "nothing was freed: try again when it has ended")
    cache = _find_cache(root)
    with hold_dvc_lock(root, doing="looking what could be freed"):
        if yes:  # one may have begun while the lock was waited for
            require_no_running_work(root, "nothing was freed: try again when it has ended")
        entries = list(read_run_cache(cache))
        reachable = find_reachable(root, entries, history=history)
        reachable = reachable._replace(hashes=reachable.hashes | list_kept_hashes(root, days))
        groups = [*_find_in_cache(root, cache, reachable, entries), *_find_in_project(root, reachable, days)]
        if yes:
            for group in groups:
                for path, _ in group.items:
                    remove_aside(path)
    work = find_running_work(root)
    return GarbageReport(
        groups,
        reachable,
        is_freed=yes,
        is_shared=not is_own_cache(root, cache),
        running=work.describe() if work else "",
    )


def remove_aside(path: Path) -> None:
    """Remove a file, or a folder, which is renamed first and so is gone at once."""
    aside = path.with_name(f"{path.name}.tmp.{os.getpid()}") if path.is_dir() else path
    with contextlib.suppress(FileNotFoundError):
        path.rename(aside)
        remove_path(aside)


def _find_cache(root: Path) -> Path:
    return Path(read_dvc_output(root, "cache", "dir").strip())


def is_own_cache(root: Path, cache: Path) -> bool:
    """Return whether the cache is inside the project; another one may be shared."""
    return cache.resolve().is_relative_to(root.resolve())


def read_run_cache(cache: Path) -> Iterator[Entry]:
    """Yield the entries of DVC's run cache."""
    for path in sorted((cache / "runs").glob("??/*/*")):
        if path.is_file():
            yield path, path.read_text(encoding="utf-8", errors="replace")


def _find_in_cache(root: Path, cache: Path, reachable: Reachable, entries: list[Entry]) -> Iterator[ReclaimableGroup]:
    if not is_own_cache(root, cache):
        return
    kept_hashes = set(reachable.hashes)
    for md5 in reachable.hashes:
        kept_hashes.update(_read_members(object_path(cache, f"{md5}.dir")))
    useless_entries = merge_whole_folders(
        {path for path, text in entries if not find_output_hashes(text) <= kept_hashes}
    )
    yield _make_group("run cache", "runs whose results go", useless_entries)
    unused_objects = [path for path in list_objects(cache) if object_md5(path).removesuffix(".dir") not in kept_hashes]
    unused_objects.sort(key=lambda path: path.suffix != ".dir")  # listings first: none is left without its members
    yield ReclaimableGroup(
        "DVC's cache", "results nobody names", [(path, path.stat().st_size) for path in unused_objects]
    )


def merge_whole_folders(entries: set[Path]) -> list[Path]:
    """Replace the entries of a folder that goes as a whole by the folder.

    DVC fails on an empty folder of a run.
    """
    return sorted({entry.parent if set(entry.parent.iterdir()) <= entries else entry for entry in entries})


def _read_members(listing: Path) -> Iterable[str]:
    """Return the hashes of a folder's files; none where its listing is missing."""
    try:
        return read_listing(listing).values()
    except FileNotFoundError:
        return ()
    except ValueError:
        raise CorruptError(f"{listing}: damaged, so what it needs is not known; nothing was freed") from None


def _find_in_project(root: Path, reachable: Reachable, days: float) -> Iterator[ReclaimableGroup]:
    state = root / paths.STATE
    old_states = [
        path for path in sorted(state.glob("train/*/*")) if _is_own_folder(path, state) and _is_old(path, days)
    ]
    yield _make_group("stopped trainings", f"not gone on with for {days:g} days", old_states)
    part_results = [
        path for path in sorted(state.glob("answers/*")) if is_inside(path, state) and _age_days(path) > days
    ]
    yield _make_group("answers of parts", "no stage has asked for them", part_results)
    yield _make_group("removed datasets", f"removed {days:g} days ago", find_old_folders(root, days))
    downloads = [
        path
        for path in (state / "downloads").glob("*")
        if _SHA256.fullmatch(path.name) and path.name not in reachable.pins and is_inside(path, state)
    ]
    yield _make_group("downloads", "no card names them", downloads)
    folders = [
        *(root / "data").glob("[!.]*"),
        root / "data/gallery",
        *_find_subfolders(root / "data/gallery"),
        state,
        state / "downloads",
    ]
    leftovers = {
        *find_leftovers(root, load_params(root / "params.yaml")),
        *(path for folder in folders for path in find_stale_temporaries(folder)),
    }
    yield _make_group("data", "of removed models and datasets, and what was cut short", sorted(leftovers))


def _find_subfolders(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_dir())


def _is_own_folder(path: Path, state: Path) -> bool:
    """Return whether a path is a folder of the project's state, not a link out of it."""
    return path.is_dir() and is_inside(path, state)


def _is_old(folder: Path, days: float) -> bool:
    """Return whether a training's state is older than `days`, and nobody trains it."""
    try:
        with hold_lock(folder.parent / "lock", wait_seconds=0.0):
            return _age_days(folder) > days
    except BusyError:
        return False


def _age_days(folder: Path) -> float:
    """Return for how many days nothing was written in a folder."""
    return (time.time() - max(path.stat().st_mtime for path in (folder, *folder.rglob("*")))) / _DAY_SECONDS


def _make_group(name: str, reason: str, files: Iterable[Path]) -> ReclaimableGroup:
    return ReclaimableGroup(name, reason, [(path, _count_bytes(path)) for path in files])


def _count_bytes(path: Path) -> int:
    files = [path, *path.rglob("*")] if path.is_dir() else [path]
    return sum(file.lstat().st_size for file in files if not file.is_dir())
