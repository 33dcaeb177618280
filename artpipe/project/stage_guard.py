"""Room on disk, asked for before a stage starts: what cannot fit is refused while nothing has been written."""

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from artpipe.artifacts import paths
from artpipe.config.params import load_params, read_yaml
from artpipe.errors import DiskFullError, StoppedError, UserError
from artpipe.project.estimates import Costs
from artpipe.storage.dvc_config import dvc_cache_folder
from artpipe.system.file_tree import weight
from artpipe.system.hashing import sha256_bytes
from artpipe.system.interrupts import Interruption, Stop
from artpipe.system.locks import locked
from artpipe.system.processes import guardians
from artpipe.system.units import size

_STATES = 6.0  # of a checkpoint: two states with weights, their mean and two moments of each optimiser


@contextlib.contextmanager
def alone(stage: str, part: str = "") -> Iterator[None]:
    """Be at a stage, or at one `part` of it beforehand, that there is room for, with nobody else at it, until asked to stop.

    A training sees to all but the room itself.

    Raises:
        NoRoomError: see `require_room`; a part leaves as much for the stage.
        BusyError: another process is at it, named by its pid.
        StoppedError: asked to stop by a signal or the death of an ancestor.
    """
    require_room(stage, times=2.0 if part else 1.0)
    if stage.startswith("train@"):
        yield
        return
    doing = f"{stage} {part}".strip()
    name = sha256_bytes(doing.encode(errors="surrogateescape"))[:16]
    stop = Stop(doing, "nothing of it stands half-written, the same command begins it again", Interruption)
    try:
        with locked(paths.STATE / "stages" / f"{name}.lock", doing=doing), stop.listening(guardians()):
            yield
    except Interruption as told:
        raise StoppedError(str(told)) from None


def require_room(stage: str, root: Path = Path(), times: float = 1.0) -> None:
    """Refuse a stage whose output, DVC's copy of it and resumable states do not fit; reckoned as `artpipe plan` does.

    What is done for a stage beforehand asks for several `times` as much, so that the stage itself has room too.

    Raises:
        NoRoomError: the place, what is needed and what is free.
    """
    if os.environ.get("ARTPIPE_ROOM") == "off":
        return
    bytes_of: dict[int, float] = {}  # by filesystem
    places: dict[int, Path] = {}
    for place, needed in _needed(stage, root).items():
        here = _nearest(place)
        device = here.stat().st_dev
        bytes_of[device] = bytes_of.get(device, 0.0) + times * needed
        places.setdefault(device, place)
    for device, needed in bytes_of.items():
        free = shutil.disk_usage(_nearest(places[device])).free
        if free < needed:
            advice = "`artpipe gc` says what can be freed; ARTPIPE_ROOM=off starts all the same"
            raise DiskFullError(
                f"{places[device]}: {stage} needs about {size(needed)} of disk, {size(free)} are free; {advice}"
            )


def _needed(stage: str, root: Path) -> dict[Path, float]:
    """Return what a stage writes, by place."""
    params, locked = load_params(root / "params.yaml"), {}
    with contextlib.suppress(UserError, AttributeError):  # none yet, or a torn one: then it is reckoned by its like
        locked = read_yaml(root / "dvc.lock").get("stages", {})
    count = float(Costs(root, params, locked).of(stage).bytes)
    verb, _, name = stage.partition("@")
    if verb == "ingest" and name in params.datasets:
        count = max(count if stage in locked else 0.0, float(weight(root / params.datasets[name].path)))
    state = count * _STATES if verb == "train" else 0.0
    return {root / "data": count, dvc_cache_folder(root): count, root / paths.STATE: state}


def _nearest(place: Path) -> Path:
    """Return the place, or the nearest folder above it that is there."""
    return next(one for one in (place.absolute(), *place.absolute().parents) if one.exists())
