"""Ask for disk space before a stage starts.

So what cannot fit is refused while nothing was written.
"""

import contextlib
import os
import shutil
from pathlib import Path

from artpipe.artifacts import paths
from artpipe.config.params import load_params, read_yaml
from artpipe.errors import DiskFullError, UserError
from artpipe.project.estimates import CostEstimator
from artpipe.storage.dvc_config import dvc_cache_folder
from artpipe.system.file_tree import total_bytes
from artpipe.system.units import format_size

_STATE_FACTOR = 6.0  # of a checkpoint: two states with weights, their mean and two moments of each optimiser


def require_disk_space(stage: str, root: Path = Path(), times: float = 1.0) -> None:
    """Raise if a stage's output does not fit, estimated as `artpipe plan` does.

    With DVC's copy of it and resume states. What is done for a stage beforehand asks for several `times` as much, so that
    the stage itself has space too.

    Raises:
        DiskFullError: the place, what is needed and what is free.
    """
    if os.environ.get("ARTPIPE_ROOM") == "off":
        return
    bytes_of: dict[int, float] = {}  # by filesystem
    places: dict[int, Path] = {}
    for place, needed in _estimate_bytes(stage, root).items():
        existing = _find_existing(place)
        device = existing.stat().st_dev
        bytes_of[device] = bytes_of.get(device, 0.0) + times * needed
        places.setdefault(device, place)
    for device, needed in bytes_of.items():
        free = shutil.disk_usage(_find_existing(places[device])).free
        if free < needed:
            advice = "`artpipe gc` says what can be freed; ARTPIPE_ROOM=off starts all the same"
            raise DiskFullError(
                f"{places[device]}: {stage} needs about {format_size(needed)} of disk, {format_size(free)} are free; {advice}"
            )


def _estimate_bytes(stage: str, root: Path) -> dict[Path, float]:
    """Return the bytes that a stage writes, by place."""
    params, locked = load_params(root / "params.yaml"), {}
    with contextlib.suppress(UserError, AttributeError):  # none yet, or a torn one: then similar stages tell
        locked = read_yaml(root / "dvc.lock").get("stages", {})
    count = float(CostEstimator(root, params, locked).estimate(stage).bytes)
    verb, _, name = stage.partition("@")
    if verb == "ingest" and name in params.datasets:
        count = max(count if stage in locked else 0.0, float(total_bytes(root / params.datasets[name].path)))
    state = count * _STATE_FACTOR if verb == "train" else 0.0
    return {root / "data": count, dvc_cache_folder(root): count, root / paths.STATE: state}


def _find_existing(place: Path) -> Path:
    """Return the place, or the nearest folder above it that exists."""
    return next(folder for folder in (place.absolute(), *place.absolute().parents) if folder.exists())
