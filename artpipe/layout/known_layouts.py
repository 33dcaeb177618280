"""Recognise layouts that have a name, each by its signs.

docs/inputs.md has a tree of each.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from artpipe.layout import folder_words
from artpipe.layout.file_survey import STYLEGAN_TABLE
from artpipe.layout.input_files import FolderFiles, InputFiles, find_hub_repository
from artpipe.layout.layout_detection import Layout
from artpipe.untrusted.metadata import METADATA_FILES

_MAX_NAMES = 5_000  # names and folders read for signs


@dataclass(frozen=True)
class LayoutSigns:
    """Names by which a known layout may be recognised."""

    layout: Layout
    names: frozenset[str]  # of tables and lists, folded
    parts: frozenset[str]  # of the folders' paths, folded
    sidecars: frozenset[str]  # suffixes
    beside: frozenset[str]  # suffixes of sidecars and of what lies in annotation folders

    def matches_all(self, *patterns: str) -> bool:
        """Return whether each pattern matches some name entirely.

        The names are those of tables and lists, and the parts of folders' paths.
        """
        return all(any(re.fullmatch(pattern, name) for name in (*self.names, *self.parts)) for pattern in patterns)


@dataclass(frozen=True)
class KnownLayout:
    """A layout with a name of its own."""

    name: str
    matches: Callable[[LayoutSigns], bool]


KNOWN_LAYOUTS = (
    KnownLayout(
        "Hugging Face Hub cache", lambda signs: find_hub_repository(signs.layout.survey.inputs.path) is not None
    ),
    KnownLayout("imagefolder", lambda signs: not signs.names.isdisjoint(METADATA_FILES)),
    KnownLayout("StyleGAN", lambda signs: STYLEGAN_TABLE in signs.names),
    KnownLayout(
        "Google Takeout", lambda signs: signs.matches_all("takeout|google (photos|fotos)") or _is_takeout(signs)
    ),
    KnownLayout("tables of pictures", lambda signs: _has_tables(signs.layout.survey.inputs)),
    KnownLayout(
        "img2dataset", lambda signs: _has_shards(signs) and ".json" in signs.sidecars and ".txt" in signs.sidecars
    ),
    KnownLayout("webdataset", lambda signs: _has_shards(signs) and bool(signs.sidecars)),
    KnownLayout("Pascal VOC", lambda signs: signs.matches_all("jpegimages", "annotations|imagesets")),
    KnownLayout(
        "COCO",
        lambda signs: signs.matches_all(r"(instances|captions|person_keypoints)_.*\.json|_annotations\.coco\.json"),
    ),
    KnownLayout(
        "YOLO",
        lambda signs: signs.matches_all("labels") and ".txt" in signs.beside and signs.matches_all(r"images|.*\.ya?ml"),
    ),
    KnownLayout("YOLO", lambda signs: ".txt" in signs.sidecars and signs.matches_all(r"obj\.(names|data)")),
    KnownLayout("Lightroom sidecars", lambda signs: ".xmp" in signs.sidecars),
    KnownLayout(
        "caption files", lambda signs: not signs.sidecars.isdisjoint({".txt", ".caption", ".captions", ".cap"})
    ),
)


def find_known_layout(layout: Layout) -> str:
    """Return the name of the first known layout of an input, empty where none."""
    signs = _collect_signs(layout)
    return next(
        (known_layout_entry.name for known_layout_entry in KNOWN_LAYOUTS if known_layout_entry.matches(signs)), ""
    )


def _collect_signs(layout: Layout) -> LayoutSigns:
    database = layout.survey.database
    names = database.execute("SELECT DISTINCT name FROM files WHERE role IN ('table', 'list') LIMIT ?", (_MAX_NAMES,))
    paths = database.execute("SELECT path FROM folders LIMIT ?", (_MAX_NAMES,))
    besides = """SELECT DISTINCT suffix FROM files JOIN folders ON id = folder WHERE aside = 1 UNION
                 SELECT DISTINCT suffix FROM files NATURAL JOIN (SELECT folder, name FROM sidecars)"""
    sidecars = database.execute("SELECT DISTINCT suffix FROM files NATURAL JOIN (SELECT folder, name FROM sidecars)")
    return LayoutSigns(
        layout,
        names=frozenset(folder_words.fold_name(name) for (name,) in names),
        parts=frozenset(folder_words.fold_name(part) for (path,) in paths for part in path.split("/")),
        sidecars=frozenset(suffix for (suffix,) in sidecars),
        beside=frozenset(suffix for (suffix,) in database.execute(besides)),
    )


def _is_takeout(signs: LayoutSigns) -> bool:
    query = "SELECT 1 FROM sidecars WHERE name LIKE '%.suppl%.json' LIMIT 1"
    return signs.layout.survey.database.execute(query).fetchone() is not None


def _has_tables(inputs: InputFiles) -> bool:
    """Return whether works lie in the rows of tables."""
    if isinstance(inputs, FolderFiles):
        return inputs.has_tables
    return inputs.path.name.lower().endswith(folder_words.TABLE_SUFFIXES)


def _has_shards(signs: LayoutSigns) -> bool:
    """Return whether works lie in tars, or in one named after a number by a tool."""
    inputs = signs.layout.survey.inputs
    if isinstance(inputs, FolderFiles):
        return inputs.has_shards
    return (
        inputs.path.name.lower().endswith((".tar", ".tar.gz", ".tgz"))
        and folder_words.strip_archive_suffix(inputs.path.name) == ""
    )
