"""Summarise a detected layout: in one sentence, and as JSON for programs."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from artpipe.layout.known_layouts import find_known_layout
from artpipe.layout.layout_detection import Layout, works_condition
from artpipe.layout.work_kinds import format_count, format_counts
from artpipe.layout.work_reader import Annotations

_SIDECARS_READ = 50  # to see whether they hold captions
_MAX_SHOWN = 6  # classes; names of leftovers
_ORDER = ("train", "validation", "test")
_NOUNS = {"sidecar": "sidecar", "annotation": "annotation", "table": "table", "about": "readme", "list": "list"}


@dataclass
class LayoutSummary:
    """The detected layout of an input in numbers."""

    place: str
    medium: str
    layout: str  # a known one's name
    works: int
    captions: bool
    classes_from: str  # folders, metadata, none
    classes: dict[str, int]
    unlabelled: int
    splits: dict[str, int]
    passed_over: dict[str, int]  # sidecars, annotations, tables, readmes, lists, leftovers
    leftovers: dict[str, int]  # by name
    others: int  # files that are no such works and will be quarantined
    remarks: list[str] = field(default_factory=list)
    other_media: list[str] = field(default_factory=list)  # that some of its files may be of as well
    folders: int = 1  # that hold works
    titles: bool = False  # works have titles, and neither captions nor classes
    captioned_works: int = 0  # estimated where more sidecars than a few lie there

    def sentence(self, kinds_noun: str) -> str:
        """Return the summary as one line."""
        parts = [format_count(self.works, kinds_noun) + self._describe_words()]
        if self.classes:
            parts.append(f"{format_count(len(self.classes), 'class')} ({_format_classes(self.classes)})")
        if self.classes and self.unlabelled:
            parts.append(f"{self.unlabelled:,} without a class")
        if self.splits:
            parts.append(
                f"splits {format_counts((split, self.splits[split]) for split in _ORDER if split in self.splits)}"
            )
        parts += [format_count(count, noun) for noun, count in self.passed_over.items() if count and noun != "leftover"]
        if count := self.passed_over.get("leftover", 0):
            parts.append(
                f"{format_count(count, 'leftover')} passed over ({', '.join(list(self.leftovers)[:_MAX_SHOWN])})"
            )
        if self.others:
            parts.append(f"{format_count(self.others, 'other file')}")
        parts += self.remarks
        return "; ".join(parts) + (f"; layout: {self.layout}" if self.layout else "")

    def _describe_words(self) -> str:
        return " with captions" if self.captions else " with titles" if self.titles else ""

    def to_json(self) -> dict[str, Any]:
        """Return the summary for programs."""
        return asdict(self)


def summarise_layout(layout: Layout) -> LayoutSummary:
    """Return the summary of a detected layout.

    Raises:
        UserError: a table cannot be read.
    """
    classes, splits, words, unlabelled, works = Counter[str](), Counter[str](), Counter[str](), 0, 0
    with _read_annotations(layout) as annotations:
        from_tables = annotations.labelled > 0 and layout.classes in {"auto", "metadata"}
        for path in _list_works(layout):
            fields = annotations.find_fields(path)
            works += 1
            words.update({"caption", "title"} & fields.keys())
            unlabelled += fields["label"] is None
            classes.update([fields["label"]] if fields["label"] is not None else [])
            splits.update([fields["split"]] if fields["split"] is not None else [])
        remarks = list(layout.folders.remarks)
        if missing := sum(1 for _ in annotations.named.unused_names()):
            remarks.append(f"{format_count(missing, 'row')} of metadata without a file")
        unread_captions = _estimate_unread_captions(layout, annotations)
    ignored, leftovers = _count_ignored(layout), layout.survey.inputs.leftovers
    return LayoutSummary(
        place=str(layout.survey.inputs.path),
        medium=layout.medium,
        layout=find_known_layout(layout),
        works=works,
        captions=words["caption"] > 0,
        classes_from=("metadata" if from_tables else "folders") if classes else "none",
        classes=dict(sorted(classes.items())) if len(classes) > 1 else {},
        unlabelled=unlabelled,
        splits={split: splits[split] for split in _ORDER if splits[split]},
        passed_over={noun: count for noun, count in ignored.items() if count},
        leftovers=dict(sorted(leftovers.items(), key=lambda item: (-item[1], item[0]))),
        others=_count_others(layout, works, ignored),
        remarks=remarks,
        other_media=_list_other_media(layout),
        folders=_count_folders(layout),
        titles=words["title"] > 0 and not words["caption"] and len(classes) <= 1,
        captioned_works=words["caption"] + unread_captions,
    )


def _list_other_media(layout: Layout) -> list[str]:
    query = "SELECT DISTINCT media FROM files WHERE role IN ('work', 'list')"
    media = {name for (names,) in layout.survey.database.execute(query) for name in names.split(",") if name}
    return sorted(media - {layout.medium})


def _count_folders(layout: Layout) -> int:
    query = f"SELECT count(DISTINCT folder) FROM files JOIN folders ON id = folder WHERE {works_condition(layout)}"  # noqa: S608 - our own words
    return int(layout.survey.database.execute(query).fetchone()[0])


def _read_annotations(layout: Layout) -> Annotations:
    """Return what tables and a few sidecars say of works.

    Where tables give classes, all sidecars are read.
    """
    annotations = Annotations(layout, sidecars=_SIDECARS_READ)
    if not _has_classes(layout, annotations):
        return annotations
    annotations.close()
    return Annotations(layout)


def _estimate_unread_captions(layout: Layout, annotations: Annotations) -> int:
    """Return how many unread sidecars hold captions, by the share of the read ones."""
    if _has_classes(layout, annotations):
        return 0
    sidecars = _count_ignored(layout)["sidecar"]
    return max(0, sidecars - _SIDECARS_READ) * annotations.captioned // _SIDECARS_READ


def _has_classes(layout: Layout, annotations: Annotations) -> bool:
    return annotations.labelled > 0 and layout.classes != "none"


def _list_works(layout: Layout) -> Iterator[str]:
    query = f"SELECT path, files.name FROM files JOIN folders ON id = folder WHERE {works_condition(layout)}"  # noqa: S608 - our own words
    for path, name in layout.survey.database.execute(query):
        yield f"{path}/{name}" if path else name


def _count_ignored(layout: Layout) -> Counter[str]:
    """Return the number of files that are no works, by what they are."""
    database, counts = layout.survey.database, Counter[str]()
    counts["sidecar"] = database.execute("SELECT count(*) FROM sidecars").fetchone()[0]
    query = f"""SELECT CASE WHEN role IN ('table', 'about') THEN role WHEN aside = 1 THEN 'annotation' ELSE role END, count(*)
                FROM files JOIN folders ON id = folder WHERE NOT ({works_condition(layout)}) AND NOT EXISTS (SELECT 1
                FROM sidecars WHERE sidecars.folder = files.folder AND sidecars.name = files.name) GROUP BY 1"""  # noqa: S608 - our own words
    for role, count in database.execute(query):
        if role in _NOUNS:
            counts[_NOUNS[role]] += count
    counts["leftover"] = sum(layout.survey.inputs.leftovers.values())
    return counts


def _count_others(layout: Layout, works: int, ignored: Counter[str]) -> int:
    files = layout.survey.database.execute("SELECT count(*) FROM files").fetchone()[0]
    return int(files) - works - sum(count for noun, count in ignored.items() if noun != "leftover")


def _format_classes(classes: dict[str, int]) -> str:
    if len(classes) <= _MAX_SHOWN:
        return format_counts(classes.items())
    return f"{format_counts(list(classes.items())[:_MAX_SHOWN])} and {len(classes) - _MAX_SHOWN:,} more"
