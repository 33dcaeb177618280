"""What is to do, asked before Prefect is brought up: where that is nothing, and no server could keep a record of the run, none is."""

import json
import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from artpipe.errors import UserError
from artpipe.orchestration.reporting import console
from artpipe.orchestration.scheduling.dvc_graph import Stage, mended, stale_stages
from artpipe.orchestration.services.addresses import prefect_beside, prefect_named
from artpipe.storage.dvc_cache import is_torn, tracking_files
from artpipe.system.processes import run_child
from artpipe.tracking.mlflow_sync_signature import is_synced

_STAGES = "ARTPIPE_STAGES"  # JSON, for the process that runs them
_LONGEST = 100_000  # characters; Linux allows 131,072 bytes for one variable


def asks_first() -> bool:
    """Return whether to ask before a flow begins: no server is named, and stages run on this machine."""
    return not (prefect_named() or prefect_beside()) and os.environ.get("ARTPIPE_RUNNER", "threads") == "threads"


def stages_to_run(targets: Sequence[str], wait_seconds: float, *, gallery: bool) -> list[Stage]:
    """Return what is to do; where that is nothing, bring MLflow up to date and say how things stand.

    Raises:
        UserError: a target that is no stage, or see `read_graph`.
        BusyError: see `read_graph`.
    """
    sentences = list[str]()
    try:
        stages = _stale_stages(targets, wait_seconds, gallery=gallery)
    except UserError:
        if not (sentences := mended()):
            raise
        stages = _stale_stages(targets, wait_seconds, gallery=gallery)
    else:  # where nothing is stale, DVC has found all in dvc.lock
        if (stages or any(map(is_torn, tracking_files(Path())))) and (sentences := mended()):
            stages = _stale_stages(targets, wait_seconds, gallery=gallery)
    console.mended(sentences)
    if not stages:
        console.planned([])
        if os.environ.get("ARTPIPE_TRACKING") != "off" and not is_synced():
            run_child([sys.executable, "-m", "artpipe", "sync"], lambda _: None, timeout_seconds=600.0)
        console.summary()
    return stages


def _stale_stages(targets: Sequence[str], wait_seconds: float, *, gallery: bool) -> list[Stage]:
    try:
        return stale_stages(targets, wait_seconds, gallery=gallery)
    except KeyError as error:
        raise UserError(f"there is no stage {error}; `dvc stage list` names them") from None


def handed_over(stages: Sequence[Stage]) -> dict[str, str]:
    """Return what tells another process of stages, for its environment; it asks itself where they are too many."""
    text = json.dumps([asdict(stage) for stage in stages])
    return {_STAGES: text} if len(text) < _LONGEST else {}


def taken_over() -> list[Stage] | None:
    """Return the stages that whoever started this process told it of, once; None where it did not."""
    text = os.environ.pop(_STAGES, "")
    return [Stage(**{**stage, "upstream": tuple(stage["upstream"])}) for stage in json.loads(text)] if text else None
