"""What removed datasets and models have left in `data/`: found, and swept away."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from artpipe.config.params import Params
from artpipe.storage.dvc_config import is_cache_link
from artpipe.system.atomic_files import is_inside, remove_path, remove_stale_temporaries

_KEPT_BY_DATASET = ("works", "record", "shards")
_KEPT_BY_MODEL = ("checkpoints", "runs", "reports", "metrics", "plots")


def sweep_removed(root: Path, params: Params) -> list[Path]:
    """Remove what lies under ``data/`` of datasets, weights and models that params.yaml no longer names; return it."""
    for folder in (root / "data").glob("[!.]*"):
        remove_stale_temporaries(folder)
    left = list(left_behind(root, params))
    for path in left:
        remove_path(path)
    return left


def left_behind(root: Path, params: Params) -> Iterator[Path]:
    """Yield what lies under ``data/`` of datasets, weights and models that params.yaml no longer names."""
    named: dict[str, Iterable[str]] = {
        **dict.fromkeys(_KEPT_BY_DATASET, params.datasets),
        **dict.fromkeys(_KEPT_BY_MODEL, params.models),
        "weights": params.weights,
    }
    for kind, names in named.items():
        for path in sorted((root / "data" / kind).glob("[!.]*")):
            made = path.is_dir() or (kind, path.suffix) == ("metrics", ".json")
            if (
                made
                and (not path.is_symlink() or is_cache_link(path))
                and is_inside(path, root / "data")
                and path.stem not in names
                and ".tmp." not in path.name
            ):
                yield path
