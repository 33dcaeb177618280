"""Whether anything of this project is running: a run, a stage, a training, DVC."""

from pathlib import Path

from artpipe.artifacts.paths import STATE
from artpipe.errors import BusyError
from artpipe.orchestration.deployment.exclusive_run import RUN_LOCK
from artpipe.orchestration.reporting.preview_folder import is_being_filled
from artpipe.storage.dvc_lock import find_held_lock
from artpipe.storage.running_work import require_no_running_work
from artpipe.system.locks import is_locked


def require_no_run(root: Path = Path()) -> None:
    """Raise if a run, a stage, a training or a command of DVC is at work here.

    Raises:
        BusyError: what is at work.
    """
    require_no_running_work(root)
    if is_being_filled(root) or is_locked(root / RUN_LOCK):
        raise BusyError("a run is under way; try again when it has ended, or stop it")
    for lock in (*(root / STATE).glob("stages/*.lock"), *(root / STATE).glob("train/*/lock")):
        if is_locked(lock):
            raise BusyError(f"a stage is at work ({lock}); try again when it has ended")
    if path := find_held_lock(root):
        raise BusyError(f"{path}: DVC is at work; try again when it has ended")
