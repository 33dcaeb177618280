"""Take works out of a dataset's files, where those are the project's own."""

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from artpipe import plugins
from artpipe.config.params import DatasetEntry
from artpipe.contracts.modality import find_medium, yield_whole_file
from artpipe.errors import UserError
from artpipe.layout.file_survey import strip_suffix
from artpipe.layout.sidecars import SIDECAR_SUFFIXES, strip_container_folders
from artpipe.layout.table_editing import drop_table_rows
from artpipe.layout.work_kinds import get_suffix
from artpipe.project.import_files import DATASETS
from artpipe.storage.dvc_command import run_dvc
from artpipe.system.atomic_files import is_inside
from artpipe.system.hashing import sha256_bytes
from artpipe.untrusted.magic_bytes import SIGNATURE_BYTES

if TYPE_CHECKING:
    from artpipe.contracts.source import Source

_NOTE_SUFFIXES = frozenset({*SIDECAR_SUFFIXES, ".xml"})  # of what may lie beside a work and tell of it


def is_own_source(entry: DatasetEntry) -> bool:
    """Return whether a dataset's files are the project's to change.

    Not those of a package or of a folder elsewhere: there the tombstone alone keeps a work out.
    """
    source: Source = plugins.load_plugin("sources", entry.source)
    return source.edit is not None and is_inside(Path(entry.path), DATASETS)


def remove_from_source(
    entry: DatasetEntry, digests: Collection[str], names: Collection[str], staying: Collection[str] = ()
) -> int:
    """Take works, their sidecars and rows in tables out; return the changed files.

    Works go by their bytes alone; what tells of them by their names. A second time it changes nothing. What DVC tracks is tracked anew.

    Args:
        entry: the dataset's.
        digests: SHA-256 of the works, and of files that were set aside as their duplicates.
        names: of inputs, as the record has them; the works' and those of duplicates of them.
        staying: works that are called as one of those, in another folder or format: what tells of them stays.

    Raises:
        UserError: a table or archive that cannot be changed, or a file of many works that has no way to lose one.
    """
    source: Source = plugins.load_plugin("sources", entry.source)
    if source.edit is None or not Path(entry.path).exists():
        return 0
    change = _WorkRemover(entry, frozenset(digests), frozenset(names), frozenset(staying))
    changed = source.edit(entry, change.change_file)
    if Path(f"{entry.path}.dvc").exists():  # also where nothing changed: a first try may have ended before this
        run_dvc("add", entry.path)
    return changed


class _WorkRemover:
    """Decides what becomes of each file of a dataset."""

    def __init__(
        self, entry: DatasetEntry, digests: frozenset[str], names: frozenset[str], staying: frozenset[str]
    ) -> None:
        self.entry, self.medium, self.digests = entry, find_medium(entry), digests
        self.names, self.staying = names, staying
        self._stems = _list_stems(names) - _list_stems(staying)
        self._keys = set(map(_place_key, _list_stems(names))) - set(map(_place_key, _list_stems(staying)))

    def change_file(self, name: str, data: bytes) -> bytes | None:
        """Return a file without the works, None where it is one of them or tells of one."""
        if sha256_bytes(data) in self.digests:
            return None
        may_be_work = self.medium.matches(data[:SIGNATURE_BYTES], name)
        if not may_be_work and self._is_sidecar(name):
            return None
        if may_be_work and self.medium.split_file is not yield_whole_file:
            kept = self._drop_works(name, data)
            if kept is not data:
                return kept or None
        return drop_table_rows(name, data, self.names, self.entry.ingest.names, staying=self.staying)

    def _is_sidecar(self, name: str) -> bool:
        """Return whether a file tells of a work that goes, and of no other."""
        suffix = get_suffix(name)
        stem = name[: len(name) - len(suffix)]
        is_note = suffix in _NOTE_SUFFIXES | set(self.medium.sidecars)
        return is_note and (stem in self._stems or _place_key(stem) in self._keys)

    def _drop_works(self, name: str, data: bytes) -> bytes:
        """Return a file of many works without those of the digests.

        Where it has none of them, the very same is returned. Their names are numbers, which are others' once some are gone, so they do not count.
        """
        works = self.medium.split_file(name, data, self.entry.ingest)
        dropped = {work.name for work in works if sha256_bytes(work.data) in self.digests}
        if "" in dropped:  # the whole file, read as text
            return b""
        if not dropped:
            return data
        if self.medium.drop_works is None:
            problem = f"{len(dropped)} of its works are to go, and `{self.entry.medium}` does not say how"
            raise UserError(f"{self.entry.path}/{name}: {problem}; take them out by hand")
        return self.medium.drop_works(name, data, self.entry.ingest, dropped)


def _list_stems(names: Collection[str]) -> set[str]:
    """Return what files beside works may be called, without their own suffix."""
    return {stem for name in names for stem in (name, strip_suffix(name))}


def _place_key(path: str) -> str:
    """Return a path without folders such as `images` and `labels`."""
    folder, _, name = path.rpartition("/")
    return f"{strip_container_folders(folder)}/{name}"
