"""What DVC keeps of a project, beside what lies in the workspace: every file hashed once, on all cores."""

import contextlib
import os
import shutil
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from artpipe.artifacts import paths
from artpipe.storage.dvc_cache import Output, object_of, outputs_of, put, rows_of
from artpipe.storage.dvc_command import listing_of, md5_of
from artpipe.system.atomic_files import remove_path, remove_stale_temporaries, sync_folder, write_file
from artpipe.system.hashing import md5_file, sha256_file


class Hashes:
    """Hashes of files, each read once as long as it is the same file, many at a time."""

    def __init__(self) -> None:
        self.files, self.bytes = 0, 0
        self._known: dict[tuple[str, str, int, int, int], str] = {}

    def md5(self, path: Path) -> str:
        """Return a file's MD5, nothing where it cannot be read."""
        return self._of("md5", md5_file, path)

    def sha256(self, path: Path) -> str:
        """Return a file's SHA-256, nothing where it cannot be read."""
        return self._of("sha256", sha256_file, path)

    def ahead(self, wanted: Iterable[tuple[Callable[[Path], str], Path]]) -> None:
        """Hash what will be asked for, on all cores: hashing waits for no interpreter."""
        with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
            list(pool.map(lambda one: one[0](one[1]), wanted))

    def _of(self, name: str, reckon: Callable[[Path], str], path: Path) -> str:
        try:
            found = path.stat()
            key = (name, str(path), found.st_ino, found.st_mtime_ns, found.st_size)
            if key not in self._known:
                self._known[key] = reckon(path)
                self.files, self.bytes = self.files + 1, self.bytes + found.st_size
        except OSError:  # a failing disk is damage as well
            return ""
        return self._known[key]


class Holdings:
    """The workspace in `root`, DVC's cache, what dvc.lock and the .dvc files name, and the hashes known so far."""

    def __init__(self, root: Path, cache: Path, hashes: Hashes) -> None:
        self.root, self.cache, self.hashes = root, cache, hashes
        self.outputs, self.torn = outputs_of(root)
        self.rows = {out: self._rows(out) for out in self.outputs}
        self.wanted: dict[Path, tuple[Output, str]] = {}  # what the workspace should have, and its MD5
        self.copies: dict[str, list[Path]] = {}  # the same by MD5
        for out, rows in self.rows.items():
            for path, md5 in ((root / out.path, out.md5), *((root / out.path / name, rows[name]) for name in rows)):
                self.wanted[path] = out, md5
                self.copies.setdefault(md5, []).append(path)

    def _rows(self, out: Output) -> dict[str, str]:
        """Return an output's files and their MD5, nothing where that is not known any more."""
        if not out.md5.endswith(".dir"):
            return {}
        listing = object_of(self.cache, out.md5)
        with contextlib.suppress(OSError, ValueError):
            if f"{self.hashes.md5(listing)}.dir" == out.md5:
                return rows_of(listing)
        return {}

    def is_whole(self, md5: str) -> bool:
        """Return whether the cache has the object, and it is what its name says."""
        return self.hashes.md5(object_of(self.cache, md5)) == md5.removesuffix(".dir")

    def counted(self, out: Output) -> tuple[int, int | None] | None:
        """Return size and number of files of an output that the cache has whole, as they are; None: it has not."""
        rows = self.rows[out] if out in self.rows else self._rows(out)  # a note of an earlier run may name others
        objects = [object_of(self.cache, md5) for md5 in rows.values()] if out.md5.endswith(".dir") else None
        if not self.is_whole(out.md5) or (objects is not None and not all(map(self.is_whole, rows.values()))):
            return None
        if objects is None:
            return object_of(self.cache, out.md5).stat().st_size, None
        return sum(path.stat().st_size for path in objects), len(objects)

    def miscounted(self, out: Output) -> bool:
        """Return whether size or number of files that an output is said to have are not what the cache has."""
        counted = self.counted(out)
        return counted is not None and counted != (out.size or counted[0], out.files or counted[1])

    def copy_of(self, md5: str) -> Path | None:
        """Return a file or folder of the workspace from which an object can be written again."""
        for path in self.copies.get(md5, ()):
            if not md5.endswith(".dir") and self.hashes.md5(path) == md5:
                return path
            if md5.endswith(".dir") and path.is_dir() and md5_of(path) == md5:
                return path
        return None

    def name(self, path: Path) -> str:
        """Return a path for people, relative to the project where it lies in it."""
        with contextlib.suppress(ValueError):
            return str((path.parent.resolve() / path.name).relative_to(self.root.resolve()))
        return str(path)

    def write_object(self, md5: str) -> None:
        """Write an object of the cache again, from the workspace."""
        if copy := self.copy_of(md5):
            remove_stale_temporaries(object_of(self.cache, md5).parent)  # of a repair that was killed here
            put(self.cache, md5, listing_of(copy) if md5.endswith(".dir") else copy)

    def write_file(self, path: Path) -> None:
        """Write a file of the workspace again, from the cache; it is no link."""
        out, md5 = self.wanted[path]
        mending = self.root / paths.STATE / "mending" if out.is_source else path  # no half of a file among works
        remove_stale_temporaries(mending.parent)
        with write_file(mending) as temporary:
            shutil.copyfile(object_of(self.cache, md5), temporary)
        if mending != path:
            shutil.move(mending, path)
            sync_folder(path.parent)

    def put_aside(self, *damaged: Path) -> None:
        """Take what is damaged out of the way, where a person may still look at it."""
        for path in damaged:
            inside = path.is_relative_to(self.root)
            aside = self.root / paths.STATE / "damaged" / (path.relative_to(self.root) if inside else path.name)
            remove_path(aside)
            aside.parent.mkdir(parents=True, exist_ok=True)
            shutil.move(path, aside)
