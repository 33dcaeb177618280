"""A saved view of MLflow's list of runs: trainings and what says most of them.

MLflow's pages read saved views from tags of an experiment, and open the one that `viewStateShareKey` of the address
names. `workflowType` chooses model training; without it a fresh browser opens MLflow for agents.
"""

import json
import time
from collections.abc import Mapping
from typing import Any

from artpipe.artifacts.mlflow_run_ids import TRAINING_PAGES
from artpipe.tracking.run_columns import KIND, PIPELINE_KIND, SCORE, SECOND_SCORE, VERDICT

VIEW = "artpipe"
VIEW_TAG = f"mlflow.sharedViewState.{VIEW}"
_STATE: Mapping[str, Any] = {
    "selectedColumns": [f"tags.`{column}`" for column in (KIND, VERDICT, SCORE, SECOND_SCORE)],
    "searchFilter": f"tags.{KIND} != '{PIPELINE_KIND}'",
    "orderByKey": "tags.`mlflow.runName`",  # by time MLflow would fold the trainings below their pipeline runs
    "orderByAsc": True,
}


def update_view(client: Any, experiment: Any) -> None:
    """Save the view in an experiment, unless it is there."""
    state = json.dumps(_STATE)
    if _read_state(experiment.tags.get(VIEW_TAG, "")) != state:
        view = {"name": VIEW, "createdAt": int(time.time() * 1000), "state": state}
        client.set_experiment_tag(experiment.experiment_id, VIEW_TAG, json.dumps(view))


def experiments_address(server: str) -> str:
    """Return the address of the list of experiments of a server."""
    return f"{server.rstrip('/')}/#/experiments?{TRAINING_PAGES}"


def runs_address(server: str, experiment_id: str) -> str:
    """Return the address of an experiment's runs in the saved view."""
    return f"{server.rstrip('/')}/#/experiments/{experiment_id}/runs?{TRAINING_PAGES}&viewStateShareKey={VIEW}"


def _read_state(tag: str) -> str:
    try:
        return str(json.loads(tag)["state"])
    except (ValueError, KeyError, TypeError):
        return ""
