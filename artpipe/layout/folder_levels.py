"""Interpret the folders between a dataset's root and its works.

They are wrappings, splits, parts that a tool made, and classes.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import NamedTuple

from artpipe.layout import folder_words

_MIN_SHARE = 0.1  # of the works that lie in folders: a level with fewer is not where the classes are
_MIN_SINGLE_FOLDERS, _MAX_WORKS_EACH = 20, 1.5  # so many folders, of so few works each: a folder a work, and no classes
_SHOWN = 3  # folders in a remark
FolderPath = tuple[str, ...]  # the parts of a folder's path below the root; the root is ()


class WorkFolder(NamedTuple):
    """Works that lie directly in one folder: their number, first and last name."""

    works: int
    low: str = ""
    high: str = ""


class FolderMeaning(NamedTuple):
    """Label and split that a folder gives to the works in it."""

    label: str | None
    split: str | None


@dataclass
class FolderMeanings:
    """The meaning of every folder with works, and remarks on what is no class."""

    by_folder: dict[FolderPath, FolderMeaning] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _FolderStep:
    """One folder on the way down: labels so far, path still to read, split."""

    path: FolderPath
    rest: FolderPath
    folder: WorkFolder
    labels: FolderPath = ()
    split: str | None = None

    def skip(self, split: str | None = None) -> "_FolderStep":
        """Return the step below, without this part of the path."""
        return replace(self, rest=self.rest[1:], split=self.split or split)

    def enter(self) -> "_FolderStep":
        """Return the step below with this part of the path as a label."""
        label = _label(self.rest[0])
        return self.enter_as(label) if label else self.skip()

    def enter_as(self, label: str, split: str | None = None) -> "_FolderStep":
        """Return the step below with a given label."""
        return replace(self, rest=self.rest[1:], labels=(*self.labels, label), split=self.split or split)


def interpret_folders(
    folders: Mapping[FolderPath, WorkFolder], *, classes: bool = True, splits: bool = True
) -> FolderMeanings:
    """Return label and split of the works in each folder.

    They follow from the names and counts of all folders that hold works.

    Classes are the nearest folders to the works that tell them apart. Level by level from the root, all folders of a
    level together: splits are noted and left out; a folder that has no sibling, parts numbered by tools, dates and
    containers (`images`) are left out; what remains tells apart.
    """
    levels = FolderMeanings()
    steps = [_FolderStep(path, path, folder) for path, folder in folders.items()]
    while any(step.rest for step in steps):
        steps = _descend(steps, levels, splits=splits)
    if not {step.split for step in steps} - {None, "train"}:
        steps = [replace(step, split=None) for step in steps]
    depth = _find_class_depth(steps) if classes else 0
    for step in steps:
        label = step.labels[depth - 1] if 0 < depth <= len(step.labels) else None
        levels.by_folder[step.path] = FolderMeaning(label, step.split)
    return levels


def _label(name: str) -> str:
    stem = folder_words.strip_archive_suffix(name)
    return unicodedata.normalize("NFC", name if stem is None else stem)


def _descend(steps: Sequence[_FolderStep], levels: FolderMeanings, *, splits: bool) -> list[_FolderStep]:
    """Return the steps one level further down."""
    if containers := _find_containers(steps) | _find_own_copies(steps):
        return [step.skip() if step.rest and step.path in containers else step for step in steps]
    names = sorted({_label(step.rest[0]) for step in steps if step.rest})
    if domains := folder_words.parse_split_classes(names):
        return [_enter_domain(step, domains, splits=splits) if step.rest else step for step in steps]
    if splits_by_name := folder_words.parse_splits(names):
        if not splits:
            levels.remarks.append(f"the split folders {_format_names(names)} are ignored")
        return _skip_level(steps, lambda step: splits_by_name[_label(step.rest[0])] if splits else None)
    if held_out := _find_held_out_folders(steps, names):
        return [
            step.skip(folder_words.parse_split(step.rest[0]) if splits else None)
            if _starts_with(step, held_out)
            else step
            for step in steps
        ]
    return _descend_classes(steps, names, levels)


def _descend_classes(steps: Sequence[_FolderStep], names: Sequence[str], levels: FolderMeanings) -> list[_FolderStep]:
    """Return the steps below a level of classes, or of folders that are none."""
    if folder_words.has_google_year(names):
        albums = {name for name in names if not folder_words.are_dates([name])}
        return _enter_albums(steps, albums if len(albums) > 1 else set())
    if (remark := _explain_no_classes(names, steps)) is not None:
        if remark:
            levels.remarks.append(f"{remark} ({_format_names(names)}) are no classes")
        return _skip_level(steps)
    return _enter_level(steps)


def _enter_albums(steps: Sequence[_FolderStep], albums: set[str]) -> list[_FolderStep]:
    """Enter the folders of Google Photos."""
    return [(step.enter() if _starts_with(step, albums) else step.skip()) if step.rest else step for step in steps]


def _find_own_copies(steps: Sequence[_FolderStep]) -> set[FolderPath]:
    """Return the paths whose next part is named like the folder it lies in."""
    below = (step for step in steps if step.rest and folder_words.parse_split(step.rest[0]) is None)
    return {step.path for step in below if step.rest[0] in _parent(step)[-1:]}


def _parent(step: _FolderStep) -> FolderPath:
    return step.path[: len(step.path) - len(step.rest)]


def _enter_domain(step: _FolderStep, domains: Mapping[str, tuple[str, str]], *, splits: bool) -> _FolderStep:
    split, label = domains[_label(step.rest[0])]
    return step.enter_as(label, split if splits else None)


def _find_containers(steps: Sequence[_FolderStep]) -> set[FolderPath]:
    """Return the paths whose next part only says what lies there.

    Such as ``val/images`` beside ``train/cat/images``.

    Such a folder has no sibling but others of that kind, and is no class elsewhere.
    """
    branches: dict[FolderPath, set[str]] = defaultdict(set)
    for step in steps:
        if step.rest:
            branches[step.path[: len(step.path) - len(step.rest)]].add(_label(step.rest[0]))
    classes = {name for names in branches.values() if not all(map(folder_words.is_container, names)) for name in names}
    plain = {branch for branch, names in branches.items() if names.isdisjoint(classes)}
    return {step.path for step in steps if step.rest and step.path[: len(step.path) - len(step.rest)] in plain}


def _skip_level(
    steps: Iterable[_FolderStep], split: Callable[[_FolderStep], str | None] = lambda _: None
) -> list[_FolderStep]:
    return [step.skip(split(step)) if step.rest else step for step in steps]


def _enter_level(steps: Sequence[_FolderStep]) -> list[_FolderStep]:
    """Enter each folder; one without siblings is no class.

    That is a folder with nothing beside it but a few works.
    """
    groups: dict[FolderPath, list[_FolderStep]] = defaultdict(list)
    for step in steps:
        groups[step.labels].append(step)
    single = [group for group in groups.values() if _is_single(group)]
    has_siblings = any(group not in single and any(step.rest for step in group) for group in groups.values())
    entered: list[_FolderStep] = []
    for group in groups.values():
        skips = group in single and not has_siblings
        unlabelled = {step for step in group if step.rest and folder_words.is_unlabelled(step.rest[0])}
        if len({step.rest[0] for step in group if step.rest and step not in unlabelled}) <= 1:
            unlabelled = set()
        entered += [
            (step.skip() if skips or step in unlabelled else step.enter()) if step.rest else step for step in group
        ]
    return entered


def _is_single(group: Sequence[_FolderStep]) -> bool:
    """Return whether almost all works of a folder lie in one folder in it.

    All of them, or all but a few where that one has several folders in it.
    """
    children = {_label(step.rest[0]) for step in group if step.rest}
    own = sum(step.folder.works for step in group if not step.rest)
    below = sum(step.folder.works for step in group if step.rest)
    several = len({step.rest[:2] for step in group if len(step.rest) > 1}) > 1
    return len(children) == 1 and (own == 0 or (several and own < _MIN_SHARE * below))


def _starts_with(step: _FolderStep, names: Iterable[str]) -> bool:
    return bool(step.rest) and _label(step.rest[0]) in names


def _find_held_out_folders(steps: Sequence[_FolderStep], names: Sequence[str]) -> set[str]:
    """Return the split folders that stand beside class folders.

    Such as ``test`` beside ``cat`` and ``dog``, or with the same folders in it.

    ``train`` alone may well be a class (the vehicle), unless it holds folders of the same names as those beside it.
    """
    split_names = {name for name in names if folder_words.parse_split(name)}
    others = set(names) - split_names
    if not split_names or not others or any(step.labels for step in steps if step.rest):
        return set()
    inner: dict[str, set[str]] = defaultdict(set)
    for step in steps:
        if len(step.rest) > 1:
            inner[_label(step.rest[0])].add(_label(step.rest[1]))
    split_names -= {
        name for name in split_names if not inner[name] and any(name in inner[other] for other in split_names - {name})
    }
    several = len({folder_words.parse_split(name) for name in split_names}) > 1
    return {
        name
        for name in split_names
        if several or folder_words.fold_name(name) in folder_words.PLAIN_SPLITS or inner[name] & others
    }


def _explain_no_classes(names: Sequence[str], steps: Sequence[_FolderStep]) -> str | None:
    """Return why no folder of a level is a class, None where they may be.

    Empty where that needs no remark.
    """
    inner = [step for step in steps if step.rest]
    if len(names) == 1:
        return None
    works = sum(step.folder.works for step in inner)
    reasons = {
        "": all(folder_words.strip_archive_suffix(step.rest[0]) == "" for step in inner),  # 00000.tar, 00001.tar
        "folders by date": folder_words.are_dates(names)
        or folder_words.are_editions(names)
        or (folder_words.are_days(names) and _are_below_dates(inner)),
        "folders numbered by a tool": all(map(folder_words.is_numbered_part, names))
        or folder_words.are_hashes(names)
        or (folder_words.are_padded_numbers(names) and not _numbers_restart(inner)),
        "folders of one work each": len(names) >= _MIN_SINGLE_FOLDERS and works < _MAX_WORKS_EACH * len(names),
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def _are_below_dates(steps: Iterable[_FolderStep]) -> bool:
    parents = [step.path[: len(step.path) - len(step.rest)] for step in steps]
    return all(any(folder_words.are_dates([part]) for part in parent) for parent in parents)


def _numbers_restart(steps: Sequence[_FolderStep]) -> bool:
    """Return whether the numbers of works begin anew in each folder.

    The folders do not hold equally many works then.

    A tool that cuts a whole into folders counts on, or fills each folder but the last.
    """
    ordered = sorted(steps, key=lambda step: step.rest)
    if all(before.folder.high < after.folder.low for before, after in pairwise(ordered)):
        return False
    return len({step.folder.works for step in ordered[:-1]}) > 1 or ordered[-1].folder.works > ordered[0].folder.works


def _find_class_depth(steps: Sequence[_FolderStep]) -> int:
    """Return the shallowest level at which a good share of the works lies.

    Folders below it divide a class.
    """
    depths: Counter[int] = Counter()
    for step in steps:
        if step.labels:
            depths[len(step.labels)] += step.folder.works
    total, works = sum(depths.values()), 0
    for depth in sorted(depths):
        works += depths[depth]
        if works >= _MIN_SHARE * total:
            return depth
    return 0


def _format_names(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
