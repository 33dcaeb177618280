"""The layouts that are known by name, each with the signs it is told by; docs/inputs.md has a tree of each."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from artpipe.layout import folder_words
from artpipe.layout.file_survey import STYLEGAN
from artpipe.layout.places import FolderPlace, hub_repository
from artpipe.layout.understanding import Layout
from artpipe.untrusted.metadata import METADATA_FILES

_MOST = 5_000  # names and folders looked at for signs


@dataclass(frozen=True)
class Signs:
    """What a known layout may be told by."""

    layout: Layout
    names: frozenset[str]  # of tables and lists, folded
    parts: frozenset[str]  # of the folders' paths, folded
    sidecars: frozenset[str]  # suffixes
    beside: frozenset[str]  # suffixes of sidecars and of what lies in annotation folders

    def has(self, *patterns: str) -> bool:
        """Return whether each pattern is the whole of some name of a table or list, or part of a folder's path."""
        return all(any(re.fullmatch(pattern, name) for name in (*self.names, *self.parts)) for pattern in patterns)


@dataclass(frozen=True)
class KnownLayout:
    """A layout with a name of its own."""

    name: str
    is_it: Callable[[Signs], bool]


KNOWN = (
    KnownLayout("Hugging Face Hub cache", lambda signs: hub_repository(signs.layout.survey.place.path) is not None),
    KnownLayout("imagefolder", lambda signs: not signs.names.isdisjoint(METADATA_FILES)),
    KnownLayout("StyleGAN", lambda signs: STYLEGAN in signs.names),
    KnownLayout("Google Takeout", lambda signs: signs.has("takeout|google (photos|fotos)") or _is_takeout(signs)),
    KnownLayout(
        "img2dataset", lambda signs: _is_shards(signs) and ".json" in signs.sidecars and ".txt" in signs.sidecars
    ),
    KnownLayout("webdataset", lambda signs: _is_shards(signs) and bool(signs.sidecars)),
    KnownLayout("Pascal VOC", lambda signs: signs.has("jpegimages", "annotations|imagesets")),
    KnownLayout(
        "COCO", lambda signs: signs.has(r"(instances|captions|person_keypoints)_.*\.json|_annotations\.coco\.json")
    ),
    KnownLayout(
        "YOLO", lambda signs: signs.has("labels") and ".txt" in signs.beside and signs.has(r"images|.*\.ya?ml")
    ),
    KnownLayout("YOLO", lambda signs: ".txt" in signs.sidecars and signs.has(r"obj\.(names|data)")),
    KnownLayout("Lightroom sidecars", lambda signs: ".xmp" in signs.sidecars),
    KnownLayout(
        "caption files", lambda signs: not signs.sidecars.isdisjoint({".txt", ".caption", ".captions", ".cap"})
    ),
)


def known_layout(layout: Layout) -> str:
    """Return the name of the first known layout that a place has, empty where it has none."""
    signs = _signs(layout)
    return next((known.name for known in KNOWN if known.is_it(signs)), "")


def _signs(layout: Layout) -> Signs:
    database = layout.survey.database
    names = database.execute("SELECT DISTINCT name FROM files WHERE role IN ('table', 'list') LIMIT ?", (_MOST,))
    paths = database.execute("SELECT path FROM folders LIMIT ?", (_MOST,))
    besides = """SELECT DISTINCT suffix FROM files JOIN folders ON id = folder WHERE aside = 1 UNION
                 SELECT DISTINCT suffix FROM files NATURAL JOIN (SELECT folder, name FROM sidecars)"""
    sidecars = database.execute("SELECT DISTINCT suffix FROM files NATURAL JOIN (SELECT folder, name FROM sidecars)")
    return Signs(
        layout,
        names=frozenset(folder_words.folded(name) for (name,) in names),
        parts=frozenset(folder_words.folded(part) for (path,) in paths for part in path.split("/")),
        sidecars=frozenset(suffix for (suffix,) in sidecars),
        beside=frozenset(suffix for (suffix,) in database.execute(besides)),
    )


def _is_takeout(signs: Signs) -> bool:
    query = "SELECT 1 FROM sidecars WHERE name LIKE '%.suppl%.json' LIMIT 1"
    return signs.layout.survey.database.execute(query).fetchone() is not None


def _is_shards(signs: Signs) -> bool:
    """Return whether works lie in tars, or in one that is called after a number as tools write them."""
    place = signs.layout.survey.place
    if isinstance(place, FolderPlace):
        return place.shards
    return (
        place.path.name.lower().endswith((".tar", ".tar.gz", ".tgz"))
        and folder_words.archive_stem(place.path.name) == ""
    )
