"""Detect which files of an input are works, and how labels and splits are given."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Literal

from artpipe.layout import folder_words
from artpipe.layout.annotation_folders import mark_annotation_folders, media_condition
from artpipe.layout.file_survey import FileSurvey, strip_suffix, to_sqlite_text
from artpipe.layout.folder_levels import FolderMeaning, FolderMeanings, FolderPath, WorkFolder, interpret_folders
from artpipe.layout.input_files import InputFiles
from artpipe.layout.medium_detection import detect_medium
from artpipe.layout.work_kinds import WorkKinds

Classes = Literal["auto", "folders", "metadata", "none"]
Role = Literal["work", "sidecar", "annotation", "table", "about", "list"]
_MAX_FOLDERS = 50_000  # in memory; of more, the innermost say nothing
_MAX_SPLIT_FILES = 50  # of many works each, such as train.jsonl and test.jsonl
_NO_MEANING = FolderMeaning(None, None)


@dataclass
class Layout:
    """The detected layout of an input; `close` closes its survey."""

    survey: FileSurvey
    medium: str
    classes: Classes
    splits: bool
    folders: FolderMeanings = field(default_factory=FolderMeanings)

    def role(self, path: str) -> Role:
        """Return the role of a file in the dataset; an unknown file is a work."""
        folder, _, name = path.rpartition("/")
        folder_id = self.survey.folder_id(folder)
        key = to_sqlite_text(strip_suffix(folder_words.fold_name(name)))
        query = """SELECT role, media, aside, EXISTS (SELECT 1 FROM sidecars WHERE sidecars.folder = files.folder
                   AND sidecars.name = files.name) FROM files JOIN folders ON id = folder
                   WHERE folder = ? AND key = ? AND files.name = ?"""
        row = self.survey.database.execute(query, (folder_id, key, to_sqlite_text(name))).fetchone()
        if row is None or row[0] == "refused":
            return "work"
        role, media, in_annotations, is_sidecar = row
        if is_sidecar:
            return "sidecar"
        if role == "list" and not (self.survey.kinds[self.medium].many and self.medium in media.split(",")):
            return "annotation" if in_annotations else "list"
        if role in {"table", "about"}:
            return "table" if role == "table" else "about"
        return "annotation" if in_annotations else "work"

    def folder_meaning(self, path: str) -> FolderMeaning:
        """Return label and split that the folders of a work give to it."""
        folder, _, name = to_sqlite_text(path).rpartition("/")
        parts = _parts(folder)
        inner = (*parts, strip_suffix(name))
        if inner in self.folders.by_folder:
            return self.folders.by_folder[inner]
        while parts not in self.folders.by_folder and parts:
            parts = parts[:-1]
        return self.folders.by_folder.get(parts, _NO_MEANING)

    def close(self) -> None:
        """Close the survey."""
        self.survey.close()


def detect_layout(
    inputs: InputFiles, kinds: WorkKinds, *, medium: str = "", classes: Classes = "auto", splits: bool = True
) -> Layout:
    """Return the layout of a folder or an archive.

    What is given (`medium`, `classes`, `splits`) is not detected.

    Raises:
        UserError: its medium cannot be told.
    """
    survey = FileSurvey(inputs, kinds)
    try:
        mark_annotation_folders(survey)
        layout = Layout(survey, medium or detect_medium(survey), classes, splits)
        _mark_sidecars(survey, layout.medium)
        folders = dict(_list_work_folders(layout))
        layout.folders = interpret_folders(folders, classes=classes in {"auto", "folders"}, splits=splits)
    except BaseException:
        survey.close()
        raise
    return layout


def works_condition(layout: Layout) -> str:
    """Return the SQL condition of the files that are works of the dataset's medium."""
    roles = "'work', 'list'" if layout.survey.kinds[layout.medium].many else "'work'"
    return f"""role IN ({roles}) AND aside = 0 AND {media_condition([layout.medium])} AND NOT EXISTS (SELECT 1 FROM sidecars
               WHERE sidecars.folder = files.folder AND sidecars.name = files.name)"""  # noqa: S608 - our own words


def _mark_sidecars(survey: FileSurvey, medium: str) -> None:
    """Record which files are sidecars, each with the key of its work."""
    survey.database.execute(
        "CREATE TABLE sidecars (folder INTEGER, name TEXT, key TEXT, PRIMARY KEY (folder, name)) WITHOUT ROWID"
    )
    suffixes = ", ".join(f"'{suffix}'" for suffix in survey.kinds[medium].sidecars)
    for file in survey.files(f"suffix IN ({suffixes}) AND role IN ('work', 'list')"):
        folder = survey.folder_id(file.folder)
        if folder is not None and (key := survey.find_work_key(folder, file.name, medium)) is not None:
            survey.database.execute("INSERT OR IGNORE INTO sidecars VALUES (?, ?, ?)", (folder, file.name, key))


def _list_work_folders(layout: Layout) -> Iterator[tuple[FolderPath, WorkFolder]]:
    """Yield the folders that hold works.

    Files of many works that are named after splits stand for folders.
    """
    query = f"""SELECT path, count(*), min(files.name), max(files.name) FROM files JOIN folders ON id = folder
                WHERE {works_condition(layout)} GROUP BY folder"""  # noqa: S608 - our own words
    depth, database = _max_depth(layout), layout.survey.database
    folders: dict[FolderPath, WorkFolder] = {}
    with closing(database.execute(query)) as rows:
        for path, count, low, high in rows:
            parts = _parts(path)[:depth]
            former = folders.get(parts, WorkFolder(0, low, high))
            folders[parts] = WorkFolder(former.works + count, min(former.low, low), max(former.high, high))
    for parts, folder in folders.items():
        stems = _find_split_files(layout, parts, folder) if layout.survey.kinds[layout.medium].many else []
        if stems:
            yield from (((*parts, stem), WorkFolder(1)) for stem in stems)
        else:
            yield parts, folder


def _max_depth(layout: Layout) -> int | None:
    """Return how many parts of a path are looked at, None for all.

    There are no more folders then than memory has room for.
    """
    query = f"SELECT DISTINCT path FROM files JOIN folders ON id = folder WHERE {works_condition(layout)}"  # noqa: S608 - our own words
    if layout.survey.database.execute("SELECT count(*) FROM folders").fetchone()[0] <= _MAX_FOLDERS:
        return None
    for depth in range(8, 0, -1):
        folders: set[FolderPath] = set()
        for (path,) in layout.survey.database.execute(query):
            folders.add(_parts(path)[:depth])
            if len(folders) > _MAX_FOLDERS:
                break
        else:
            return depth
    return 0


def _find_split_files(layout: Layout, parts: FolderPath, folder: WorkFolder) -> list[str]:
    if folder.works > _MAX_SPLIT_FILES:
        return []
    files = layout.survey.files(f"path = ? AND {works_condition(layout)}", "/".join(parts))
    stems = [strip_suffix(file.name) for file in files]
    return stems if folder_words.parse_splits(stems) else []


def _parts(folder: str) -> FolderPath:
    return tuple(folder.split("/")) if folder else ()
