"""What DVC keeps of a project and what is in the workspace, each file hashed once."""

import contextlib
import os
import shutil
from collections.abc import Callable, Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from artpipe.artifacts import paths
from artpipe.storage.dvc_cache import Output, object_path, read_listing, read_outputs, write_object
from artpipe.storage.dvc_command import hash_folder, make_listing
from artpipe.system.atomic_files import remove_path, remove_stale_temporaries, sync_folder, write_file
from artpipe.system.hashing import md5_file, sha256_file


class HashCache:
    """Hashes of files, each read once while it is the same file, many in parallel."""

    def __init__(self) -> None:
        self.files, self.bytes = 0, 0
        self._hashes: dict[tuple[str, str, int, int, int], str] = {}

    def md5(self, path: Path) -> str:
        """Return a file's MD5, empty where it cannot be read."""
        return self._hash("md5", md5_file, path)

    def sha256(self, path: Path) -> str:
        """Return a file's SHA-256, empty where it cannot be read."""
        return self._hash("sha256", sha256_file, path)

    def prefetch(self, jobs: Iterable[tuple[Callable[[Path], str], Path]]) -> None:
        """Hash files in advance on all cores; hashing releases the interpreter's lock."""
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            list(pool.map(lambda job: job[0](job[1]), jobs))

    def _hash(self, name: str, hash_file: Callable[[Path], str], path: Path) -> str:
        try:
            status = path.stat()
            key = (name, str(path), status.st_ino, status.st_mtime_ns, status.st_size)
            if key not in self._hashes:
                self._hashes[key] = hash_file(path)
                self.files, self.bytes = self.files + 1, self.bytes + status.st_size
        except OSError:  # a failing disk is damage as well
            return ""
        return self._hashes[key]


class Inventory:
    """A project's workspace and DVC's cache, with what dvc.lock and .dvc files name.

    `incomplete` outputs, which a run is making, are left out.
    """

    def __init__(self, root: Path, cache: Path, hashes: HashCache, incomplete: Collection[Path] = ()) -> None:
        self.root, self.cache, self.hashes = root, cache, hashes
        self._incomplete = frozenset(root / path for path in incomplete)
        outputs, self.torn = read_outputs(root)
        self.outputs = [out for out in outputs if not self.is_incomplete(root / out.path)]
        self.rows = {out: self._read_rows(out) for out in self.outputs}
        self.expected: dict[Path, tuple[Output, str]] = {}  # what the workspace should have, and its MD5
        self.copies: dict[str, list[Path]] = {}  # the same by MD5
        for out, rows in self.rows.items():
            for path, md5 in ((root / out.path, out.md5), *((root / out.path / name, rows[name]) for name in rows)):
                self.expected[path] = out, md5
                self.copies.setdefault(md5, []).append(path)

    def is_incomplete(self, path: Path) -> bool:
        """Return whether a path is in an output that a run is making."""
        return not self._incomplete.isdisjoint((path, *path.parents))

    def _read_rows(self, out: Output) -> dict[str, str]:
        """Return an output's files and their MD5, empty where the listing is damaged."""
        if not out.md5.endswith(".dir"):
            return {}
        listing = object_path(self.cache, out.md5)
        with contextlib.suppress(OSError, ValueError):
            if f"{self.hashes.md5(listing)}.dir" == out.md5:
                return read_listing(listing)
        return {}

    def is_intact(self, md5: str) -> bool:
        """Return whether the cache has the object, with the content its name says."""
        return self.hashes.md5(object_path(self.cache, md5)) == md5.removesuffix(".dir")

    def count_size(self, out: Output) -> tuple[int, int | None] | None:
        """Return an output's bytes and number of files; None if the cache lacks any of it."""
        rows = self.rows[out] if out in self.rows else self._read_rows(out)  # a note of an earlier run may name others
        objects = [object_path(self.cache, md5) for md5 in rows.values()] if out.md5.endswith(".dir") else None
        if not self.is_intact(out.md5) or (objects is not None and not all(map(self.is_intact, rows.values()))):
            return None
        if objects is None:
            return object_path(self.cache, out.md5).stat().st_size, None
        return sum(path.stat().st_size for path in objects), len(objects)

    def is_miscounted(self, out: Output) -> bool:
        """Return whether an output's recorded size or number of files is wrong."""
        counted = self.count_size(out)
        return counted is not None and counted != (out.size or counted[0], out.files or counted[1])

    def find_copy(self, md5: str) -> Path | None:
        """Return a file or folder of the workspace with the content of an object."""
        for path in self.copies.get(md5, ()):
            if not md5.endswith(".dir") and self.hashes.md5(path) == md5:
                return path
            if md5.endswith(".dir") and path.is_dir() and hash_folder(path) == md5:
                return path
        return None

    def display_name(self, path: Path) -> str:
        """Return a path for people, relative to the project where it is inside."""
        with contextlib.suppress(ValueError):
            return str((path.parent.resolve() / path.name).relative_to(self.root.resolve()))
        return str(path)

    def restore_object(self, md5: str) -> None:
        """Write an object of the cache again, from the workspace."""
        if copy := self.find_copy(md5):
            remove_stale_temporaries(object_path(self.cache, md5).parent)  # of a repair that was killed here
            write_object(self.cache, md5, make_listing(copy) if md5.endswith(".dir") else copy)

    def restore_file(self, path: Path) -> None:
        """Write a file of the workspace again, from the cache; it is no link."""
        out, md5 = self.expected[path]
        temporary_target = (
            self.root / paths.STATE / "mending" if out.is_source else path
        )  # no half of a file among works
        remove_stale_temporaries(temporary_target.parent)
        with write_file(temporary_target) as temporary:
            shutil.copyfile(object_path(self.cache, md5), temporary)
        if temporary_target != path:
            shutil.move(temporary_target, path)
            sync_folder(path.parent)

    def move_aside(self, *damaged: Path) -> None:
        """Move damaged files to a folder where a person may still look at them."""
        for path in damaged:
            is_inside_project = path.is_relative_to(self.root)
            target = (
                self.root / paths.STATE / "damaged" / (path.relative_to(self.root) if is_inside_project else path.name)
            )
            remove_path(target)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, target)

    def move_output_aside(self, folder: Path) -> None:
        """Move an output aside if it is still there: several damaged files may ask for it."""
        if folder.exists():
            self.move_aside(folder)
