"""Which work is trained on, validated with or tested on, by its content alone."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import islice, zip_longest
from typing import TYPE_CHECKING

from artpipe.artifacts.works import Work, Works
from artpipe.config.params import SplitParams

if TYPE_CHECKING:
    from artpipe.artifacts.shards import Split

_FEWEST_CLASSES = 2  # one class says nothing about a work
PROMOTABLE: tuple["Split", ...] = ("validation", "test")


@dataclass(frozen=True)
class Plan:
    """Which work goes where, decided from the manifest alone."""

    params: SplitParams
    official: frozenset[str]  # the splits that the source brought, besides that to train on
    classes: tuple[str, ...]
    promoted: dict[str, "Split"] = field(default_factory=dict)  # by SHA-256: so that no wanted split is empty
    counts: dict["Split", int] = field(default_factory=dict)  # works by split
    shown: frozenset[str] = frozenset()  # SHA-256 of the works on the contact sheet

    def split(self, work: Work) -> "Split":
        """Return a work's split: the official one, or a bucket of its content's hash; never of its neighbours."""
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

    def class_of(self, work: Work) -> str:
        """Return the name of a work's class, empty where it has none."""
        return work.label if work.label is not None and work.label in self.classes else ""

    def label(self, work: Work) -> int:
        """Return the number of a work's class, -1 where it has none."""
        name = self.class_of(work)
        return self.classes.index(name) if name else -1


def planned(works: Works, params: SplitParams, shown: int) -> Plan:
    """Plan a dataset's splits and contact sheet.

    A work's split depends on its own content alone, with one exception: where a wanted split would be empty, which
    happens in sets of a few dozen works, the work of the training split whose hash is lowest goes there.
    """
    classes = tuple(works.card.labels) if len(works.card.labels) >= _FEWEST_CLASSES else ()
    plan = Plan(params, official=frozenset(works.card.splits) & {*PROMOTABLE}, classes=classes)
    counts: Counter[Split] = Counter()
    lowest: list[str] = []
    samples: dict[str, list[str]] = {}
    for work in works.rows():
        split = plan.split(work)
        counts[split] += 1
        if split == "train" and (len(lowest) < len(PROMOTABLE) or work.sha256 < lowest[-1]):
            lowest = sorted([*lowest, work.sha256])[: len(PROMOTABLE)]
        sample = samples.setdefault(plan.class_of(work), [])
        sample.append(work.sha256)
        if len(sample) > 2 * shown:
            sample[:] = sorted(sample, key=shuffled)[:shown]
    wanted = {"validation": params.validation > 0, "test": "test" in plan.official or params.test > 0}
    missing = [split for split in PROMOTABLE if wanted[split] and not counts[split]]
    promoted = dict(zip(lowest, missing, strict=False))
    counts.update(promoted.values())
    counts["train"] -= len(promoted)
    return replace(plan, promoted=promoted, counts=dict(counts), shown=frozenset(_fair(samples, shown)))


def shuffled(sha256: str) -> str:
    """The order of the contact sheet: by content, and not that of the splits."""
    return sha256[::-1]


def _fair(samples: dict[str, list[str]], count: int) -> Iterator[str]:
    """Yield `count` works, as many of each class as there are places; a small class leaves its places to the others."""
    ranked = [sorted(sample, key=shuffled) for _, sample in sorted(samples.items())]
    return islice((work for rank in zip_longest(*ranked) for work in rank if work is not None), count)
