"""Say what a place of works was understood as: in one sentence, and as JSON for programs."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Any

from artpipe.layout.known_layouts import known_layout
from artpipe.layout.understanding import Layout, works_where
from artpipe.layout.work_kinds import counted, listed
from artpipe.layout.work_reader import Facts

_SIDECARS_READ = 50  # to see whether they hold captions
_SHOWN = 6  # classes; names of leftovers
_ORDER = ("train", "validation", "test")
_NOUNS = {"sidecar": "sidecar", "annotation": "annotation", "table": "table", "about": "readme", "list": "list"}


@dataclass
class Understanding:
    """What a place was understood as."""

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

    def sentence(self, kinds_noun: str) -> str:
        """Return all of it in one line."""
        parts = [counted(self.works, kinds_noun) + (" with captions" if self.captions else "")]
        if self.classes:
            parts.append(f"{counted(len(self.classes), 'class')} ({_most(self.classes)})")
        if self.classes and self.unlabelled:
            parts.append(f"{self.unlabelled:,} without a class")
        if self.splits:
            parts.append(f"splits {listed((split, self.splits[split]) for split in _ORDER if split in self.splits)}")
        parts += [counted(count, noun) for noun, count in self.passed_over.items() if count and noun != "leftover"]
        if count := self.passed_over.get("leftover", 0):
            parts.append(f"{counted(count, 'leftover')} passed over ({', '.join(list(self.leftovers)[:_SHOWN])})")
        if self.others:
            parts.append(f"{counted(self.others, 'other file')}")
        parts += self.remarks
        return "; ".join(parts) + (f"; layout: {self.layout}" if self.layout else "")

    def as_json(self) -> dict[str, Any]:
        """Return all of it for programs."""
        return asdict(self)


def describe(layout: Layout) -> Understanding:
    """Return what a place was understood as.

    Raises:
        UserError: a table cannot be read.
    """
    classes: Counter[str] = Counter()
    splits: Counter[str] = Counter()
    unlabelled = works = captions = 0
    with _facts(layout) as facts:
        from_tables = facts.labelled > 0 and layout.classes in {"auto", "metadata"}
        for path in _works(layout):
            fields = facts.of(path)
            works += 1
            captions += "caption" in fields
            unlabelled += fields["label"] is None
            classes.update([fields["label"]] if fields["label"] is not None else [])
            splits.update([fields["split"]] if fields["split"] is not None else [])
        remarks = list(layout.levels.remarks)
        if missing := sum(1 for _ in facts.named.unused_names()):
            remarks.append(f"{counted(missing, 'row')} of metadata without a file")
    passed = _passed_over(layout)
    leftovers = layout.survey.place.leftovers
    passed["leftover"] = sum(leftovers.values())
    return Understanding(
        place=str(layout.survey.place.path),
        medium=layout.medium,
        layout=known_layout(layout),
        works=works,
        captions=captions > 0,
        classes_from=("metadata" if from_tables else "folders") if classes else "none",
        classes=dict(sorted(classes.items())) if len(classes) > 1 else {},
        unlabelled=unlabelled,
        splits={split: splits[split] for split in _ORDER if splits[split]},
        passed_over={noun: count for noun, count in passed.items() if count},
        leftovers=dict(sorted(leftovers.items(), key=lambda item: (-item[1], item[0]))),
        others=_others(layout, works, passed),
        remarks=remarks,
    )


def _facts(layout: Layout) -> Facts:
    """Return what tables and a few sidecars say of works; what all sidecars say, where they have classes."""
    facts = Facts(layout, sidecars=_SIDECARS_READ)
    if not facts.labelled or layout.classes == "none":
        return facts
    facts.close()
    return Facts(layout)


def _works(layout: Layout) -> Iterator[str]:
    query = f"SELECT path, files.name FROM files JOIN folders ON id = folder WHERE {works_where(layout)}"  # noqa: S608 - our own words
    for path, name in layout.survey.database.execute(query):
        yield f"{path}/{name}" if path else name


def _passed_over(layout: Layout) -> Counter[str]:
    """Return how many files are no works, by what they are."""
    database, counts = layout.survey.database, Counter[str]()
    counts["sidecar"] = database.execute("SELECT count(*) FROM sidecars").fetchone()[0]
    query = f"""SELECT CASE WHEN role IN ('table', 'about') THEN role WHEN aside = 1 THEN 'annotation' ELSE role END, count(*)
                FROM files JOIN folders ON id = folder WHERE NOT ({works_where(layout)}) AND NOT EXISTS (SELECT 1
                FROM sidecars WHERE sidecars.folder = files.folder AND sidecars.name = files.name) GROUP BY 1"""  # noqa: S608 - our own words
    for role, count in database.execute(query):
        if role in _NOUNS:
            counts[_NOUNS[role]] += count
    return counts


def _others(layout: Layout, works: int, passed: Counter[str]) -> int:
    files = layout.survey.database.execute("SELECT count(*) FROM files").fetchone()[0]
    return int(files) - works - sum(count for noun, count in passed.items() if noun != "leftover")


def _most(classes: dict[str, int]) -> str:
    if len(classes) <= _SHOWN:
        return listed(classes.items())
    return f"{listed(list(classes.items())[:_SHOWN])} and {len(classes) - _SHOWN:,} more"
