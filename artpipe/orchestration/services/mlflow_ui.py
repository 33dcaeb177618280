"""`artpipe ui`: serve MLflow's pages of the project's store on this machine."""

import http.client
import json
import os
import subprocess
import sys

from artpipe.artifacts import paths
from artpipe.orchestration.services.supervised_process import (
    SupervisedProcess,
    find_free_port,
    is_answering,
    wait_until_ready,
)
from artpipe.system.interrupts import Interruption, raise_on_signals
from artpipe.system.plain_text import to_printable
from artpipe.system.sqlite_address import sqlite_url
from artpipe.tracking.mlflow_view import VIEW_TAG, experiments_address, runs_address

QUIET_VARIABLES = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven processes that no run of ours asks for
}


_MAX_EXPERIMENTS = 100


def mlflow_command(port: int, store: str) -> list[str]:
    """Return the arguments of `python -m` that serve a store on loopback."""
    return ["mlflow", "ui", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--backend-store-uri", store]


def project_store_url() -> str:
    """Return the address of the project's own store; its folder is created."""
    return sqlite_url(paths.STATE / "mlflow/mlflow.db")


def serve_mlflow(usual_port: int) -> int:
    """Bring MLflow up to date, print its address, and serve it until terminated.

    Where MLFLOW_TRACKING_URI names a server, only its address is printed.

    Args:
        usual_port: a free one is taken where it is in use.

    Returns:
        The exit code: of the sync or of MLflow where that failed, else 0.

    Raises:
        ArtpipeError: MLflow did not come up; the message holds its last output.
    """
    if code := subprocess.run([sys.executable, "-m", "artpipe", "sync"], check=False).returncode:
        return code
    store = os.environ.get("MLFLOW_TRACKING_URI", "")
    if store.startswith(("http://", "https://")):
        _print_line(f"{to_printable(store)} (named by MLFLOW_TRACKING_URI)")
        return 0
    port = find_free_port(usual_port)
    command, log = mlflow_command(port, store or project_store_url()), paths.STATE / "mlflow/ui.log"
    server = SupervisedProcess(
        "MLflow", command, {**os.environ, **QUIET_VARIABLES}, log, ready=lambda: is_answering(port, "/health")
    )
    try:
        with raise_on_signals():
            server.start()
            wait_until_ready([server])
            _print_addresses(port)
            return server.wait()
    except Interruption:
        return 0
    finally:
        server.end()


def _print_addresses(port: int) -> None:
    """Print where MLflow opens, and the trainings of each dataset."""
    server = f"http://127.0.0.1:{port}"
    _print_line(f"{experiments_address(server)} (Ctrl-C ends it)")
    experiments = _read_experiments(port)
    width = max(map(len, experiments), default=0)
    for name, experiment_id in sorted(experiments.items()):
        _print_line(f"  {to_printable(name):<{width}}  {runs_address(server, experiment_id)}")


def _read_experiments(port: int) -> dict[str, str]:
    """Return the ids of the datasets' experiments by name.

    There are none where the server does not say.
    """
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        body, headers = json.dumps({"max_results": _MAX_EXPERIMENTS}), {"Content-Type": "application/json"}
        connection.request("POST", "/api/2.0/mlflow/experiments/search", body, headers)
        experiments = json.load(connection.getresponse()).get("experiments", [])
    except (OSError, http.client.HTTPException, ValueError):
        return {}
    finally:
        connection.close()
    return {
        str(experiment["name"]): str(experiment["experiment_id"])
        for experiment in experiments
        if any(tag["key"] == VIEW_TAG for tag in experiment.get("tags", []))
    }


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
