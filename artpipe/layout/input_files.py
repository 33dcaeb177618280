"""Read the files of a folder, an archive, or a folder of archives in turn.

Each file has one name, its path relative to the input.
"""

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
from artpipe.layout.shard_folders import find_shard_suffixes
from artpipe.storage.dvc_config import is_cache_link
from artpipe.untrusted.archives.archive_reader import ArchiveLimits, Member, read_members
from artpipe.untrusted.archives.table_members import detect_table_suffix, read_table_members
from artpipe.untrusted.hidden_files import has_hidden_part, hidden_root, is_hidden_name
from artpipe.untrusted.rejection import Reason, RejectedError

WHOLE_FILE = 1 << 62  # bytes
_MAX_LEFTOVERS = 10_000  # leftovers of an archive, each counted once
_HUB_REPOSITORY = re.compile(r"(?:datasets|models|spaces)--.+")
BytesWanted = Callable[[str], int]  # of a name: how many of its bytes are wanted, none or WHOLE


class InputFile(NamedTuple):
    """One file: its relative path, and its bytes or why there are none."""

    name: str
    data: bytes = b""
    rejected: Reason | None = None
    detail: str = ""
    notes: tuple[str, ...] = ()  # on how its name was read


class InputFiles:
    """The files of one input.

    `leftovers` counts the files that systems left there, by name, once `read_entries` has come to its end.
    """

    def __init__(self, path: Path, limits: ArchiveLimits) -> None:
        self.path, self.limits = path, limits
        self.leftovers: Counter[str] = Counter()
        self._seen: set[str] = set()

    def read_entries(self, bytes_wanted: BytesWanted) -> Iterator[InputFile]:
        """Yield every file that no system left there, in a stable order."""
        raise NotImplementedError

    def _read_archive(self, path: Path, prefix: str, bytes_wanted: BytesWanted) -> Iterator[InputFile]:
        """Yield the members of an archive."""
        read = read_members if detect_table_suffix(path) is None else read_table_members
        members = read(path, self.limits, lambda name: self._is_wanted(prefix, name, bytes_wanted))
        with closing(members):
            for member in members:
                name = _strip_dot(member.name)
                if has_hidden_part(name):
                    self._count_leftover(prefix + hidden_root(name))
                else:
                    yield _to_input_file(member, prefix + name, bytes_wanted)

    def _is_wanted(self, prefix: str, name: str, bytes_wanted: BytesWanted) -> bool:
        member = _strip_dot(name)
        return not has_hidden_part(member) and bytes_wanted(prefix + member) > 0

    def _count_leftover(self, path: str) -> None:
        if path not in self._seen:
            self.leftovers[path.rpartition("/")[2]] += 1
            if len(self._seen) < _MAX_LEFTOVERS:
                self._seen.add(path)


class ArchiveFiles(InputFiles):
    """A zip or tar archive, which is never extracted."""

    def read_entries(self, bytes_wanted: BytesWanted) -> Iterator[InputFile]:
        """Yield its members in their order."""
        self.leftovers.clear()
        self._seen.clear()
        yield from self._read_archive(self.path, "", bytes_wanted)


class FolderFiles(InputFiles):
    """The files of a folder.

    Links are refused, but those of DVC into its cache and of a Hugging Face Hub cache into its blobs.
    """

    def __init__(self, path: Path, limits: ArchiveLimits) -> None:
        super().__init__(path, limits)
        self._shard_suffixes = find_shard_suffixes(file.name for file in walk_files(path))
        self._hub = find_hub_repository(path)

    def read_entries(self, bytes_wanted: BytesWanted) -> Iterator[InputFile]:
        """Yield its files in the order of the names' bytes.

        Where the folder holds archives only, their members are yielded.
        """
        self.leftovers.clear()
        for path in walk_files(self.path, self._count_folder_leftover):
            name = path.relative_to(self.path).as_posix()
            if self.is_shard(path):
                yield from self._read_shard(path, name, bytes_wanted)
                continue
            try:
                yield InputFile(name, self._read(path, bytes_wanted(name)))
            except RejectedError as error:
                yield InputFile(name, rejected=error.reason, detail=error.detail)

    @property
    def has_shards(self) -> bool:
        """Return whether the folder consists of archives, or of tables of pictures."""
        return bool(self._shard_suffixes)

    @property
    def has_tables(self) -> bool:
        """Return whether the folder consists of tables of pictures."""
        return self._shard_suffixes == folder_words.TABLE_SUFFIXES

    def is_shard(self, path: Path) -> bool:
        """Return whether a file is one of those that the folder consists of."""
        return self.has_shards and path.name.lower().endswith(self._shard_suffixes) and path.is_file()

    def _read_shard(self, path: Path, name: str, bytes_wanted: BytesWanted) -> Iterator[InputFile]:
        try:
            yield from self._read_archive(path, f"{name}/", bytes_wanted)
        except UserError as error:
            yield InputFile(name, rejected="damaged", detail=str(error).removeprefix(f"{path}: "))

    def _count_folder_leftover(self, name: str) -> None:
        self.leftovers[name] += 1

    def _read(self, path: Path, count: int) -> bytes:
        """Return up to `count` bytes of a regular file."""
        try:
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                return self._read(self._resolve_link(path), count)
            if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
                raise RejectedError("special file")
            if not count and stat.S_ISREG(mode):
                return b""
            handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)  # it may have been changed meanwhile
            with os.fdopen(handle, "rb") as stream:
                size, max_bytes = os.fstat(handle).st_size, int(self.limits.megabytes * 2**20)
                if count == WHOLE_FILE and size > max_bytes:
                    raise RejectedError(
                        "too large",
                        Message(
                            code="megabytes_of_most", values={"megabytes": size / 2**20, "most": max_bytes / 2**20}
                        ),
                        "max_megabytes",
                    )
                return stream.read(min(count, max_bytes))
        except OSError as error:
            raise RejectedError("unreadable", error.strerror or "") from None

    def _resolve_link(self, path: Path) -> Path:
        if is_cache_link(path):
            return Path(os.path.realpath(path))
        if self._hub is not None and (blob := resolve_hub_blob(path, self._hub)) is not None:
            return blob
        target = Path(os.path.realpath(path))  # a loop is no error here
        outside = not target.is_relative_to(os.path.realpath(self.path))
        raise RejectedError("outside the root" if outside else "symlink", "a link")


class SingleFile(InputFiles):
    """One file of many works."""

    def read_entries(self, bytes_wanted: BytesWanted) -> Iterator[InputFile]:
        """Yield it."""
        with self.path.open("rb") as stream:
            count = min(bytes_wanted(self.path.name), int(self.limits.megabytes * 2**20))
            yield InputFile(self.path.name, stream.read(count))


def make_archive_limits(ingest: IngestParams) -> ArchiveLimits:
    """Return the limits of a dataset's archives from its `ingest` parameters."""
    return ArchiveLimits(
        megabytes=ingest.max_megabytes,
        gigabytes=ingest.max_archive_gigabytes,
        entries=ingest.max_archive_entries,
        ratio=ingest.max_archive_ratio,
        names=ingest.names,
    )


def open_input_files(path: Path, limits: ArchiveLimits, *, single: bool = False) -> InputFiles:
    """Return the files of a folder, an archive, or a `single` file of many works."""
    if path.is_dir():
        return FolderFiles(path, limits)
    return SingleFile(path, limits) if single else ArchiveFiles(path, limits)


def walk_files(root: Path, on_leftover: Callable[[str], None] = lambda _: None) -> Generator[Path, None, None]:
    """Yield all files below a folder that are not hidden.

    A folder that cannot be read is yielded itself.

    Folders may be nested as deep as the system lets them, deeper than Python's stack.
    """
    open_folders = [(root, iter(_list_names(root, on_leftover)))]
    while open_folders:
        folder, names = open_folders[-1]
        if (name := next(names, None)) is None:
            open_folders.pop()
            continue
        path = folder / name
        if stat.S_ISDIR(_file_mode(path)):
            try:
                open_folders.append((path, iter(_list_names(path, on_leftover))))
            except OSError:
                yield path
        else:
            yield path


def find_hub_repository(path: Path) -> Path | None:
    """Return the folder of the Hugging Face Hub's cache that a path lies in.

    It is ``datasets--ORG--NAME`` with its blobs.
    """
    absolute = path.absolute()
    repositories = (folder for folder in (absolute, *absolute.parents) if _HUB_REPOSITORY.fullmatch(folder.name))
    return next(
        (folder for folder in repositories if (folder / "blobs").is_dir() and not (folder / "blobs").is_symlink()), None
    )


def resolve_hub_blob(link: Path, repository: Path) -> Path | None:
    """Return the file that a link points at, None where it is none of the blobs."""
    target, blobs = Path(os.path.realpath(link)), Path(os.path.realpath(repository / "blobs"))
    return target if target.parent == blobs and stat.S_ISREG(_file_mode(target)) else None


def resolve_hub_snapshot(path: Path) -> Path:
    """Return the snapshot of a repository in the Hub's cache; other paths unchanged.

    Raises:
        UserError: it has several snapshots, and none of them is the main branch's.
    """
    if not _HUB_REPOSITORY.fullmatch(path.absolute().name) or not (path / "snapshots").is_dir():
        return path
    snapshots = sorted(
        snapshot for snapshot in (path / "snapshots").iterdir() if snapshot.is_dir() and not snapshot.is_symlink()
    )
    main = path / "refs" / "main"
    commit = main.read_text("utf-8", "replace").strip() if main.is_file() and main.stat().st_size < 1 << 10 else ""
    if (matching := [snapshot for snapshot in snapshots if snapshot.name == commit]) or len(snapshots) == 1:
        return (matching or snapshots)[0]
    listed = ", ".join(snapshot.name for snapshot in snapshots[:4]) or "none"
    raise UserError(f"{path}: a cache of the Hugging Face Hub with snapshots {listed}; name one: {path}/snapshots/...")


def _to_input_file(member: Member, name: str, bytes_wanted: BytesWanted) -> InputFile:
    if member.rejected is not None:
        return InputFile(name, rejected=member.rejected, detail=member.detail, notes=member.notes)
    return InputFile(name, member.data[: bytes_wanted(name)] if member.data else b"", notes=member.notes)


def _strip_dot(name: str) -> str:
    """Return a name without the leading ``./`` that `tar -c .` writes."""
    while name.startswith("./"):
        name = name[2:]
    return name


def _list_names(folder: Path, on_leftover: Callable[[str], None]) -> list[str]:
    names = []
    for path in folder.iterdir():
        if is_hidden_name(path.name):
            on_leftover(path.name)
        else:
            names.append(path.name)
    return sorted(names, key=os.fsencode)


def _file_mode(path: Path) -> int:
    """Return the mode of a file, 0 where it cannot be read; links are not followed."""
    try:
        return path.lstat().st_mode
    except OSError:
        return 0
