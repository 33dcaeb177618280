"""Read the works of a place with all that folders, tables and sidecars say of them, one at a time."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from functools import lru_cache
from typing import Any, NamedTuple, Self

from artpipe.layout import folder_words
from artpipe.layout.file_survey import stem_of, stored
from artpipe.layout.folder_levels import Place
from artpipe.layout.metadata_tables import ANYWHERE, Row, is_table, read_tables, refuse_unread_tables
from artpipe.layout.places import WHOLE
from artpipe.layout.sidecars import MOST_BYTES, SPEAKING, sidecar_fields, skeleton
from artpipe.layout.understanding import Layout
from artpipe.untrusted.metadata import Metadata
from artpipe.untrusted.rejection import Reason


class WorkFile(NamedTuple):
    """One file that is a work or is to be judged: its bytes, or why there are none, and fields of a Candidate."""

    name: str
    data: bytes
    fields: dict[str, Any]
    rejected: Reason | None = None
    notes: tuple[str, ...] = ()


class Facts:
    """What the tables and sidecars of a place say of its works, on disk."""

    def __init__(self, layout: Layout, *, sidecars: int | None = None) -> None:
        """Read them; `sidecars` is how many at most, None for all.

        Raises:
            UserError: a table cannot be read.
        """
        self.layout, self.labelled, self.captioned = layout, 0, 0  # rows of tables with a label, notes with a caption
        with ExitStack() as stack:
            self.notes = stack.enter_context(Notes())
            self.named = Metadata(self._named_rows())
            stack.callback(self.named.close)
            self._note_sidecars(sidecars)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of what it keeps on disk."""
        self._stack.close()

    def of(self, path: str) -> dict[str, Any]:
        """Return label, split, caption and the other fields of a work: a table goes before a sidecar, both before folders."""
        folder, _, name = path.rpartition("/")
        keys = f"{ANYWHERE}{stem_of(name)}", f"{ANYWHERE}{name}", _beside(folder, stem_of(folder_words.folded(name)))
        fields: dict[str, Any] = {}
        for noted in (*(map(self.notes.of, keys) if self.notes.count else ()), self.named.of(path)):
            fields |= noted
        return self._decided(fields, self.layout.place_of(path))

    def _decided(self, fields: dict[str, Any], place: Place) -> dict[str, Any]:
        """Return fields with the label and the split by the rules that go for this dataset."""
        label, split = fields.pop("label", None), fields.pop("split", None)
        if self.layout.classes in {"auto", "folders"} and (label is None or self.layout.classes == "folders"):
            label = place.label
        if self.layout.classes == "none":
            label = None
        split = (split or place.split) if self.layout.splits else None
        return {**fields, "label": label, "split": split}

    def _named_rows(self) -> Iterator[Row]:
        """Yield the rows of tables that name a file; what they say of a name wherever it is goes to the notes."""
        survey = self.layout.survey
        refuse_unread_tables(survey)
        if not any(is_table(file.path) for file in survey.files("role IN ('table', 'list')")):
            return
        for name, fields in read_tables(survey.place):
            self.labelled += "label" in fields
            if name.startswith(ANYWHERE):
                self.notes.add(name, fields)
            else:
                yield name, fields

    def _note_sidecars(self, most: int | None) -> None:
        """Note what sidecars say, each under its work's key."""
        layout, count = self.layout, 0
        reads = layout.survey.kinds[layout.medium].reads_sidecars
        if not reads or not (_count(layout, "sidecars") or _count(layout, "folders WHERE aside = 1")):
            return

        def wanted(path: str) -> int:
            speaking = path.lower().endswith(SPEAKING) and layout.role(path) in {"sidecar", "annotation"}
            return MOST_BYTES + 1 if speaking and (most is None or count < most) else 0

        for entry in layout.survey.place.entries(wanted):
            if entry.data and (fields := sidecar_fields(entry.name, entry.data)):
                folder, _, name = entry.name.rpartition("/")
                self.notes.add(_beside(folder, self._key(folder, name)), fields)
                self.captioned += "caption" in fields
                self.labelled += "label" in fields
            count += bool(entry.data)

    def _key(self, folder: str, name: str) -> str:
        query = "SELECT key FROM sidecars WHERE folder = ? AND name = ?"
        number = self.layout.survey.folder_id(folder)
        row = self.layout.survey.database.execute(query, (number, stored(name))).fetchone()
        return str(row[0]) if row and row[0] else stem_of(folder_words.folded(name))


class Notes:
    """What is said of a work, by a key, on disk; of several notes the later one goes first."""

    def __enter__(self) -> Self:
        self._rows = sqlite3.connect("", isolation_level=None)
        self._rows.execute(
            "CREATE TABLE notes (key TEXT, number INTEGER, fields TEXT, PRIMARY KEY (key, number)) WITHOUT ROWID"
        )
        self._rows.execute("BEGIN")
        self.count = 0
        return self

    def __exit__(self, *_: object) -> None:
        self._rows.close()

    def add(self, key: str, fields: dict[str, str]) -> None:
        """Note fields under a key."""
        self.count += 1
        self._rows.execute("INSERT INTO notes VALUES (?, ?, ?)", (stored(key), self.count, json.dumps(fields)))

    def of(self, key: str) -> dict[str, str]:
        """Return all fields that were noted under a key."""
        fields: dict[str, str] = {}
        for (noted,) in self._rows.execute("SELECT fields FROM notes WHERE key = ? ORDER BY number", (stored(key),)):
            fields |= json.loads(noted)
        return fields


def read_works(layout: Layout) -> Iterator[WorkFile]:
    """Yield every file that is a work or is to be judged, in the order of the place, then what tables name in vain.

    Raises:
        UserError: a table cannot be read.
    """
    with Facts(layout) as facts:
        role = lru_cache(maxsize=8)(layout.role)
        for entry in layout.survey.place.entries(lambda path: WHOLE if role(path) == "work" else 0):
            if role(entry.name) == "work":
                fields = facts.of(entry.name)
                notes = (*entry.notes, *fields.pop("notes", ()), *filter(None, [entry.detail]))
                yield WorkFile(entry.name, entry.data, fields, entry.rejected, notes)
        for name in facts.named.unused():
            yield WorkFile(name, b"", {}, "missing", ("named in the metadata, not there",))


def _beside(folder: str, key: str) -> str:
    return f"{skeleton(folder)}/{key}"


def _count(layout: Layout, table: str) -> int:
    return int(layout.survey.database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own words
