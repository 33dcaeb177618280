"""`artpipe run`: check the project, find stale stages, then become the flow."""

import os
import sys
from collections.abc import Iterable, Sequence

from artpipe.artifacts.paths import LAST_STAGE
from artpipe.config.params import load_params
from artpipe.errors import UserError, did_you_mean
from artpipe.project.validation import check_project
from artpipe.storage.dvc_lock import print_once
from artpipe.storage.running_work import find_running_work


def run_flow(
    targets: Iterable[str],
    *,
    slots: int | None = None,
    stage_timeout_seconds: float = 86_400.0,
    retries: int = 2,
    retry_seconds: float = 10.0,
) -> None:
    """Replace this process by the flow; return if nothing is to do.

    Args:
        targets: models and stages; a model is made, and its gallery built.
        slots: see the flow in `flows/gallery.py`, as for the others.
        stage_timeout_seconds: also the longest wait for DVC's lock.
        retries: of a stage that failed by what may be over soon.
        retry_seconds: before the first of these.

    Raises:
        UserError: a mistake in the project, no model or stage of a name; nothing was started.
    """
    env = dict(os.environ)  # as it was given: what Prefect reads is added below
    from artpipe.orchestration.preflight import encode_stages, find_stages_to_run, needs_preflight
    from artpipe.orchestration.run_flow import CHECKED, RunOptions

    if CHECKED not in env:
        check_project()
    stages, gallery = _find_targets(list(targets))
    if work := find_running_work():
        print_once(f"{work.describe()}; this one waits for what it makes")
    if needs_preflight():
        stale_stages = find_stages_to_run(stages, wait_seconds=stage_timeout_seconds, gallery=gallery)
        if not stale_stages:
            return
        env |= encode_stages(stale_stages)
    sys.stdout.flush()
    options = RunOptions(stages, gallery, slots, stage_timeout_seconds, retries, retry_seconds)
    command = [sys.executable, "-m", "artpipe.orchestration.run_flow", options.as_json()]
    os.execve(sys.executable, command, {**env, CHECKED: "1"})  # noqa: S606  # no shell is wanted


def _find_targets(targets: Sequence[str]) -> tuple[list[str], bool]:
    """Return the stages that are meant, and whether the gallery follows them.

    It does where a model is among the targets.

    Raises:
        UserError: no model or stage of a name.
    """
    models = load_params().models
    for target in targets:
        if target not in models and not {"@", "."} & set(target) and target != LAST_STAGE:
            raise UserError(f"there is no model `{target}` in params.yaml{did_you_mean(target, models)}")
    stages = [f"evaluate@{target}" if target in models else target for target in targets]
    return stages, any(target in models for target in targets)
