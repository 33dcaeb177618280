"""Find what is to do before Prefect is started.

Where nothing is, and no server is named that keeps a record of runs, Prefect is not started at all.
"""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from artpipe.errors import UserError
from artpipe.orchestration.reporting import console
from artpipe.orchestration.scheduling.dvc_graph import Stage, find_stale_stages, repair_dvc_files
from artpipe.orchestration.services.addresses import is_prefect_named, local_prefect_variables
from artpipe.storage.dvc_cache import find_tracking_files, is_torn
from artpipe.system.processes import run_child
from artpipe.tracking.mlflow_sync_signature import is_synced

_STAGES = "ARTPIPE_STAGES"  # JSON, for the process that runs them
_MAX_CHARACTERS = 100_000  # characters; Linux allows 131,072 bytes for one variable


def needs_preflight() -> bool:
    """Return whether to look for stale stages before the flow starts.

    So where no server is named and stages run on this machine.
    """
    return (
        not (is_prefect_named() or local_prefect_variables())
        and os.environ.get("ARTPIPE_RUNNER", "threads") == "threads"
    )


def find_stages_to_run(targets: Sequence[str], wait_seconds: float, *, gallery: bool) -> list[Stage]:
    """Return the stages to run; if there are none, sync MLflow and print the summary.

    Raises:
        UserError: a target that is no stage, or see `read_graph`.
        BusyError: see `read_graph`.
    """
    repairs = list[str]()
    try:
        stages = _find_stale_stages(targets, wait_seconds, gallery=gallery)
    except UserError:
        if not (repairs := repair_dvc_files()):
            raise
        stages = _find_stale_stages(targets, wait_seconds, gallery=gallery)
    else:  # where nothing is stale, DVC has found all in dvc.lock
        if (stages or any(map(is_torn, find_tracking_files(Path())))) and (repairs := repair_dvc_files()):
            stages = _find_stale_stages(targets, wait_seconds, gallery=gallery)
    console.print_repairs(repairs)
    if not stages:
        console.print_stage_count([])
        if os.environ.get("ARTPIPE_TRACKING") != "off" and not is_synced():
            run_child([sys.executable, "-m", "artpipe", "sync"], lambda _: None, timeout_seconds=600.0)
        console.print_summary(targets=targets)
    return stages


def _find_stale_stages(targets: Sequence[str], wait_seconds: float, *, gallery: bool) -> list[Stage]:
    try:
        return find_stale_stages(targets, wait_seconds, gallery=gallery)
    except KeyError as error:
        raise UserError(f"there is no stage {error}; `dvc stage list` names them") from None


def encode_stages(stages: Sequence[Stage]) -> dict[str, str]:
    """Return environment variables that pass stages to another process.

    Empty where the stages are too many for a variable; the other process then looks for them itself.
    """
    text = json.dumps([asdict(stage) for stage in stages])
    return {_STAGES: text} if len(text) < _MAX_CHARACTERS else {}


def pop_stages() -> list[Stage] | None:
    """Return the stages passed to this process by `encode_stages`, and forget them.

    None where none were passed.
    """
    text = os.environ.pop(_STAGES, "")
    return [Stage(**{**stage, "upstream": tuple(stage["upstream"])}) for stage in json.loads(text)] if text else None
