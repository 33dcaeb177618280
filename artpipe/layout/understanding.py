"""Understand a place: which of its files are works, and what folders, tables and sidecars say of them."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Literal

from artpipe.layout import folder_words
from artpipe.layout.file_survey import Survey, stem_of, stored
from artpipe.layout.folder_levels import Folder, Levels, Path, Place, read_levels
from artpipe.layout.medium_detection import decide_medium
from artpipe.layout.places import Place as Files
from artpipe.layout.side_folders import claims, mark_aside
from artpipe.layout.work_kinds import Kinds

Classes = Literal["auto", "folders", "metadata", "none"]
Role = Literal["work", "sidecar", "annotation", "table", "about", "list"]
_MOST_FOLDERS = 50_000  # in memory; of more, the innermost say nothing
_MOST_SPLIT_FILES = 50  # of many works each, such as train.jsonl and test.jsonl
_NOWHERE = Place(None, None)


@dataclass
class Layout:
    """What a place means; `close` lets its survey go."""

    survey: Survey
    medium: str
    classes: Classes
    splits: bool
    levels: Levels = field(default_factory=Levels)

    def role(self, path: str) -> Role:
        """Return what a file is to the dataset; what nobody knows is a work to be judged."""
        folder, _, name = path.rpartition("/")
        number = self.survey.folder_id(folder)
        key = stored(stem_of(folder_words.folded(name)))
        query = """SELECT role, media, aside, EXISTS (SELECT 1 FROM sidecars WHERE sidecars.folder = files.folder
                   AND sidecars.name = files.name) FROM files JOIN folders ON id = folder
                   WHERE folder = ? AND key = ? AND files.name = ?"""
        row = self.survey.database.execute(query, (number, key, stored(name))).fetchone()
        if row is None or row[0] == "refused":
            return "work"
        role, media, aside, beside = row
        if beside:
            return "sidecar"
        if role == "list" and not (self.survey.kinds[self.medium].many and self.medium in media.split(",")):
            return "annotation" if aside else "list"
        if role in {"table", "about"}:
            return "table" if role == "table" else "about"
        return "annotation" if aside else "work"

    def place_of(self, path: str) -> Place:
        """Return label and split that the folders of a work say."""
        folder, _, name = stored(path).rpartition("/")
        parts = _parts(folder)
        inner = (*parts, stem_of(name))
        if inner in self.levels.places:
            return self.levels.places[inner]
        while parts not in self.levels.places and parts:
            parts = parts[:-1]
        return self.levels.places.get(parts, _NOWHERE)

    def close(self) -> None:
        """Let go of the survey."""
        self.survey.close()


def understand(
    place: Files, kinds: Kinds, *, medium: str = "", classes: Classes = "auto", splits: bool = True
) -> Layout:
    """Return what a folder or an archive means; what is said (`medium`, `classes`, `splits`) is not decided.

    Raises:
        UserError: its medium cannot be told.
    """
    survey = Survey(place, kinds)
    try:
        mark_aside(survey)
        layout = Layout(survey, medium or decide_medium(survey), classes, splits)
        _mark_sidecars(survey, layout.medium)
        folders = dict(_work_folders(layout))
        layout.levels = read_levels(folders, classes=classes in {"auto", "folders"}, splits=splits)
    except BaseException:
        survey.close()
        raise
    return layout


def works_where(layout: Layout) -> str:
    """Return the SQL condition of the files that are works of the dataset's medium."""
    listed = "'work', 'list'" if layout.survey.kinds[layout.medium].many else "'work'"
    return f"""role IN ({listed}) AND aside = 0 AND {claims([layout.medium])} AND NOT EXISTS (SELECT 1 FROM sidecars
               WHERE sidecars.folder = files.folder AND sidecars.name = files.name)"""  # noqa: S608 - our own words


def _mark_sidecars(survey: Survey, medium: str) -> None:
    """Write down which files are sidecars, each with the key of its work."""
    survey.database.execute(
        "CREATE TABLE sidecars (folder INTEGER, name TEXT, key TEXT, PRIMARY KEY (folder, name)) WITHOUT ROWID"
    )
    suffixes = ", ".join(f"'{suffix}'" for suffix in survey.kinds[medium].sidecars)
    for file in survey.files(f"suffix IN ({suffixes}) AND role IN ('work', 'list')"):
        folder = survey.folder_id(file.folder)
        if folder is not None and (key := survey.work_key(folder, file.name, medium)) is not None:
            survey.database.execute("INSERT OR IGNORE INTO sidecars VALUES (?, ?, ?)", (folder, file.name, key))


def _work_folders(layout: Layout) -> Iterator[tuple[Path, Folder]]:
    """Yield the folders that hold works; files of many works that are called after splits stand for folders."""
    query = f"""SELECT path, count(*), min(files.name), max(files.name) FROM files JOIN folders ON id = folder
                WHERE {works_where(layout)} GROUP BY folder"""  # noqa: S608 - our own words
    depth, database = _depth_kept(layout), layout.survey.database
    folders: dict[Path, Folder] = {}
    with closing(database.execute(query)) as rows:
        for path, count, low, high in rows:
            parts = _parts(path)[:depth]
            before = folders.get(parts, Folder(0, low, high))
            folders[parts] = Folder(before.works + count, min(before.low, low), max(before.high, high))
    for parts, folder in folders.items():
        stems = _split_files(layout, parts, folder) if layout.survey.kinds[layout.medium].many else []
        if stems:
            yield from (((*parts, stem), Folder(1)) for stem in stems)
        else:
            yield parts, folder


def _depth_kept(layout: Layout) -> int | None:
    """Return how many parts of a path are looked at, None for all: no more folders than memory has room for."""
    query = f"SELECT DISTINCT path FROM files JOIN folders ON id = folder WHERE {works_where(layout)}"  # noqa: S608 - our own words
    if layout.survey.database.execute("SELECT count(*) FROM folders").fetchone()[0] <= _MOST_FOLDERS:
        return None
    for depth in range(8, 0, -1):
        seen: set[Path] = set()
        for (path,) in layout.survey.database.execute(query):
            seen.add(_parts(path)[:depth])
            if len(seen) > _MOST_FOLDERS:
                break
        else:
            return depth
    return 0


def _split_files(layout: Layout, parts: Path, folder: Folder) -> list[str]:
    if folder.works > _MOST_SPLIT_FILES:
        return []
    files = layout.survey.files(f"path = ? AND {works_where(layout)}", "/".join(parts))
    stems = [stem_of(file.name) for file in files]
    return stems if folder_words.splits_of(stems) else []


def _parts(folder: str) -> Path:
    return tuple(folder.split("/")) if folder else ()
