"""Record every file of an input on disk: its media and the files of the same name."""

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from artpipe.layout import folder_words
from artpipe.layout.input_files import InputFile, InputFiles
from artpipe.layout.work_kinds import START_BYTES, WorkKinds, get_suffix, match_media, medium_by_suffix
from artpipe.untrusted.metadata import is_metadata_file

_MAX_LOOKED_AT = 500  # files of a suffix whose first bytes are read; what most of them are goes for the rest
_MAX_VERIFIED = 64  # works of a medium, taken for such by their suffix, whose first bytes are read
STYLEGAN_TABLE = "dataset.json"
_LINKS = "links, which are not followed; `cp -rL` makes files of them"
_REFUSED: dict[str, str] = {"symlink": _LINKS, "outside the root": _LINKS}
_SIDECAR_OF_FILE = re.compile(r"(.*?)(?:\(\d+\))?(\.[a-z0-9]{2,5})(?:\.[a-z-]*)?(?:\(\d+\))?\.[a-z0-9]+")
_TAKEOUT_LENGTH = 40  # characters from which on Google cuts the name of a picture in the name of its JSON
_SCHEMA = """
CREATE TABLE folders (id INTEGER PRIMARY KEY, path TEXT UNIQUE, aside INTEGER DEFAULT 0);
CREATE TABLE files (folder INTEGER, key TEXT, name TEXT, suffix TEXT, media TEXT, role TEXT,
                    PRIMARY KEY (folder, key, name)) WITHOUT ROWID;
"""
# Roles: "work" may be one of `media`; "table" is read for fields of works; "about", "list" and "refused" are no works.


class SurveyedFile(NamedTuple):
    """One file as the survey stores it."""

    folder: str  # path relative to the place, without a slash at its end; empty for the root
    name: str
    suffix: str
    media: tuple[str, ...]
    role: str

    @property
    def path(self) -> str:
        """Return its path relative to the input."""
        return f"{self.folder}/{self.name}" if self.folder else self.name


class FileSurvey:
    """The file names of an input, in a temporary SQLite file.

    Memory does not grow with their number.
    """

    def __init__(self, inputs: InputFiles, kinds: WorkKinds) -> None:
        self.inputs, self.kinds = inputs, kinds
        self.database = sqlite3.connect("", isolation_level=None)
        self.database.executescript(_SCHEMA)
        self.database.execute("BEGIN")
        self.unread: Counter[str] = Counter()  # formats that are known and not read, with what to do
        self._looked: Counter[str] = Counter()  # by suffix, or medium
        self._majority: dict[str, Counter[tuple[str, ...]]] = {}
        self._last: tuple[str, int] = ("", -1)
        try:
            for entry in inputs.read_entries(self._bytes_wanted):
                self._add(entry)
            self.database.execute("CREATE INDEX keys ON files (key, folder)")
        except BaseException:
            self.database.close()
            raise

    def close(self) -> None:
        """Close the file."""
        self.database.close()

    def folder_id(self, path: str, *, add: bool = False) -> int | None:
        """Return the number of a folder, None where none of its files was seen."""
        path = to_sqlite_text(path)
        if self._last[0] == path and self._last[1] >= 0:
            return self._last[1]
        row = self.database.execute("SELECT id FROM folders WHERE path = ?", (path,)).fetchone()
        if row is None and add:
            row = (self.database.execute("INSERT INTO folders (path) VALUES (?)", (path,)).lastrowid,)
        if row is None:
            return None
        self._last = (path, int(row[0]))
        return self._last[1]

    def files(self, where: str = "1", *values: object) -> Iterator[SurveyedFile]:
        """Yield files, folder by folder."""
        query = f"SELECT path, name, suffix, media, role FROM files JOIN folders ON id = folder WHERE {where}"  # noqa: S608 - our own words
        for path, name, suffix, media, role in self.database.execute(f"{query} ORDER BY folder, key, name", values):
            yield SurveyedFile(path, name, suffix, tuple(filter(None, media.split(","))), role)

    def find_work_key(self, folder: int, name: str, medium: str) -> str | None:
        """Return the key of the work that a file is a sidecar of, None where of none.

        ``1.txt``, ``1.jpg.json``, ``1.jpg.supplemental-meta.json`` and ``1.jpg(2).json`` belong to ``1.jpg``. What is
        called after a work that is not there has the empty key.
        """
        sidecars = self.kinds[medium].sidecars
        if get_suffix(name) not in sidecars:
            return None
        query = "SELECT name, suffix, media FROM files WHERE folder = ? AND key = ?"
        for key in _possible_keys(folder_words.fold_name(name)):
            for other, suffix, media in self.database.execute(query, (folder, to_sqlite_text(key))):
                if other != to_sqlite_text(name) and suffix not in sidecars and medium in media.split(","):
                    return key
        return self._find_truncated_key(folder, folder_words.fold_name(name), medium)

    def _find_truncated_key(self, folder: int, name: str, medium: str) -> str | None:
        """Return the key of a work whose name Google truncated in that of its JSON.

        Empty where the work is not there.
        """
        stem = name.removesuffix(".json")
        if stem != name and len(stem) >= _TAKEOUT_LENGTH:
            query = "SELECT key FROM files WHERE folder = ? AND key >= ? AND key < ? AND media = ?"
            values = (folder, to_sqlite_text(stem), to_sqlite_text(stem) + "\U0010ffff", medium)
            if row := self.database.execute(query, values).fetchone():
                return str(row[0])
        match = _SIDECAR_OF_FILE.fullmatch(name)
        is_picture_name = match is not None and match[2] in self.kinds[medium].suffixes
        return "" if is_picture_name else None

    def _bytes_wanted(self, path: str) -> int:
        """Return how many bytes of a file have to be read."""
        name = path.rpartition("/")[2]
        medium, suffix = medium_by_suffix(name, self.kinds), get_suffix(name)
        if medium is not None:
            return START_BYTES if self._looked[medium] < _MAX_VERIFIED else 0
        return START_BYTES if self._looked[suffix] < _MAX_LOOKED_AT else 0

    def _add(self, entry: InputFile) -> None:
        folder, _, name = entry.name.rpartition("/")
        role, media = self._classify(entry, name)
        number = self.folder_id(folder, add=True)
        row = (
            number,
            to_sqlite_text(strip_suffix(folder_words.fold_name(name))),
            to_sqlite_text(name),
            get_suffix(name),
            ",".join(media),
            role,
        )
        self.database.execute("INSERT OR IGNORE INTO files VALUES (?, ?, ?, ?, ?, ?)", row)

    def _classify(self, entry: InputFile, name: str) -> tuple[str, tuple[str, ...]]:
        if entry.rejected is not None:
            self.unread.update([_REFUSED.get(entry.rejected, f"refused: {entry.rejected}")])
            return "refused", ()
        if is_metadata_file(name):
            return "table", ()
        if _is_listing(name):
            return ("about", ()) if folder_words.is_readme(name) else ("list", self._match_media(entry, name))
        return "work", self._match_media(entry, name)

    def _match_media(self, entry: InputFile, name: str) -> tuple[str, ...]:
        """Return the media that a file may be a work of."""
        medium, suffix = medium_by_suffix(name, self.kinds), get_suffix(name)
        subject, limit = (medium, _MAX_VERIFIED) if medium is not None else (suffix, _MAX_LOOKED_AT)
        if self._looked[subject] >= limit:
            majority = self._majority[subject].most_common(1)[0][0]
            return (medium,) if medium is not None else majority
        self._looked[subject] += 1
        media = match_media(entry.data, name, self.kinds)
        if not media:
            self.unread.update(filter(None, (kind.explain_unread(entry.data) for kind in self.kinds.values())))
        self._majority.setdefault(subject, Counter())[media] += 1
        return media


def _is_listing(name: str) -> bool:
    return (
        name == STYLEGAN_TABLE
        or is_metadata_file(name)
        or folder_words.is_readme(name)
        or folder_words.is_listing(name)
    )


def strip_suffix(name: str) -> str:
    """Return a name without its last suffix."""
    suffix = get_suffix(name)
    return name[: -len(suffix)] if suffix else name


def _possible_keys(name: str) -> Iterator[str]:
    """Yield the possible keys of the work of a sidecar, the nearest first."""
    stem = strip_suffix(name)
    yield stem
    while get_suffix(stem):
        yield (stem := strip_suffix(stem))
    if match := re.fullmatch(
        r"(.+)(\.[a-z0-9]+)(?:\.[a-z-]+)?(\(\d+\))\.json", name
    ):  # Google: 1.jpg(2).json of 1(2).jpg
        yield match[1] + match[3]


def to_sqlite_text(text: str) -> str:
    """Return text that SQLite accepts, with escapes for what is not UTF-8."""
    return text.encode("utf-8", "backslashreplace").decode()
