"""Every file of a place by name, on disk: what it may be a work of, and what lies beside it under the same name."""

import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from artpipe.layout import folder_words
from artpipe.layout.places import Entry, Place
from artpipe.layout.work_kinds import START_BYTES, Kinds, claimants, owner_of, suffix_of
from artpipe.untrusted.metadata import is_metadata_file

_LOOKED_AT = 500  # files of a suffix whose first bytes are read; what most of them are goes for the rest
_VERIFIED = 64  # works of a medium, taken for such by their suffix, whose first bytes are read
STYLEGAN = "dataset.json"
_LINKS = "links, which are not followed; `cp -rL` makes files of them"
_REFUSED: dict[str, str] = {"symlink": _LINKS, "outside the root": _LINKS}
_OF_A_FILE = re.compile(r"(.*?)(?:\(\d+\))?(\.[a-z0-9]{2,5})(?:\.[a-z-]*)?(?:\(\d+\))?\.[a-z0-9]+")
_TAKEOUT_LENGTH = 40  # characters from which on Google cuts the name of a picture in the name of its JSON
_SCHEMA = """
CREATE TABLE folders (id INTEGER PRIMARY KEY, path TEXT UNIQUE, aside INTEGER DEFAULT 0);
CREATE TABLE files (folder INTEGER, key TEXT, name TEXT, suffix TEXT, media TEXT, role TEXT,
                    PRIMARY KEY (folder, key, name)) WITHOUT ROWID;
"""
# Roles: "work" may be one of `media`; "table" is read for what it says of works; "about", "list" and "refused" are none.


class File(NamedTuple):
    """One file as the survey keeps it."""

    folder: str  # path relative to the place, without a slash at its end; empty for the root
    name: str
    suffix: str
    media: tuple[str, ...]
    role: str

    @property
    def path(self) -> str:
        """Return its path relative to the place."""
        return f"{self.folder}/{self.name}" if self.folder else self.name


class Survey:
    """The names of a place in an SQLite file that vanishes with it; memory does not grow with their number."""

    def __init__(self, place: Place, kinds: Kinds) -> None:
        self.place, self.kinds = place, kinds
        self.database = sqlite3.connect("", isolation_level=None)
        self.database.executescript(_SCHEMA)
        self.database.execute("BEGIN")
        self.unread: Counter[str] = Counter()  # formats that are known and not read, with what to do
        self._looked: Counter[str] = Counter()  # by suffix, or medium
        self._majority: dict[str, Counter[tuple[str, ...]]] = {}
        self._last: tuple[str, int] = ("", -1)
        try:
            for entry in place.entries(self._wanted):
                self._add(entry)
            self.database.execute("CREATE INDEX keys ON files (key, folder)")
        except BaseException:
            self.database.close()
            raise

    def close(self) -> None:
        """Let go of the file."""
        self.database.close()

    def folder_id(self, path: str, *, add: bool = False) -> int | None:
        """Return the number of a folder, None where none of its files was seen."""
        path = stored(path)
        if self._last[0] == path and self._last[1] >= 0:
            return self._last[1]
        row = self.database.execute("SELECT id FROM folders WHERE path = ?", (path,)).fetchone()
        if row is None and add:
            row = (self.database.execute("INSERT INTO folders (path) VALUES (?)", (path,)).lastrowid,)
        if row is None:
            return None
        self._last = (path, int(row[0]))
        return self._last[1]

    def files(self, where: str = "1", *values: object) -> Iterator[File]:
        """Yield files, folder by folder."""
        query = f"SELECT path, name, suffix, media, role FROM files JOIN folders ON id = folder WHERE {where}"  # noqa: S608 - our own words
        for path, name, suffix, media, role in self.database.execute(f"{query} ORDER BY folder, key, name", values):
            yield File(path, name, suffix, tuple(filter(None, media.split(","))), role)

    def work_key(self, folder: int, name: str, medium: str) -> str | None:
        """Return the key of the work of a medium that a file beside it is a sidecar of, by their names; None: of none.

        ``1.txt``, ``1.jpg.json``, ``1.jpg.supplemental-meta.json`` and ``1.jpg(2).json`` belong to ``1.jpg``. What is
        called after a work that is not there has the empty key.
        """
        sidecars = self.kinds[medium].sidecars
        if suffix_of(name) not in sidecars:
            return None
        query = "SELECT name, suffix, media FROM files WHERE folder = ? AND key = ?"
        for key in _keys(folder_words.folded(name)):
            for other, suffix, media in self.database.execute(query, (folder, stored(key))):
                if other != stored(name) and suffix not in sidecars and medium in media.split(","):
                    return key
        return self._cut_key(folder, folder_words.folded(name), medium)

    def _cut_key(self, folder: int, name: str, medium: str) -> str | None:
        """Return the key of a work whose long name Google has cut in that of its JSON, "" where the work is not there."""
        stem = name.removesuffix(".json")
        if stem != name and len(stem) >= _TAKEOUT_LENGTH:
            query = "SELECT key FROM files WHERE folder = ? AND key >= ? AND key < ? AND media = ?"
            values = (folder, stored(stem), stored(stem) + "\U0010ffff", medium)
            if row := self.database.execute(query, values).fetchone():
                return str(row[0])
        match = _OF_A_FILE.fullmatch(name)
        named = match is not None and match[2] in self.kinds[medium].suffixes
        return "" if named else None

    def _wanted(self, path: str) -> int:
        """Return how many bytes of a file have to be seen."""
        name = path.rpartition("/")[2]
        medium, suffix = owner_of(name, self.kinds), suffix_of(name)
        if medium is not None:
            return START_BYTES if self._looked[medium] < _VERIFIED else 0
        return START_BYTES if self._looked[suffix] < _LOOKED_AT else 0

    def _add(self, entry: Entry) -> None:
        folder, _, name = entry.name.rpartition("/")
        role, media = self._judged(entry, name)
        number = self.folder_id(folder, add=True)
        row = (number, stored(stem_of(folder_words.folded(name))), stored(name), suffix_of(name), ",".join(media), role)
        self.database.execute("INSERT OR IGNORE INTO files VALUES (?, ?, ?, ?, ?, ?)", row)

    def _judged(self, entry: Entry, name: str) -> tuple[str, tuple[str, ...]]:
        if entry.rejected is not None:
            self.unread.update([_REFUSED.get(entry.rejected, f"refused: {entry.rejected}")])
            return "refused", ()
        if is_metadata_file(name):
            return "table", ()
        if _is_listing(name):
            return ("about", ()) if folder_words.is_about(name) else ("list", self._claimed(entry, name))
        return "work", self._claimed(entry, name)

    def _claimed(self, entry: Entry, name: str) -> tuple[str, ...]:
        """Return the media that a file may be a work of."""
        medium, suffix = owner_of(name, self.kinds), suffix_of(name)
        subject, most = (medium, _VERIFIED) if medium is not None else (suffix, _LOOKED_AT)
        if self._looked[subject] >= most:
            majority = self._majority[subject].most_common(1)[0][0]
            return (medium,) if medium is not None else majority
        self._looked[subject] += 1
        claimed = claimants(entry.data, name, self.kinds)
        if not claimed:
            self.unread.update(filter(None, (kind.unread(entry.data) for kind in self.kinds.values())))
        self._majority.setdefault(subject, Counter())[claimed] += 1
        return claimed


def _is_listing(name: str) -> bool:
    return name == STYLEGAN or is_metadata_file(name) or folder_words.is_about(name) or folder_words.is_list(name)


def stem_of(name: str) -> str:
    """Return a name without its last suffix."""
    suffix = suffix_of(name)
    return name[: -len(suffix)] if suffix else name


def _keys(name: str) -> Iterator[str]:
    """Yield the stems that the work may have which a sidecar is called after, the nearest first."""
    stem = stem_of(name)
    yield stem
    while suffix_of(stem):
        yield (stem := stem_of(stem))
    if match := re.fullmatch(
        r"(.+)(\.[a-z0-9]+)(?:\.[a-z-]+)?(\(\d+\))\.json", name
    ):  # Google: 1.jpg(2).json of 1(2).jpg
        yield match[1] + match[3]


def stored(text: str) -> str:
    """Return text that SQLite takes: what is no UTF-8 is spelled out."""
    return text.encode("utf-8", "backslashreplace").decode()
