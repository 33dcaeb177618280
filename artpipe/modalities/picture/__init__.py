"""Decode pictures to uint8 planes of one size, with statistics of training works.

Originals are kept as they are.
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from typing import TYPE_CHECKING, Any

from artpipe.artifacts.caption_columns import CAPTION_COLUMNS, ROW_BYTES, make_caption_columns
from artpipe.artifacts.works import Work
from artpipe.config.params import IngestParams
from artpipe.contracts.modality import Medium, PreprocessTask, WorkFacts
from artpipe.contracts.plugin_info import MediumInfo
from artpipe.modalities.picture.decoder import decode_picture, flatten_alpha, perceptual_hash
from artpipe.modalities.picture.framing import PictureParams, fit_to_squares, parse_params
from artpipe.modalities.picture.grey_batches import inspect_grey_pictures, prepare_grey_pictures
from artpipe.modalities.picture.pixel_hash import hash_pixels
from artpipe.preprocessing.contact_sheet import SheetPicture, SheetStyle, draw_contact_sheet
from artpipe.preprocessing.jobs import run_jobs
from artpipe.system.atomic_files import write_bytes
from artpipe.untrusted.batch_jobs import with_batch_job
from artpipe.untrusted.magic_bytes import describe_unread_file, looks_like_picture

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from artpipe.artifacts.shards import Split

SHARD_BYTES = 256 * 2**20
_COUNTED_PIXELS = 1 << 20  # of a channel at a time: 8 MiB
_SHEET = SheetStyle()
_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
_SIDECARS = (  # captions, tags, labels, boxes; what cameras and editors write; arrays
    ".txt", ".caption", ".captions", ".cap", ".tags", ".json", ".xml", ".cls", ".csv", ".yaml", ".yml", ".pts", ".lab",
    ".xmp", ".aae", ".thm", ".pp3", ".dop", ".on1", ".mov", ".mp4", ".wav", ".cr2", ".cr3", ".nef", ".arw", ".dng", ".raf",
    ".npy", ".npz", ".mat", ".html", ".nfo",
)  # fmt: skip


@with_batch_job(inspect_grey_pictures)
def inspect_picture(data: bytes, settings: dict[str, Any]) -> bytes:
    """Decode one input, in a worker, and return its WorkFacts as JSON.

    Upright size in pixels and difference hash; the hash of the pixels where `hash_content` is set.

    Raises:
        RejectedError: it is not kept.
    """
    picture = decode_picture(data, settings["max_megapixels"])
    width, height = picture.image.size
    content_hash = hash_pixels(picture.image) if settings.get("hash_content") else ""
    facts = WorkFacts(width, height, f"{perceptual_hash(picture.image):016x}", list(picture.notes), content_hash)
    return json.dumps(facts).encode()


@with_batch_job(prepare_grey_pictures)
def prepare_picture(data: bytes, settings: dict[str, Any]) -> bytes:
    """Return one original as pixels, in a worker: uint8 ``(C, H, W)``, as bytes.

    H and W are multiples of the tile.

    The rows of tiles go before them, as two bytes.

    Raises:
        RejectedError: it cannot be decoded.
    """
    params = parse_params(settings["params"])
    picture = decode_picture(data, settings["max_megapixels"])
    image = fit_to_squares(flatten_alpha(picture.image, params.background), params)
    rows = image.height // params.size
    return b"".join([rows.to_bytes(2), *(plane.tobytes() for plane in image.split())])


def _settings(params: PictureParams, ingest: IngestParams) -> dict[str, Any]:
    return {"params": params.model_dump_json(), "max_megapixels": ingest.max_megapixels}


def write_shards(task: PreprocessTask) -> str:
    """Write images ``(N, C, H, W)`` uint8, labels, digests and a contact sheet."""
    from artpipe.artifacts.shards import Spec

    params: PictureParams = task.params
    shards = _PictureShards(task.folder, params, has_captions=task.works.has_captions)
    prints: list[tuple[str, SheetPicture]] = []
    for (work, tiles), caption in zip(_prepared_tiles(task), task.works.captions(), strict=True):
        label = task.label(work)
        shards.add(task.split(work), tiles, label, work.sha256, caption)
        if work.sha256 in task.shown:
            name = task.classes[label] if label >= 0 else caption
            prints.append((task.order(work.sha256), SheetPicture(_join_tiles(tiles), name)))
    shards.flush()
    counts = shards.writer.counts
    spec = Spec(
        dataset=task.name,
        channels=params.channels,
        height=params.size,
        width=params.size,
        classes=task.classes,
        count=counts["train"],
        columns=shards.column_names,
    )
    ordered = [
        sheet_print for _, sheet_print in sorted(prints, key=lambda item: (not item[1].label, item[1].label, item[0]))
    ]
    line = f"{task.works.card.count:,} works, "
    line += f"{sum(counts.values()):,} tiles, " if params.tiles else ""
    line += f"{params.size} x {params.size}"
    line += f", {len(task.classes)} classes" if task.classes else ""
    line += ", captions" if task.works.has_captions else ""
    line += "".join(f", {split} {count:,}" for split, count in counts.items())
    write_bytes(task.folder / "contact.png", draw_contact_sheet(task.name, line, ordered, _SHEET))
    mean, std = shards.statistics()
    shards.writer.close(spec, works=task.works.sha256, params=params.model_dump(mode="json"), mean=mean, std=std)
    return line


def _prepared_tiles(task: PreprocessTask) -> Iterator[tuple[Work, "NDArray[np.uint8]"]]:
    """Yield every work with its tiles, uint8 ``(rows, columns, C, H, W)``.

    In the order of the manifest.
    """
    import numpy as np

    params: PictureParams = task.params
    for work, payload in run_jobs(task, prepare_picture, _settings(params, task.ingest)):
        rows, size = int.from_bytes(payload[:2]), params.size
        pixels = np.frombuffer(payload, np.uint8, offset=2).reshape(params.channels, rows, size, -1, size)
        yield work, pixels.transpose(1, 3, 0, 2, 4)


def _join_tiles(tiles: "NDArray[np.uint8]") -> "NDArray[np.uint8]":
    """Join the tiles ``(rows, columns, C, H, W)`` of a work."""
    rows, columns, channels, height, width = tiles.shape
    return tiles.transpose(2, 0, 3, 1, 4).reshape(channels, rows * height, columns * width)


class _PictureShards:
    """Collect pixels by split, write full files, and sum up the training split."""

    def __init__(
        self, folder: "Path", params: PictureParams, shard_bytes: int = SHARD_BYTES, *, has_captions: bool = False
    ) -> None:
        from artpipe.artifacts.shards import ShardWriter

        self.writer, self.params, self.has_captions = ShardWriter(folder), params, has_captions
        row_bytes = 72 if params.tiles else 40  # bytes: a label and a digest, a place
        row_bytes += ROW_BYTES if has_captions else 0
        self.max_rows = max(1, shard_bytes // (params.channels * params.size**2 + row_bytes))
        self.images: dict[Split, bytearray] = defaultdict(bytearray)
        self.labels: dict[Split, list[int]] = defaultdict(list)
        self.digests: dict[Split, bytearray] = defaultdict(bytearray)
        self.places: dict[Split, list[tuple[int, int, int, int]]] = defaultdict(list)
        self.captions: dict[Split, list[str]] = defaultdict(list)
        self.sums, self.squares = [0] * params.channels, [0] * params.channels

    @property
    def column_names(self) -> tuple[str, ...]:
        """Return the names of the columns that are written."""
        optional = (*(("places",) if self.params.tiles else ()), *(CAPTION_COLUMNS if self.has_captions else ()))
        return ("images", "labels", "digests", *optional)

    def add(self, split: "Split", tiles: "NDArray[np.uint8]", label: int, sha256: str, caption: str = "") -> None:
        """Add the tiles ``(rows, columns, C, H, W)`` of one work, row by row."""
        rows, columns = tiles.shape[:2]
        for row, column in product(range(rows), range(columns)):
            self.images[split] += tiles[row, column].tobytes()
            self.labels[split].append(label)
            self.digests[split] += bytes.fromhex(sha256)
            self.places[split].append((row, column, rows, columns))
            self.captions[split].append(caption)
            if len(self.labels[split]) >= self.max_rows:
                self._write(split)

    def flush(self) -> None:
        """Write what is left."""
        for split in sorted(self.labels):
            if self.labels[split]:
                self._write(split)

    def statistics(self) -> tuple[list[float], list[float]]:
        """Return mean and standard deviation of the training split by channel, in [0, 1].

        Computed from exact integer sums.
        """
        count = self.writer.counts["train"] * self.params.size**2
        means = [total / count for total in self.sums]
        deviations = [
            max(0.0, square / count - mean**2) ** 0.5 for square, mean in zip(self.squares, means, strict=True)
        ]
        return [mean / 255 for mean in means], [deviation / 255 for deviation in deviations]

    def _write(self, split: "Split") -> None:
        import numpy as np

        count, params = len(self.labels[split]), self.params
        images = np.frombuffer(self.images.pop(split), np.uint8).reshape(
            count, params.channels, params.size, params.size
        )
        if split == "train":
            for channel in range(params.channels):
                levels = _count_levels(images[:, channel])
                self.sums[channel] += sum(level * number for level, number in enumerate(levels))
                self.squares[channel] += sum(level * level * number for level, number in enumerate(levels))
        digests = np.frombuffer(self.digests.pop(split), np.uint8).reshape(count, hashlib.sha256().digest_size)
        labels, places = np.array(self.labels.pop(split), np.int64), np.array(self.places.pop(split), np.int64)
        columns: dict[str, NDArray[Any]] = {"images": images, "labels": labels, "digests": digests}
        if params.tiles:
            columns["places"] = places
        captions = self.captions.pop(split)
        if self.has_captions:
            columns |= make_caption_columns(captions)
        self.writer.add(split, columns)


def _count_levels(planes: "NDArray[np.uint8]") -> list[int]:
    """Return how often each of the 256 levels is in ``(N, H, W)``.

    A block at a time, since numpy counts in a copy of 64-bit numbers.
    """
    import numpy as np

    counts = np.zeros(256, np.int64)
    rows = max(1, _COUNTED_PIXELS // planes[0].size)
    for start in range(0, len(planes), rows):
        counts += np.bincount(planes[start : start + rows].ravel(), minlength=256)
    levels: list[int] = counts.tolist()
    return levels


MEDIUM = Medium(
    noun="picture",
    files="JPEG, PNG, WebP, GIF, BMP, TIFF or AVIF",
    params=PictureParams,
    matches=lambda start, name: looks_like_picture(start),  # noqa: ARG005 - a name says nothing of a picture
    inspect=inspect_picture,
    prepare=prepare_picture,
    settings=_settings,
    write=write_shards,
    columns=frozenset({"images", "labels", "digests", "places", *CAPTION_COLUMNS}),
    explain_unread=describe_unread_file,
    suffixes=_SUFFIXES,
    sidecars=_SIDECARS,
    is_preferred=True,
)
MEDIUM_INFO = MediumInfo(
    size_parameter="size",
    default_size=64,
    axes=2,
    ingest_milliseconds=(0.3, 90.0),
    preprocess_milliseconds=(0.4, 280.0),
    starting_params={"channels": 3, "trim": True, "trim_edges": 0.06},
    small_side=96,  # icons and sprites: what is left of one without its margin would have to be enlarged
    small_params={"channels": 3},
    preset_sizes={"gpu": 128},
    preview_job="artpipe.modalities.picture.preview_tile:draw_tile",
    sample_rows="artpipe.modalities.picture.random_pictures:make_rows",
    hub_tasks={
        "works": "unconditional-image-generation",
        "labels": "image-classification",
        "captions": "text-to-image",
    },
    media_types=("image/png", "image/jpeg", "image/webp", "image/gif", "image/bmp", "image/tiff", "image/avif"),
    work_type="sc:ImageObject",
)
