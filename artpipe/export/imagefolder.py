"""Write a dataset of pictures as an imagefolder.

`datasets.load_dataset("imagefolder", data_dir=DIR)` reads it. A folder per split holds the originals, byte for byte, and `metadata.jsonl` with a row for each.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any

from artpipe.artifacts import paths
from artpipe.artifacts.shards import SPLITS, ShardSet
from artpipe.artifacts.works import Provenance, Record, Work, Works
from artpipe.config.params import load_params
from artpipe.contracts.plugin_info import medium_info
from artpipe.errors import UserError
from artpipe.publishing.card_artifacts import load_dataset_artifacts
from artpipe.publishing.hub_dataset_card import make_dataset_card
from artpipe.untrusted.magic_bytes import detect_picture_format

_SUFFIXES = {"JPEG": ".jpg", "MPO": ".jpg", "TIFF": ".tif"}  # the others are called as their format
_PICTURES = "sc:ImageObject"  # type of a work as Croissant calls it


def write_imagefolder(root: Path, name: str, folder: Path) -> str:
    """Write splits, metadata and card into an empty folder.

    Return how many pictures each split has.

    Raises:
        UserError: it is no dataset of pictures, or was not ingested yet.
        CorruptError: an artifact is damaged.
    """
    medium = load_params(root / "params.yaml").dataset(name).medium
    if medium_info(medium).work_type != _PICTURES:
        raise UserError(f"{name}: a dataset of {medium} cannot be exported to imagefolder: it holds no pictures")
    splits, counts = _find_splits(root, name), Counter[str]()
    with ExitStack() as files:
        tables: dict[str, IO[str]] = {}
        for work, data, provenance, caption in _read_works(root, name):
            split = splits.get(work.sha256, work.split or "train")
            if split not in tables:
                (folder / split).mkdir()
                tables[split] = files.enter_context((folder / split / "metadata.jsonl").open("w", encoding="utf-8"))
            file_name = f"{work.sha256}{_suffix(data)}"
            (folder / split / file_name).write_bytes(data)
            row = _make_row(file_name, work, provenance, caption)
            tables[split].write(json.dumps(row, ensure_ascii=False) + "\n")
            counts[split] += 1
    card = make_dataset_card(load_dataset_artifacts(root, name))
    (folder / "README.md").write_text(card, encoding="utf-8")
    return ", ".join(f"{counts[split]} in {split}" for split in SPLITS if counts[split])


def _find_splits(root: Path, name: str) -> Mapping[str, str]:
    """Return the split of each work that the shards hold; of them models learn."""
    folder = root / paths.shards(name)
    if not (folder / "shards.json").exists():
        return {}
    shards = ShardSet.open(folder)
    return {
        bytes(row).hex(): split
        for split in SPLITS
        if shards.card.counts[split]
        for row in shards.load(split, ["digests"])["digests"].numpy()
    }


def _read_works(root: Path, name: str) -> Iterator[tuple[Work, bytes, Provenance, str]]:
    works, record = Works.open(root / paths.works(name)), Record.open(root / paths.record(name))
    if record.card.works != works.sha256:
        raise UserError(f"{works.folder}: not the works that its record is of; `artpipe run ingest@{name}`")
    for (work, data), provenance, caption in zip(works.originals(), record.rows(), works.captions(), strict=True):
        yield work, data, provenance, caption


def _make_row(file_name: str, work: Work, provenance: Provenance, caption: str) -> dict[str, Any]:
    """Return a row of the metadata; every row has the same fields."""
    return {
        "file_name": file_name,
        "text": caption or provenance.caption or "",
        "label": work.label,
        "title": provenance.title,
        "creator": provenance.creator,
        "year": provenance.year,
        "licence": provenance.licence,
        "source": provenance.origin,
    }


def _suffix(data: bytes) -> str:
    detected = detect_picture_format(data) or "png"
    return _SUFFIXES.get(detected.upper(), f".{detected.lower()}")
