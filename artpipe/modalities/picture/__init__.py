"""Pictures: kept as they are, decoded to uint8 planes of one size, with the statistics of the training split."""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from itertools import product
from typing import TYPE_CHECKING, Any

from artpipe.artifacts.works import Work
from artpipe.config.params import IngestParams
from artpipe.contracts.modality import Facts, Medium, Task
from artpipe.contracts.plugin_info import MediumInfo
from artpipe.modalities.picture.decoder import decode, flattened, perceptual_hash
from artpipe.modalities.picture.framing import PictureParams, fitted
from artpipe.preprocessing.contact_sheet import Print, Sheet, contact_sheet
from artpipe.preprocessing.jobs import worked
from artpipe.system.atomic_files import write_bytes
from artpipe.untrusted.magic_bytes import describe_unread, looks_like_picture

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from artpipe.artifacts.shards import Split

SHARD_BYTES = 256 * 2**20
_SHEET = Sheet()
_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_SIDECARS = (  # captions, tags, labels, boxes; what cameras and editors write; arrays
    *(
        ".txt",
        ".caption",
        ".captions",
        ".cap",
        ".tags",
        ".json",
        ".xml",
        ".cls",
        ".csv",
        ".yaml",
        ".yml",
        ".pts",
        ".lab",
    ),
    *(
        ".xmp",
        ".aae",
        ".thm",
        ".pp3",
        ".dop",
        ".on1",
        ".mov",
        ".mp4",
        ".wav",
        ".cr2",
        ".cr3",
        ".nef",
        ".arw",
        ".dng",
        ".raf",
    ),
    *(".npy", ".npz", ".mat", ".html", ".nfo"),
)


def inspected(data: bytes, settings: dict[str, Any]) -> bytes:
    """Decode one input, in a worker, and return its Facts as JSON: upright size in pixels, difference hash.

    Raises:
        RejectedError: it is not kept.
    """
    picture = decode(data, settings["max_megapixels"])
    width, height = picture.image.size
    return json.dumps(Facts(width, height, f"{perceptual_hash(picture.image):016x}", list(picture.notes))).encode()


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


def _settings(params: PictureParams, ingest: IngestParams) -> dict[str, Any]:
    return {"params": params.model_dump_json(), "max_megapixels": ingest.max_megapixels}


@cache
def _params(text: str) -> PictureParams:
    return PictureParams.model_validate_json(text)


def write(task: Task) -> str:
    """Write images ``(N, C, H, W)`` uint8, labels, digests and a contact sheet."""
    from artpipe.artifacts.shards import Spec

    params: PictureParams = task.params
    shards = _Shards(task.folder, params)
    prints: list[tuple[str, Print]] = []
    for work, tiles in _pixels(task):
        label = task.label(work)
        shards.add(task.split(work), tiles, label, work.sha256)
        if work.sha256 in task.shown:
            prints.append((task.order(work.sha256), Print(_whole(tiles), task.classes[label] if label >= 0 else "")))
    shards.flush()
    counts = shards.writer.counts
    spec = Spec(
        dataset=task.name,
        channels=params.channels,
        height=params.size,
        width=params.size,
        classes=task.classes,
        count=counts["train"],
        columns=("images", "labels", "digests", *(("places",) if params.tiles else ())),
    )
    ordered = [one for _, one in sorted(prints, key=lambda item: (not item[1].label, item[1].label, item[0]))]
    line = f"{task.works.card.count:,} works, "
    line += f"{sum(counts.values()):,} tiles, " if params.tiles else ""
    line += f"{params.size} x {params.size}"
    line += f", {len(task.classes)} classes" if task.classes else ""
    line += "".join(f", {split} {count:,}" for split, count in counts.items())
    write_bytes(task.folder / "contact.png", contact_sheet(task.name, line, ordered, _SHEET))
    mean, std = shards.statistics()
    shards.writer.close(spec, works=task.works.sha256, params=params.model_dump(mode="json"), mean=mean, std=std)
    return line


def _pixels(task: Task) -> Iterator[tuple[Work, "NDArray[np.uint8]"]]:
    """Yield every work with its tiles, uint8 ``(rows, columns, C, H, W)``, in the order of the manifest."""
    import numpy as np

    params: PictureParams = task.params
    for work, payload in worked(task, prepared, _settings(params, task.ingest)):
        rows, size = int.from_bytes(payload[:2]), params.size
        pixels = np.frombuffer(payload, np.uint8, offset=2).reshape(params.channels, rows, size, -1, size)
        yield work, pixels.transpose(1, 3, 0, 2, 4)


def _whole(tiles: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """Put the tiles ``(rows, columns, C, H, W)`` of a work together again."""
    rows, columns, channels, height, width = tiles.shape
    return tiles.transpose(2, 0, 3, 1, 4).reshape(channels, rows * height, columns * width)


class _Shards:
    """Collects pixels by split, writes a file whenever one is full, and sums up the training split."""

    def __init__(self, folder: "Path", params: PictureParams, shard_bytes: int = SHARD_BYTES) -> None:
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


MEDIUM = Medium(
    noun="picture",
    files="JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF",
    params=PictureParams,
    begins=lambda start, name: looks_like_picture(start),  # noqa: ARG005 - a name says nothing of a picture
    inspect=inspected,
    prepare=prepared,
    settings=_settings,
    write=write,
    columns=frozenset({"images", "labels", "digests", "places"}),
    unread=describe_unread,
    suffixes=_SUFFIXES,
    sidecars=_SIDECARS,
    likely=True,
)
MEDIUM_INFO = MediumInfo(
    size_parameter="size",
    default_size=64,
    axes=2,
    starting_params={"channels": 3, "trim": True},
    preview_job="artpipe.modalities.picture.preview_tile:draw_tile",
)
