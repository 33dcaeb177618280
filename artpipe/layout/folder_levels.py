"""What the folders between a dataset's root and its works mean: wrapping, splits, parts that a tool has cut, classes."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

from artpipe.layout import folder_words

_SHARE = 0.1  # of the works that lie in folders: a level with fewer is not where the classes are
_FOLDER_PER_WORK, _WORKS_EACH = 20, 1.5  # so many folders, of so few works each: a folder a work, and no classes
_SHOWN = 3  # folders in a remark
Path = tuple[str, ...]  # the parts of a folder's path below the root; the root is ()


class Folder(NamedTuple):
    """Works that lie directly in one folder: how many, the first and the last name, whether names are numbers."""

    works: int
    low: str = ""
    high: str = ""


class Place(NamedTuple):
    """What a folder says of the works in it."""

    label: str | None
    split: str | None


@dataclass
class Levels:
    """The meaning of every folder that holds works, and in words what was not taken for classes."""

    places: dict[Path, Place] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Step:
    """One folder on its way down: what of its path tells apart so far, what is still to be judged, its split."""

    path: Path
    rest: Path
    folder: Folder
    told: Path = ()
    split: str | None = None

    def passed(self, split: str | None = None) -> "_Step":
        """Return the step below, without this part of the path."""
        return replace(self, rest=self.rest[1:], split=self.split or split)

    def entered(self) -> "_Step":
        """Return the step below; this part of the path tells works apart, unless it is but the number of an archive."""
        label = _label(self.rest[0])
        return self.named(label) if label else self.passed()

    def named(self, label: str, split: str | None = None) -> "_Step":
        """Return the step below, its works told by a label."""
        return replace(self, rest=self.rest[1:], told=(*self.told, label), split=self.split or split)


def read_levels(folders: Mapping[Path, Folder], *, classes: bool = True, splits: bool = True) -> Levels:
    """Return label and split of the works in each folder, by the names and counts of all folders that hold works.

    Classes are the nearest folders to the works that tell them apart. Level by level from the root, all folders of a
    level together: splits are noted and left out; a folder that has no sibling, parts numbered by tools, dates and
    containers (`images`) are left out; what remains tells apart.
    """
    levels = Levels()
    steps = [_Step(path, path, folder) for path, folder in folders.items()]
    while any(step.rest for step in steps):
        steps = _descended(steps, levels, splits=splits)
    if not {step.split for step in steps} - {None, "train"}:
        steps = [replace(step, split=None) for step in steps]
    depth = _class_depth(steps) if classes else 0
    for step in steps:
        label = step.told[depth - 1] if 0 < depth <= len(step.told) else None
        levels.places[step.path] = Place(label, step.split)
    return levels


def _label(name: str) -> str:
    stem = folder_words.archive_stem(name)
    return unicodedata.normalize("NFC", name if stem is None else stem)


def _descended(steps: Sequence[_Step], levels: Levels, *, splits: bool) -> list[_Step]:
    """Return the steps one level further down."""
    if contained := _containers(steps) | _own_copies(steps):
        return [step.passed() if step.rest and step.path in contained else step for step in steps]
    names = sorted({_label(step.rest[0]) for step in steps if step.rest})
    if domains := folder_words.split_classes_of(names):
        return [_domain(step, domains, splits=splits) if step.rest else step for step in steps]
    if found := folder_words.splits_of(names):
        if not splits:
            levels.remarks.append(f"the split folders {_listed(names)} are ignored")
        return _passed(steps, lambda step: found[_label(step.rest[0])] if splits else None)
    if aside := _held_out_beside_classes(steps, names):
        return [
            step.passed(folder_words.split_of(step.rest[0]) if splits else None) if _begins(step, aside) else step
            for step in steps
        ]
    return _classes(steps, names, levels)


def _classes(steps: Sequence[_Step], names: Sequence[str], levels: Levels) -> list[_Step]:
    """Return the steps below a level of classes, or of folders that are none."""
    if folder_words.has_google_year(names):
        albums = {name for name in names if not folder_words.are_dates([name])}
        return _albums(steps, albums if len(albums) > 1 else set())
    if (remark := _why_no_classes(names, steps)) is not None:
        if remark:
            levels.remarks.append(f"{remark} ({_listed(names)}) are no classes")
        return _passed(steps)
    return _entered(steps)


def _albums(steps: Sequence[_Step], albums: set[str]) -> list[_Step]:
    """Go into the folders of Google Photos; its years, in which every photo lies, tell nothing apart."""
    return [(step.entered() if _begins(step, albums) else step.passed()) if step.rest else step for step in steps]


def _own_copies(steps: Sequence[_Step]) -> set[Path]:
    """Return the paths whose next part is a folder called as the one it lies in: a set that contains itself once more."""
    below = (step for step in steps if step.rest and folder_words.split_of(step.rest[0]) is None)
    return {step.path for step in below if step.rest[0] in _parent(step)[-1:]}


def _parent(step: _Step) -> Path:
    return step.path[: len(step.path) - len(step.rest)]


def _domain(step: _Step, domains: Mapping[str, tuple[str, str]], *, splits: bool) -> _Step:
    split, label = domains[_label(step.rest[0])]
    return step.named(label, split if splits else None)


def _containers(steps: Sequence[_Step]) -> set[Path]:
    """Return the paths whose next part only says what lies there: ``val/images`` beside ``train/cat/images``.

    Such a folder has no sibling but others of that kind, and is no class elsewhere.
    """
    branches: dict[Path, set[str]] = defaultdict(set)
    for step in steps:
        if step.rest:
            branches[step.path[: len(step.path) - len(step.rest)]].add(_label(step.rest[0]))
    classes = {name for names in branches.values() if not all(map(folder_words.is_container, names)) for name in names}
    plain = {branch for branch, names in branches.items() if names.isdisjoint(classes)}
    return {step.path for step in steps if step.rest and step.path[: len(step.path) - len(step.rest)] in plain}


def _passed(steps: Iterable[_Step], split: Callable[[_Step], str | None] = lambda _: None) -> list[_Step]:
    return [step.passed(split(step)) if step.rest else step for step in steps]


def _entered(steps: Sequence[_Step]) -> list[_Step]:
    """Go into each folder; one that has no sibling, and nothing beside it but a few works, tells nothing apart."""
    groups: dict[Path, list[_Step]] = defaultdict(list)
    for step in steps:
        groups[step.told].append(step)
    single = [group for group in groups.values() if _is_single(group)]
    telling = any(group not in single and any(step.rest for step in group) for group in groups.values())
    entered: list[_Step] = []
    for group in groups.values():
        passing = group in single and not telling
        aside = {step for step in group if step.rest and folder_words.is_aside(step.rest[0])}
        if len({step.rest[0] for step in group if step.rest and step not in aside}) <= 1:
            aside = set()
        entered += [
            (step.passed() if passing or step in aside else step.entered()) if step.rest else step for step in group
        ]
    return entered


def _is_single(group: Sequence[_Step]) -> bool:
    """Return whether all works of a folder lie in one folder in it, or all but a few while that one has several in it."""
    children = {_label(step.rest[0]) for step in group if step.rest}
    own = sum(step.folder.works for step in group if not step.rest)
    below = sum(step.folder.works for step in group if step.rest)
    several = len({step.rest[:2] for step in group if len(step.rest) > 1}) > 1
    return len(children) == 1 and (own == 0 or (several and own < _SHARE * below))


def _begins(step: _Step, names: Iterable[str]) -> bool:
    return bool(step.rest) and _label(step.rest[0]) in names


def _held_out_beside_classes(steps: Sequence[_Step], names: Sequence[str]) -> set[str]:
    """Return split folders that stand beside class folders: ``test`` beside ``cat`` and ``dog``, or with the same in it.

    ``train`` alone may well be a class (the vehicle), unless it holds folders of the same names as those beside it.
    """
    marked = {name for name in names if folder_words.split_of(name)}
    others = set(names) - marked
    if not marked or not others or any(step.told for step in steps if step.rest):
        return set()
    inner: dict[str, set[str]] = defaultdict(set)
    for step in steps:
        if len(step.rest) > 1:
            inner[_label(step.rest[0])].add(_label(step.rest[1]))
    marked -= {name for name in marked if not inner[name] and any(name in inner[other] for other in marked - {name})}
    several = len({folder_words.split_of(name) for name in marked}) > 1
    return {
        name
        for name in marked
        if several or folder_words.folded(name) in folder_words.PLAIN_SPLITS or inner[name] & others
    }


def _why_no_classes(names: Sequence[str], steps: Sequence[_Step]) -> str | None:
    """Return why no folder of a level is a class ("" for what needs no word), None where they may be."""
    here = [step for step in steps if step.rest]
    if len(names) == 1:
        return None
    works = sum(step.folder.works for step in here)
    reasons = {
        "": all(folder_words.archive_stem(step.rest[0]) == "" for step in here),  # 00000.tar, 00001.tar
        "folders by date": folder_words.are_dates(names)
        or folder_words.are_editions(names)
        or (folder_words.are_days(names) and _below_dates(here)),
        "folders numbered by a tool": all(map(folder_words.is_part, names))
        or folder_words.are_hashes(names)
        or (folder_words.are_counted(names) and not _restarts(here)),
        "folders of one work each": len(names) >= _FOLDER_PER_WORK and works < _WORKS_EACH * len(names),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _below_dates(steps: Iterable[_Step]) -> bool:
    parents = [step.path[: len(step.path) - len(step.rest)] for step in steps]
    return all(any(folder_words.are_dates([part]) for part in parent) for parent in parents)


def _restarts(steps: Sequence[_Step]) -> bool:
    """Return whether the numbers of works begin anew in each folder, and the folders do not hold equally many.

    A tool that cuts a whole into folders counts on, or fills each folder but the last.
    """
    ordered = sorted(steps, key=lambda step: step.rest)
    if all(before.folder.high < after.folder.low for before, after in pairwise(ordered)):
        return False
    return len({step.folder.works for step in ordered[:-1]}) > 1 or ordered[-1].folder.works > ordered[0].folder.works


def _class_depth(steps: Sequence[_Step]) -> int:
    """Return the shallowest level at which a good share of the works lies: below it folders divide a class."""
    depths: Counter[int] = Counter()
    for step in steps:
        if step.told:
            depths[len(step.told)] += step.folder.works
    total, reached = sum(depths.values()), 0
    for depth in sorted(depths):
        reached += depths[depth]
        if reached >= _SHARE * total:
            return depth
    return 0


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
