"""How large a dataset is, as far as it can be told without reading its works."""

import json
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.artifacts import paths
from artpipe.config.params import DatasetEntry
from artpipe.system.file_tree import walk_tree

_UNKNOWN_WORKS = 500  # of a package that was not read yet


class DatasetSize(NamedTuple):
    """A dataset in numbers."""

    works: int
    megabytes: float  # of the works as they were given; 0: not known
    train: int  # rows of the training split
    held_out: int  # rows that an evaluation point measures on
    classes: tuple[str, ...]  # empty: none, or not known yet


def measure_dataset(root: Path, name: str, entry: DatasetEntry) -> DatasetSize:
    """Return the size of a dataset: of its shards and files, else of its works."""
    works_card, shards_card = (
        _read_json(root / folder) for folder in (paths.works(name) / "works.json", paths.shards(name) / "shards.json")
    )
    files, megabytes = _measure_files(root / entry.path)
    works = int(files or works_card.get("count") or _UNKNOWN_WORKS)
    counts, spec = shards_card.get("counts", {}), shards_card.get("spec", {})
    held_out = float(entry.preprocess.get("validation", 0.05))
    test = float(entry.preprocess.get("test", 0.1))
    return DatasetSize(
        works,
        megabytes,
        int(counts.get("train", works * max(0.0, 1 - held_out - test))),
        int(counts.get("validation", works * held_out)),
        tuple(spec.get("classes", ())),
    )


def _measure_files(path: Path) -> tuple[int, float]:
    """Return number and megabytes of a folder's files.

    0 of a card that names a package.
    """
    if path.is_dir():
        sizes = [file.stat().st_size for file in walk_tree(path) if file.is_file() and not file.name.startswith(".")]
        return len(sizes), sum(sizes) / 1e6
    is_card = not path.is_file() or path.suffix in {".yaml", ".yml"}
    return (0, 0.0) if is_card else (0, path.stat().st_size / 1e6)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
