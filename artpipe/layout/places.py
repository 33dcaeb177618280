"""The files of a folder, of an archive, or of a folder of archives, one after the other under one name each."""

import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from artpipe.config.params import IngestParams
from artpipe.errors import UserError
from artpipe.language.message import Message
from artpipe.layout import folder_words
from artpipe.storage.dvc_config import is_cache_link
from artpipe.untrusted.archives.archive_reader import ArchiveLimits, Member, members
from artpipe.untrusted.hidden_files import is_hidden, leftover_of, lies_hidden
from artpipe.untrusted.rejection import Reason, RejectedError

WHOLE = 1 << 62  # bytes
_REMEMBERED = 10_000  # leftovers of an archive, each counted once
_HUB_REPOSITORY = re.compile(r"(?:datasets|models|spaces)--.+")
_BESIDE_SHARDS = (".json", ".parquet", ".csv", ".yaml", ".yml", ".idx", ".index", ".html", ".pdf")
Wanted = Callable[[str], int]  # of a name: how many of its bytes are wanted, none or WHOLE


class Entry(NamedTuple):
    """One file: its path relative to the place, the bytes that were wanted, or why there are none."""

    name: str
    data: bytes = b""
    rejected: Reason | None = None
    detail: str = ""
    notes: tuple[str, ...] = ()  # on how its name was read


class Place:
    """Where works come from; `leftovers` counts what systems left there, by name, once `entries` has come to its end."""

    def __init__(self, path: Path, limits: ArchiveLimits) -> None:
        self.path, self.limits = path, limits
        self.leftovers: Counter[str] = Counter()
        self._seen: set[str] = set()

    def entries(self, wanted: Wanted) -> Iterator[Entry]:
        """Yield every file that no system left there, in a stable order."""
        raise NotImplementedError

    def _archived(self, path: Path, prefix: str, wanted: Wanted) -> Iterator[Entry]:
        """Yield the members of an archive."""
        found = members(path, self.limits, lambda name: self._is_wanted(prefix, name, wanted))
        with closing(found):
            for member in found:
                name = _without_dot(member.name)
                if lies_hidden(name):
                    self._leave(prefix + leftover_of(name))
                else:
                    yield _entry(member, prefix + name, wanted)

    def _is_wanted(self, prefix: str, name: str, wanted: Wanted) -> bool:
        plain = _without_dot(name)
        return not lies_hidden(plain) and wanted(prefix + plain) > 0

    def _leave(self, path: str) -> None:
        if path not in self._seen:
            self.leftovers[path.rpartition("/")[2]] += 1
            if len(self._seen) < _REMEMBERED:
                self._seen.add(path)


class ArchivePlace(Place):
    """A zip or tar archive, which is never extracted."""

    def entries(self, wanted: Wanted) -> Iterator[Entry]:
        """Yield its members in their order."""
        self.leftovers.clear()
        self._seen.clear()
        yield from self._archived(self.path, "", wanted)


class FolderPlace(Place):
    """A folder; links are refused, but those of DVC into its cache and of a Hugging Face Hub cache into its blobs."""

    def __init__(self, path: Path, limits: ArchiveLimits) -> None:
        super().__init__(path, limits)
        self.shards = _holds_shards(path)
        self._hub = hub_repository(path)

    def entries(self, wanted: Wanted) -> Iterator[Entry]:
        """Yield its files in the order of the names' bytes, and those of its archives where it holds nothing else."""
        self.leftovers.clear()
        for path in walk(self.path, self._leave_here):
            name = path.relative_to(self.path).as_posix()
            if self.shards and folder_words.archive_stem(path.name) is not None and path.is_file():
                yield from self._shard(path, name, wanted)
                continue
            try:
                yield Entry(name, self._read(path, wanted(name)))
            except RejectedError as error:
                yield Entry(name, rejected=error.reason, detail=error.detail)

    def _shard(self, path: Path, name: str, wanted: Wanted) -> Iterator[Entry]:
        try:
            yield from self._archived(path, f"{name}/", wanted)
        except UserError as error:
            yield Entry(name, rejected="damaged", detail=str(error).removeprefix(f"{path}: "))

    def _leave_here(self, name: str) -> None:
        self.leftovers[name] += 1

    def _read(self, path: Path, count: int) -> bytes:
        """Return up to `count` bytes of a regular file."""
        try:
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                return self._read(self._linked(path), count)
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise RejectedError("special file")
            if not count and stat.S_ISREG(mode):
                return b""
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # it may have been changed meanwhile
            with os.fdopen(handle, "rb") as stream:
                size, most = os.fstat(handle).st_size, int(self.limits.megabytes * 2**20)
                if count == WHOLE and size > most:
                    raise RejectedError(
                        "too large",
                        Message(code="megabytes_of_most", values={"megabytes": size / 2**20, "most": most / 2**20}),
                        "max_megabytes",
                    )
                return stream.read(min(count, most))
        except OSError as error:
            raise RejectedError("unreadable", error.strerror or "") from None

    def _linked(self, path: Path) -> Path:
        if is_cache_link(path):
            return Path(os.path.realpath(path))
        if self._hub is not None and (blob := hub_blob(path, self._hub)) is not None:
            return blob
        outside = not Path(os.path.realpath(path)).is_relative_to(
            os.path.realpath(self.path)
        )  # a loop is no error here
        raise RejectedError("outside the root" if outside else "symlink", "a link")


class FilePlace(Place):
    """One file of many works."""

    def entries(self, wanted: Wanted) -> Iterator[Entry]:
        """Yield it."""
        with self.path.open("rb") as stream:
            count = min(wanted(self.path.name), int(self.limits.megabytes * 2**20))
            yield Entry(self.path.name, stream.read(count))


def archive_limits(ingest: IngestParams) -> ArchiveLimits:
    """Return what an archive of a dataset may bring."""
    return ArchiveLimits(
        megabytes=ingest.max_megabytes,
        gigabytes=ingest.max_archive_gigabytes,
        entries=ingest.max_archive_entries,
        ratio=ingest.max_archive_ratio,
        names=ingest.names,
    )


def open_place(path: Path, limits: ArchiveLimits, *, single: bool = False) -> Place:
    """Return a folder, an archive or a `single` file of many works as a place of works."""
    if path.is_dir():
        return FolderPlace(path, limits)
    return FilePlace(path, limits) if single else ArchivePlace(path, limits)


def walk(root: Path, leave: Callable[[str], None] = lambda _: None) -> Generator[Path, None, None]:
    """Yield all below that is neither hidden nor a folder; a folder that cannot be read is yielded itself.

    Folders may be nested as deep as the system lets them, deeper than Python's stack.
    """
    open_folders = [(root, iter(_names(root, leave)))]
    while open_folders:
        folder, names = open_folders[-1]
        if (name := next(names, None)) is None:
            open_folders.pop()
            continue
        path = folder / name
        if stat.S_ISDIR(_mode(path)):
            try:
                open_folders.append((path, iter(_names(path, leave))))
            except OSError:
                yield path
        else:
            yield path


def hub_repository(path: Path) -> Path | None:
    """Return the folder of the Hugging Face Hub's cache that a path lies in: ``datasets--ORG--NAME`` with its blobs."""
    place = path.absolute()
    named = (one for one in (place, *place.parents) if _HUB_REPOSITORY.fullmatch(one.name))
    return next((one for one in named if (one / "blobs").is_dir() and not (one / "blobs").is_symlink()), None)


def hub_blob(link: Path, repository: Path) -> Path | None:
    """Return the regular file among the repository's blobs that a link points at, None where it points anywhere else."""
    target, blobs = Path(os.path.realpath(link)), Path(os.path.realpath(repository / "blobs"))
    return target if target.parent == blobs and stat.S_ISREG(_mode(target)) else None


def hub_snapshot(path: Path) -> Path:
    """Return the snapshot that is meant by a repository of the Hugging Face Hub's cache; any other path as it is.

    Raises:
        UserError: it has several snapshots, and none of them is the main branch's.
    """
    if not _HUB_REPOSITORY.fullmatch(path.absolute().name) or not (path / "snapshots").is_dir():
        return path
    snapshots = sorted(one for one in (path / "snapshots").iterdir() if one.is_dir() and not one.is_symlink())
    main = path / "refs" / "main"
    commit = main.read_text("utf-8", "replace").strip() if main.is_file() and main.stat().st_size < 1 << 10 else ""
    if (named := [one for one in snapshots if one.name == commit]) or len(snapshots) == 1:
        return (named or snapshots)[0]
    listed = ", ".join(one.name for one in snapshots[:4]) or "none"
    raise UserError(f"{path}: a cache of the Hugging Face Hub with snapshots {listed}; name one: {path}/snapshots/...")


def _holds_shards(path: Path) -> bool:
    """Return whether a folder holds archives, and nothing else that could be a work; it ends at the first that could."""
    archives = False
    for file in walk(path):
        if folder_words.archive_stem(file.name) is not None:
            archives = True
        elif not _lies_beside_shards(file.name):
            return False
    return archives


def _lies_beside_shards(name: str) -> bool:
    listing = folder_words.is_about(name) or folder_words.is_list(name) or name.startswith("__")
    return listing or name.lower().endswith(_BESIDE_SHARDS)


def _entry(member: Member, name: str, wanted: Wanted) -> Entry:
    if member.rejected is not None:
        return Entry(name, rejected=member.rejected, detail=member.detail, notes=member.notes)
    return Entry(name, member.data[: wanted(name)] if member.data else b"", notes=member.notes)


def _without_dot(name: str) -> str:
    """`tar -c .` writes ``./`` before every name."""
    while name.startswith("./"):
        name = name[2:]
    return name


def _names(folder: Path, leave: Callable[[str], None]) -> list[str]:
    names = []
    for path in folder.iterdir():
        if is_hidden(path.name):
            leave(path.name)
        else:
            names.append(path.name)
    return sorted(names, key=os.fsencode)


def _mode(path: Path) -> int:
    """Return what kind of file it is, 0 where nobody says; a link is a link."""
    try:
        return path.lstat().st_mode
    except OSError:
        return 0
