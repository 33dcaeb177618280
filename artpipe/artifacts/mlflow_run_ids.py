"""Which run of MLflow shows which training, as `artpipe sync` last saw it.

The pages of models lead there where `gallery.mlflow_url` names a server.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from artpipe.artifacts.paths import STATE
from artpipe.system.atomic_files import write_text

TRAINING_PAGES = "workflowType=machine_learning"  # else a fresh browser shows MLflow's pages for agents
_FILE = STATE / "mlflow/run-ids.json"
_ID = re.compile(r"[0-9a-zA-Z_-]{1,64}")


class MlflowRunId(NamedTuple):
    """Where MLflow has a run."""

    experiment: str
    run: str


def load_mlflow_run_ids(root: Path) -> dict[str, MlflowRunId]:
    """Return MLflow's ids by those of the trainings.

    There are none before the first sync, nor in a file that is damaged or of another form.
    """
    try:
        content = json.loads((root / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {run: MlflowRunId(*ids) for run, ids in content.items() if _are_ids(ids)}


def save_mlflow_run_ids(root: Path, run_ids: Mapping[str, MlflowRunId]) -> None:
    """Write MLflow's ids by those of the trainings, unless they are known."""
    if run_ids != load_mlflow_run_ids(root):
        write_text(root / _FILE, json.dumps(dict(sorted(run_ids.items())), indent=1) + "\n")


def make_run_address(server: str, ids: MlflowRunId) -> str:
    """Return the address of a run's page.

    Without its experiment MLflow would look for that, and forget which of its pages are wanted.
    """
    return f"{server.rstrip('/')}/#/experiments/{ids.experiment}/runs/{ids.run}?{TRAINING_PAGES}"


def _are_ids(content: object) -> bool:
    return (
        isinstance(content, list)
        and len(content) == len(MlflowRunId._fields)
        and all(isinstance(one, str) and _ID.fullmatch(one) for one in content)
    )
