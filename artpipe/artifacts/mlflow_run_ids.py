"""Which run of MLflow shows which training, as `artpipe sync` last saw it.

The pages of models lead there where `gallery.mlflow_url` names a server.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path

from artpipe.artifacts.paths import STATE
from artpipe.system.atomic_files import write_text

_FILE = STATE / "mlflow/run-ids.json"
_ID = re.compile(r"[0-9a-zA-Z_-]{1,64}")


def load_mlflow_run_ids(root: Path) -> dict[str, str]:
    """Return MLflow's ids by those of the trainings.

    There are none before the first sync, nor in a file that is damaged.
    """
    try:
        content = json.loads((root / _FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(content, dict):
        return {}
    return {run: str(mlflow_id) for run, mlflow_id in content.items() if _ID.fullmatch(str(mlflow_id))}


def save_mlflow_run_ids(root: Path, run_ids: Mapping[str, str]) -> None:
    """Write MLflow's ids by those of the trainings, unless they are known."""
    if run_ids != load_mlflow_run_ids(root):
        write_text(root / _FILE, json.dumps(dict(sorted(run_ids.items())), indent=1) + "\n")


def make_run_address(server: str, mlflow_id: str) -> str:
    """Return the address of a run's page; MLflow finds its experiment by itself."""
    return f"{server.rstrip('/')}/#/runs/{mlflow_id}"
