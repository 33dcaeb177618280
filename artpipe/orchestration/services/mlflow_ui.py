"""MLflow's pages on this machine: of the project's own store, brought up to date before."""

import os
import subprocess
import sys

from artpipe.artifacts import paths
from artpipe.orchestration.services.supervised_process import Part, answers, free_port, wait
from artpipe.system.interrupts import Interruption, signals_raise
from artpipe.system.plain_text import plain
from artpipe.system.sqlite_address import sqlite_url

QUIET = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven processes that no run of ours asks for
}


def mlflow_command(port: int, store: str) -> list[str]:
    """Return the words after `python -m` that show a store on loopback."""
    return ["mlflow", "ui", "--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--backend-store-uri", store]


def project_store() -> str:
    """Return the address of the project's own store; its folder is made."""
    return sqlite_url(paths.STATE / "mlflow/mlflow.db")


def serve_mlflow(usual_port: int) -> int:
    """Bring MLflow up to date, say where it is, and show it until told to end.

    Where MLFLOW_TRACKING_URI names a server, its address is all there is to say.

    Args:
        usual_port: a free one is taken where it is in use.

    Returns:
        The exit code: of the sync or of MLflow where that failed, else 0.

    Raises:
        ArtpipeError: MLflow did not come up; the message holds the last it said.
    """
    if code := subprocess.run([sys.executable, "-m", "artpipe", "sync"], check=False).returncode:
        return code
    store = os.environ.get("MLFLOW_TRACKING_URI", "")
    if store.startswith(("http://", "https://")):
        _print_line(f"{plain(store)} (named by MLFLOW_TRACKING_URI)")
        return 0
    port = free_port(usual_port)
    command, log = mlflow_command(port, store or project_store()), paths.STATE / "mlflow/ui.log"
    server = Part("MLflow", command, {**os.environ, **QUIET}, log, ready=lambda: answers(port, "/health"))
    try:
        with signals_raise():
            server.start()
            wait([server])
            _print_line(f"http://127.0.0.1:{port} (Ctrl-C ends it)")
            return server.wait()
    except Interruption:
        return 0
    finally:
        server.end()


def _print_line(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
