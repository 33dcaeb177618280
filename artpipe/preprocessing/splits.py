"""Assign works to training, validation and test by their content alone."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from heapq import nsmallest
from typing import TYPE_CHECKING

from artpipe.artifacts.works import Work, Works
from artpipe.config.params import SplitParams

if TYPE_CHECKING:
    from artpipe.artifacts.shards import Split

_MIN_CLASSES = 2  # one class says nothing about a work
PROMOTABLE: tuple["Split", ...] = ("validation", "test")


@dataclass(frozen=True)
class SplitPlan:
    """The split of each work, decided from the manifest alone."""

    params: SplitParams
    official: frozenset[str]  # the splits that the source brought, besides that to train on
    classes: tuple[str, ...]
    promoted: dict[str, "Split"] = field(default_factory=dict)  # by SHA-256: so that no wanted split is empty
    counts: dict["Split", int] = field(default_factory=dict)  # works by split
    shown: frozenset[str] = frozenset()  # SHA-256 of the works on the contact sheet

    def split(self, work: Work) -> "Split":
        """Return a work's split: the official one, or one by its content's hash.

        It never depends on its neighbours.
        """
        if work.sha256 in self.promoted:
            return self.promoted[work.sha256]
        if work.split in PROMOTABLE and work.split in self.official:
            return work.split
        place = int(work.sha256[:15], 16) / 16**15  # in [0, 1)
        if place < self.params.validation:
            return "train" if "validation" in self.official else "validation"
        if "test" not in self.official and place < self.params.validation + self.params.test:
            return "test"
        return "train"

    def class_name(self, work: Work) -> str:
        """Return the name of a work's class, empty where it has none."""
        return work.label if work.label is not None and work.label in self.classes else ""

    def label(self, work: Work) -> int:
        """Return the number of a work's class, -1 where it has none."""
        name = self.class_name(work)
        return self.classes.index(name) if name else -1


def plan_splits(works: Works, params: SplitParams, shown: int) -> SplitPlan:
    """Plan a dataset's splits and contact sheet.

    A work's split depends on its own content alone, with one exception: where a wanted split would be empty, which
    happens in sets of a few dozen works, the work of the training split whose hash is lowest goes there.
    """
    classes = tuple(works.card.labels) if len(works.card.labels) >= _MIN_CLASSES else ()
    plan = SplitPlan(params, official=frozenset(works.card.splits) & {*PROMOTABLE}, classes=classes)
    counts: dict[Split, int] = dict.fromkeys(("train", *PROMOTABLE), 0)
    training_works: list[str] = []
    works_by_class: defaultdict[str, list[str]] = defaultdict(list)
    for work in works.rows():
        split = plan.split(work)
        counts[split] += 1
        works_by_class[plan.class_name(work)].append(work.sha256)
        if split == "train":
            training_works.append(work.sha256)
    is_wanted = {"validation": params.validation > 0, "test": "test" in plan.official or params.test > 0}
    missing = [split for split in PROMOTABLE if is_wanted[split] and not counts[split]]
    promoted = dict(zip(nsmallest(len(missing), training_works), missing, strict=False))
    counts |= dict.fromkeys(promoted.values(), 1)
    counts["train"] -= len(promoted)
    return replace(plan, promoted=promoted, counts=counts, shown=frozenset(_choose_shown(works_by_class, shown)))


def contact_sheet_order(sha256: str) -> str:
    """Return the sort key of a work on the contact sheet.

    By content, and in another order than that of the splits.
    """
    return sha256[::-1]


def _choose_shown(works_by_class: Mapping[str, Iterable[str]], count: int) -> list[str]:
    """Return `count` works, as many of each class as there are places.

    A small class leaves its places to the others.
    """
    ranked = [
        (rank, label, sha256)
        for label, works in works_by_class.items()
        for rank, sha256 in enumerate(nsmallest(count, works, key=contact_sheet_order))
    ]
    return [sha256 for *_, sha256 in nsmallest(count, ranked)]
