"""Preprocess: works become tensors; borders trimmed, cropped, padded or cut into tiles, resized, split by content, in shards."""

import hashlib
import sys
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import islice, product, zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Any

from artpipe.artifacts import paths
from artpipe.artifacts.manifest import Work, Works
from artpipe.errors import ArtpipeError, UserError
from artpipe.files import sweep, write_bytes, written_folder
from artpipe.inputs.contact import Print, Sheet, contact_sheet
from artpipe.inputs.framing import fitted
from artpipe.inputs.pictures import decode, flattened
from artpipe.inputs.pool import Limits, outcomes
from artpipe.params import DatasetEntry, PreprocessParams, load_params

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from artpipe.artifacts.shards import Split

SHARD_BYTES = 256 * 2**20
_FEWEST_CLASSES = 2  # one class says nothing about a work
_PROMOTABLE: tuple["Split", ...] = ("validation", "test")
_SHEET = Sheet()


def preprocess_dataset(name: str) -> None:
    """Read `data/works/NAME` and write `data/shards/NAME`.

    Raises:
        UserError: no such dataset, it was not ingested, or none of its works is left to train on.
        CorruptError: the works are not what ingest wrote.
    """
    entry, works, folder = load_params().dataset(name), Works.open(paths.works(name)), paths.shards(name)
    sweep(folder.parent)
    with written_folder(folder) as temporary:
        _preprocessed(name, entry, works, temporary)


def prepared(data: bytes, settings: dict[str, Any]) -> bytes:
    """Turn one original into pixels, in a worker: uint8 ``(C, H, W)``, as bytes; H and W are multiples of the tile.

    The rows of tiles go before them, as two bytes.

    Raises:
        RejectedError: it cannot be decoded.
    """
    params = _params(settings["params"])
    picture = decode(data, settings["max_megapixels"])
    image = fitted(flattened(picture.image, params.background), params)
    rows = image.height // params.size
    return b"".join([rows.to_bytes(2), *(plane.tobytes() for plane in image.split())])


@cache
def _params(text: str) -> PreprocessParams:
    return PreprocessParams.model_validate_json(text)


@dataclass(frozen=True)
class Plan:
    """Which work goes where, decided from the manifest alone."""

    params: PreprocessParams
    official: bool  # the source brought a test split
    classes: tuple[str, ...]
    promoted: dict[str, "Split"] = field(default_factory=dict)  # by SHA-256: so that no wanted split is empty
    counts: dict["Split", int] = field(default_factory=dict)  # works by split
    shown: frozenset[str] = frozenset()  # SHA-256 of the works on the contact sheet

    def split(self, work: Work) -> "Split":
        """Return a work's split: the official test, or a bucket of its content's hash; never of its neighbours."""
        if work.sha256 in self.promoted:
            return self.promoted[work.sha256]
        if self.official and work.split == "test":
            return "test"
        place = int(work.sha256[:15], 16) / 16**15  # in [0, 1)
        if place < self.params.validation:
            return "validation"
        if not self.official and place < self.params.validation + self.params.test:
            return "test"
        return "train"

    def class_of(self, work: Work) -> str:
        """Return the name of a work's class, empty where it has none."""
        return work.label if work.label is not None and work.label in self.classes else ""

    def label(self, work: Work) -> int:
        """Return the number of a work's class, -1 where it has none."""
        name = self.class_of(work)
        return self.classes.index(name) if name else -1


def planned(works: Works, params: PreprocessParams, shown: int) -> Plan:
    """Plan a dataset's splits and contact sheet.

    A work's split depends on its own content alone, with one exception: where a wanted split would be empty, which
    happens in sets of a few dozen works, the work of the training split whose hash is lowest goes there.
    """
    classes = tuple(works.card.labels) if len(works.card.labels) >= _FEWEST_CLASSES else ()
    plan = Plan(params, official=works.card.splits.get("test", 0) > 0, classes=classes)
    counts: Counter[Split] = Counter()
    lowest: list[str] = []
    samples: dict[str, list[str]] = {}
    for work in works.rows():
        split = plan.split(work)
        counts[split] += 1
        if split == "train" and (len(lowest) < len(_PROMOTABLE) or work.sha256 < lowest[-1]):
            lowest = sorted([*lowest, work.sha256])[: len(_PROMOTABLE)]
        sample = samples.setdefault(plan.class_of(work), [])
        sample.append(work.sha256)
        if len(sample) > 2 * shown:
            sample[:] = sorted(sample, key=_shuffled)[:shown]
    wanted = {"validation": params.validation > 0, "test": plan.official or params.test > 0}
    missing = [split for split in _PROMOTABLE if wanted[split] and not counts[split]]
    promoted = dict(zip(lowest, missing, strict=False))
    counts.update(promoted.values())
    counts["train"] -= len(promoted)
    return replace(plan, promoted=promoted, counts=dict(counts), shown=frozenset(_fair(samples, shown)))


def _require_training_works(name: str, plan: Plan) -> None:
    if plan.counts["train"]:
        return
    held_out = {split: plan.counts.get(split, 0) for split in _PROMOTABLE}
    found = ", ".join(f"{split} {count}" for split, count in held_out.items())
    advice = "mark fewer of them as `test`" if plan.official else "lower `validation` and `test`"
    place = f"params.yaml: `datasets.{name}.preprocess`"
    raise UserError(f"{place}: none of {sum(held_out.values())} works is left to train on ({found}); {advice}")


def _shuffled(sha256: str) -> str:
    """The order of the contact sheet: by content, and not that of the splits."""
    return sha256[::-1]


def _fair(samples: dict[str, list[str]], count: int) -> Iterator[str]:
    """Yield `count` works, as many of each class as there are places; a small class leaves its places to the others."""
    ranked = [sorted(sample, key=_shuffled) for _, sample in sorted(samples.items())]
    return islice((work for rank in zip_longest(*ranked) for work in rank if work is not None), count)


def _preprocessed(name: str, entry: DatasetEntry, works: Works, folder: Path) -> None:
    from artpipe.artifacts.shards import Spec

    params = entry.preprocess
    plan = planned(works, params, _SHEET.columns * _SHEET.rows)
    _require_training_works(name, plan)
    shards = _Shards(folder, params)
    prints: list[tuple[str, Print]] = []
    for work, tiles in _pixels(works, entry):
        split = plan.split(work)
        shards.add(split, tiles, plan.label(work), work.sha256)
        if work.sha256 in plan.shown:
            prints.append((_shuffled(work.sha256), Print(_whole(tiles), plan.class_of(work))))
    shards.flush()
    counts = shards.writer.counts
    spec = Spec(
        dataset=name,
        channels=params.channels,
        height=params.size,
        width=params.size,
        classes=plan.classes,
        count=counts["train"],
        **({"columns": (*Spec.model_fields["columns"].default, "places")} if params.tiles else {}),
    )
    ordered = [one for _, one in sorted(prints, key=lambda item: (not item[1].label, item[1].label, item[0]))]
    line = f"{works.card.count:,} works, "
    line += f"{sum(counts.values()):,} tiles, " if params.tiles else ""
    line += f"{params.size} x {params.size}"
    line += f", {len(plan.classes)} classes" if plan.classes else ""
    line += "".join(f", {split} {count:,}" for split, count in counts.items())
    write_bytes(folder / "contact.png", contact_sheet(name, line, ordered, _SHEET))
    mean, std = shards.statistics()
    shards.writer.close(spec, works=works.sha256, params=params.model_dump(mode="json"), mean=mean, std=std)
    sys.stdout.write(f"{name}: {line}\n")


def _pixels(works: Works, entry: DatasetEntry) -> Iterator[tuple[Work, "NDArray[np.uint8]"]]:
    """Yield every work with its tiles, uint8 ``(rows, columns, C, H, W)``, in the order of the manifest."""
    import numpy as np

    params, ingest = entry.preprocess, entry.ingest
    settings = {"params": params.model_dump_json(), "max_megapixels": ingest.max_megapixels}
    limits = Limits(seconds=ingest.decode_seconds, memory_megabytes=ingest.decode_megabytes)
    job = "artpipe.preprocess:prepared"
    for work, outcome in outcomes(works.originals(), job=job, settings=settings, limits=limits):
        if outcome.reason is not None:
            why = f"{outcome.reason} {outcome.detail}".strip()
            raise ArtpipeError(f"{works.folder}: work {work.sha256[:12]} was kept and cannot be decoded now: {why}")
        rows, size = int.from_bytes(outcome.payload[:2]), params.size
        pixels = np.frombuffer(outcome.payload, np.uint8, offset=2).reshape(params.channels, rows, size, -1, size)
        yield work, pixels.transpose(1, 3, 0, 2, 4)


def _whole(tiles: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """Put the tiles ``(rows, columns, C, H, W)`` of a work together again."""
    rows, columns, channels, height, width = tiles.shape
    return tiles.transpose(2, 0, 3, 1, 4).reshape(channels, rows * height, columns * width)


class _Shards:
    """Collects pixels by split, writes a file whenever one is full, and sums up the training split."""

    def __init__(self, folder: Path, params: PreprocessParams, shard_bytes: int = SHARD_BYTES) -> None:
        from artpipe.artifacts.shards import ShardWriter

        self.writer, self.params = ShardWriter(folder), params
        beside = 72 if params.tiles else 40  # bytes: a label and a digest, a place
        self.most = max(1, shard_bytes // (params.channels * params.size**2 + beside))
        self.images: dict[Split, bytearray] = defaultdict(bytearray)
        self.labels: dict[Split, list[int]] = defaultdict(list)
        self.digests: dict[Split, bytearray] = defaultdict(bytearray)
        self.places: dict[Split, list[tuple[int, int, int, int]]] = defaultdict(list)
        self.sums, self.squares = [0] * params.channels, [0] * params.channels

    def add(self, split: "Split", tiles: "NDArray[np.uint8]", label: int, sha256: str) -> None:
        """Take the tiles ``(rows, columns, C, H, W)`` of one work, row by row."""
        rows, columns = tiles.shape[:2]
        for row, column in product(range(rows), range(columns)):
            self.images[split] += tiles[row, column].tobytes()
            self.labels[split].append(label)
            self.digests[split] += bytes.fromhex(sha256)
            self.places[split].append((row, column, rows, columns))
            if len(self.labels[split]) >= self.most:
                self._write(split)

    def flush(self) -> None:
        """Write what is left."""
        for split in sorted(self.labels):
            if self.labels[split]:
                self._write(split)

    def statistics(self) -> tuple[list[float], list[float]]:
        """Return mean and standard deviation of the training split by channel, in [0, 1]; exact integer sums."""
        count = self.writer.counts["train"] * self.params.size**2
        means = [total / count for total in self.sums]
        deviations = [
            max(0.0, square / count - mean**2) ** 0.5 for square, mean in zip(self.squares, means, strict=True)
        ]
        return [mean / 255 for mean in means], [deviation / 255 for deviation in deviations]

    def _write(self, split: "Split") -> None:
        import numpy as np
        import torch

        count, params = len(self.labels[split]), self.params
        images = np.frombuffer(self.images.pop(split), np.uint8).reshape(
            count, params.channels, params.size, params.size
        )
        if split == "train":
            for channel in range(params.channels):
                levels = np.bincount(images[:, channel].ravel(), minlength=256).tolist()
                self.sums[channel] += sum(level * number for level, number in enumerate(levels))
                self.squares[channel] += sum(level * level * number for level, number in enumerate(levels))
        digests = np.frombuffer(self.digests.pop(split), np.uint8).reshape(count, hashlib.sha256().digest_size)
        labels = torch.tensor(self.labels.pop(split), dtype=torch.int64)
        columns = {"images": torch.from_numpy(images), "labels": labels, "digests": torch.from_numpy(digests)}
        places = torch.tensor(self.places.pop(split), dtype=torch.int64)
        if params.tiles:
            columns["places"] = places
        self.writer.add(split, columns)
