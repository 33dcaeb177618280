"""Find and remove what removed datasets and models have left in `data/`."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from artpipe.config.params import Params
from artpipe.storage.dvc_config import is_cache_link
from artpipe.system.atomic_files import is_inside, remove_path, remove_stale_temporaries

_DATASET_FOLDERS = ("works", "record", "shards")
_MODEL_FOLDERS = ("checkpoints", "runs", "reports", "metrics", "plots")


def remove_leftovers(root: Path, params: Params) -> list[Path]:
    """Remove outputs of what params.yaml no longer names; return their paths.

    Outputs under ``data/`` of datasets, weights and models.
    """
    for folder in (root / "data").glob("[!.]*"):
        remove_stale_temporaries(folder)
    leftovers = list(find_leftovers(root, params))
    for path in leftovers:
        remove_path(path)
    return leftovers


def find_leftovers(root: Path, params: Params) -> Iterator[Path]:
    """Yield outputs under ``data/`` of what params.yaml no longer names."""
    named: dict[str, Iterable[str]] = {
        **dict.fromkeys(_DATASET_FOLDERS, params.datasets),
        **dict.fromkeys(_MODEL_FOLDERS, params.models),
        "weights": params.weights,
    }
    for kind, names in named.items():
        for path in sorted((root / "data" / kind).glob("[!.]*")):
            is_output = path.is_dir() or (kind, path.suffix) == ("metrics", ".json")
            if (
                is_output
                and (not path.is_symlink() or is_cache_link(path))
                and is_inside(path, root / "data")
                and path.stem not in names
                and ".tmp." not in path.name
            ):
                yield path
