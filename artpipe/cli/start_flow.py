"""`artpipe run`: validate the project, see what is to do, then become the flow."""

import os
import sys
from collections.abc import Iterable

from artpipe.artifacts.paths import LAST_STAGE
from artpipe.config.params import load_params
from artpipe.errors import UserError, did_you_mean
from artpipe.project.validation import check_project


def run_flow(targets: Iterable[str]) -> None:
    """Return where nothing is to do, else become the flow; a model among the targets is made and hung, beside what hangs there.

    Raises:
        UserError: a mistake in the project, no model or stage of a name; nothing was started.
    """
    env = dict(os.environ)  # as it was given: flows adds to it what Prefect reads
    check_project()
    models, wanted = load_params().models, list(targets)
    for target in wanted:
        if target not in models and not {"@", "."} & set(target) and target != LAST_STAGE:
            raise UserError(f"there is no model `{target}` in params.yaml{did_you_mean(target, models)}")
    stages = [f"evaluate@{target}" if target in models else target for target in wanted]
    gallery = any(target in models for target in wanted)
    from artpipe.orchestration.preflight import asks_first, handed_over, stages_to_run

    if asks_first():
        found = stages_to_run(stages, wait_seconds=86_400.0, gallery=gallery)
        if not found:
            return
        env |= handed_over(found)
    sys.stdout.flush()
    command = [sys.executable, "-m", "artpipe.orchestration.run_flow", *["--gallery"] * gallery, *stages]
    os.execve(sys.executable, command, {**env, "ARTPIPE_CHECKED": "1"})  # noqa: S606  # no shell is wanted
