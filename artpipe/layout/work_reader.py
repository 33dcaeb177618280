"""Read works one at a time, with what folders, tables and sidecars say of them."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from functools import lru_cache
from typing import Any, NamedTuple, Self

from artpipe.layout import folder_words
from artpipe.layout.file_survey import strip_suffix, to_sqlite_text
from artpipe.layout.folder_levels import FolderMeaning
from artpipe.layout.input_files import WHOLE_FILE
from artpipe.layout.layout_detection import Layout
from artpipe.layout.metadata_tables import ANY_FOLDER, Row, is_table, read_tables, refuse_unread_tables
from artpipe.layout.sidecars import MAX_SIDECAR_BYTES, SIDECAR_SUFFIXES, parse_sidecar, strip_container_folders
from artpipe.untrusted.metadata import Metadata
from artpipe.untrusted.rejection import Reason


class WorkFile(NamedTuple):
    """One file that may be a work: its bytes, or why there are none, and its fields.

    The fields are those of a Candidate.
    """

    name: str
    data: bytes
    fields: dict[str, Any]
    rejected: Reason | None = None
    notes: tuple[str, ...] = ()


class Annotations:
    """What the tables and sidecars of an input say of its works, on disk."""

    def __init__(self, layout: Layout, *, sidecars: int | None = None) -> None:
        """Read them; `sidecars` is how many at most, None for all.

        Raises:
            UserError: a table cannot be read.
        """
        self.layout, self.labelled, self.captioned = layout, 0, 0  # rows of tables with a label, notes with a caption
        with ExitStack() as stack:
            self.notes = stack.enter_context(NoteIndex())
            self.named = Metadata(self._read_named_rows())
            stack.callback(self.named.close)
            self._read_sidecars(sidecars)
            self._stack = stack.pop_all()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files on disk."""
        self._stack.close()

    def find_fields(self, path: str) -> dict[str, Any]:
        """Return label, split, caption and the other fields of a work.

        A table goes before a sidecar, both before folders.
        """
        folder, _, name = path.rpartition("/")
        keys = (
            f"{ANY_FOLDER}{strip_suffix(name)}",
            f"{ANY_FOLDER}{name}",
            _note_key(folder, strip_suffix(folder_words.fold_name(name))),
        )
        fields: dict[str, Any] = {}
        for more_fields in (*(map(self.notes.find, keys) if self.notes.count else ()), self.named.find_fields(path)):
            fields |= more_fields
        return self._apply_folders(fields, self.layout.folder_meaning(path))

    def _apply_folders(self, fields: dict[str, Any], place: FolderMeaning) -> dict[str, Any]:
        """Return fields with label and split by the rules of this dataset."""
        label, split = fields.pop("label", None), fields.pop("split", None)
        if self.layout.classes in {"auto", "folders"} and (label is None or self.layout.classes == "folders"):
            label = place.label
        if self.layout.classes == "none":
            label = None
        split = (split or place.split) if self.layout.splits else None
        return {**fields, "label": label, "split": split}

    def _read_named_rows(self) -> Iterator[Row]:
        """Yield the rows of tables that name a file.

        Rows for a name in whatever folder go to the notes.
        """
        survey = self.layout.survey
        refuse_unread_tables(survey)
        if not any(is_table(file.path) for file in survey.files("role IN ('table', 'list')")):
            return
        for name, fields in read_tables(survey.inputs):
            self.labelled += "label" in fields
            if name.startswith(ANY_FOLDER):
                self.notes.add(name, fields)
            else:
                yield name, fields

    def _read_sidecars(self, limit: int | None) -> None:
        """Store the fields of sidecars, each under its work's key."""
        layout, count = self.layout, 0
        reads = layout.survey.kinds[layout.medium].reads_sidecars
        if not reads or not (_count(layout, "sidecars") or _count(layout, "folders WHERE aside = 1")):
            return

        def bytes_wanted(path: str) -> int:
            has_fields = path.lower().endswith(SIDECAR_SUFFIXES) and layout.role(path) in {"sidecar", "annotation"}
            return MAX_SIDECAR_BYTES + 1 if has_fields and (limit is None or count < limit) else 0

        for entry in layout.survey.inputs.read_entries(bytes_wanted):
            if entry.data and (fields := parse_sidecar(entry.name, entry.data)):
                folder, _, name = entry.name.rpartition("/")
                self.notes.add(_note_key(folder, self._sidecar_key(folder, name)), fields)
                self.captioned += "caption" in fields
                self.labelled += "label" in fields
            count += bool(entry.data)

    def _sidecar_key(self, folder: str, name: str) -> str:
        query = "SELECT key FROM sidecars WHERE folder = ? AND name = ?"
        number = self.layout.survey.folder_id(folder)
        row = self.layout.survey.database.execute(query, (number, to_sqlite_text(name))).fetchone()
        return str(row[0]) if row and row[0] else strip_suffix(folder_words.fold_name(name))


class NoteIndex:
    """Fields of works by a key, on disk; later fields replace former ones."""

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
        """Store fields under a key."""
        self.count += 1
        self._rows.execute("INSERT INTO notes VALUES (?, ?, ?)", (to_sqlite_text(key), self.count, json.dumps(fields)))

    def find(self, key: str) -> dict[str, str]:
        """Return all fields that were stored under a key."""
        fields: dict[str, str] = {}
        for (note,) in self._rows.execute(
            "SELECT fields FROM notes WHERE key = ? ORDER BY number", (to_sqlite_text(key),)
        ):
            fields |= json.loads(note)
        return fields


def read_works(layout: Layout) -> Iterator[WorkFile]:
    """Yield every file that may be a work, in the order of the input.

    Then the names in tables that have no file.

    Raises:
        UserError: a table cannot be read.
    """
    with Annotations(layout) as annotations:
        role = lru_cache(maxsize=8)(layout.role)
        for entry in layout.survey.inputs.read_entries(lambda path: WHOLE_FILE if role(path) == "work" else 0):
            if role(entry.name) == "work":
                fields = annotations.find_fields(entry.name)
                notes = (*entry.notes, *fields.pop("notes", ()), *filter(None, [entry.detail]))
                yield WorkFile(entry.name, entry.data, fields, entry.rejected, notes)
        for name in annotations.named.unused_names():
            yield WorkFile(name, b"", {}, "missing", ("named in the metadata, not there",))


def _note_key(folder: str, key: str) -> str:
    return f"{strip_container_folders(folder)}/{key}"


def _count(layout: Layout, table: str) -> int:
    return int(layout.survey.database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608 - our own words
