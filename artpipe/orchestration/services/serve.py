"""`artpipe serve`: run Prefect, the deployments, MLflow and the gallery together.

Each is a guarded child process, on loopback and on its usual port where that is free. One that ends is started again.
However this process ends, Ctrl-C or kill -9, all of them end, and the flow runs with them.
"""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.markup import escape

from artpipe.errors import BusyError
from artpipe.orchestration.deployment.serve_deployments import describe_deployments
from artpipe.orchestration.services.addresses import (
    FOLDER,
    auth_variables,
    read_addresses,
    remove_addresses,
    write_addresses,
)
from artpipe.orchestration.services.mlflow_ui import QUIET_VARIABLES, mlflow_command, project_store_url
from artpipe.orchestration.services.supervised_process import (
    GRACE_SECONDS,
    SupervisedProcess,
    end_processes,
    find_free_port,
    is_answering,
    wait_until_ready,
)
from artpipe.system.ancestors import find_session_ancestors, watch_processes
from artpipe.system.interrupts import Interruption, raise_on_signals
from artpipe.system.locks import hold_lock
from artpipe.system.plain_text import hide_passwords
from artpipe.system.processes import (
    adopt_orphans,
    end_descendants,
    handle_signals,
    terminate_self,
)
from artpipe.system.terminal import PlainConsole
from artpipe.tracking.mlflow_view import experiments_address
from artpipe.tracking.run_columns import GALLERY_URL

_USUAL_PORTS = {"gallery": 8000, "runs": 5000, "flows": 4200}
_POLL_SECONDS = 0.5
_SERVICE_VARIABLES = {
    **QUIET_VARIABLES,
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PYTHONUNBUFFERED": "1",
}
_is_up = threading.Event()  # from then on what the parts say is shown
_console = PlainConsole(highlight=False, soft_wrap=True)


def serve_project() -> None:
    """Serve until terminated.

    Raises:
        BusyError: this project is served already; the message says where.
        ArtpipeError: a process did not come up.
    """
    try:
        with hold_lock(FOLDER / "lock", wait_seconds=0, doing="serving"):
            _serve()
    except BusyError as error:
        served_at = ", ".join(f"{name} at {address}" for name, address in read_addresses().items())
        raise BusyError(f"this project is served already: {served_at or error}") from None


def _serve() -> None:
    adopt_orphans()  # a flow run that lost its runner is ours to end
    processes: list[SupervisedProcess] = []
    try:
        with raise_on_signals(), watch_processes(find_session_ancestors(), lambda _: terminate_self()):
            _run_processes(processes)
    except Interruption:
        _print("[dim]ending: a training saves its state, and the next run goes on from there[/]")
    finally:
        handle_signals(signal.SIG_IGN)  # it is being done
        remove_addresses()
        run_starters = [process for process in processes if process.name in {"deployments", "watch"}]
        end_processes(run_starters)  # first, because their runs still have to report to the server
        end_processes(processes)
        end_descendants(GRACE_SECONDS)


def _run_processes(processes: list[SupervisedProcess]) -> None:
    """Start all processes, print their addresses, and restart those that end.

    Args:
        processes: is filled with those that were started, for the caller to end.
    """
    _print("starting Prefect, MLflow and the gallery [dim](a minute the first time)[/]")
    ports = {name: find_free_port(port) for name, port in _USUAL_PORTS.items()}
    addresses = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    tracking_uri = os.environ.get("MLFLOW_TRACKING_URI")
    addresses["runs"] = hide_passwords(tracking_uri) if tracking_uri else addresses["runs"]
    env = _build_environment(addresses)
    _start_processes(processes, _make_servers(ports, env))
    if not tracking_uri:
        sync_command = [sys.executable, "-m", "artpipe", "sync"]  # creates MLflow's store
        subprocess.run(sync_command, env=env, stdout=subprocess.DEVNULL, check=False)
        _start_processes(processes, [_make_mlflow(ports["runs"], env)])
    wait_until_ready(processes)
    run_starters = [
        SupervisedProcess(
            "deployments", ["artpipe", "deploy"], env, _log_path("deployments"), ready="by hand", show=_print_output
        ),
        SupervisedProcess("watch", ["artpipe", "watch"], env, _log_path("watch"), ready="watching", show=_print_output),
    ]
    _start_processes(processes, run_starters)
    wait_until_ready(run_starters)
    write_addresses(addresses)
    _print_addresses(addresses)
    _is_up.set()
    while True:
        time.sleep(_POLL_SECONDS)
        for process in processes:
            process.restart_if_ended(_print_output)


def _make_servers(ports: Mapping[str, int], env: Mapping[str, str]) -> list[SupervisedProcess]:
    port = ports["flows"]
    prefect_command = ["artpipe", "serve", "--only", "server", "--port", str(port)]
    prefect_variables = {
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port},http://localhost:{port}",  # no other site's pages
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING",  # into its log
    }
    gallery_command = ["artpipe", "serve", "--only", "gallery", "--port", str(ports["gallery"])]
    return [
        SupervisedProcess(
            "flows",
            prefect_command,
            {**env, **prefect_variables},
            _log_path("flows"),
            ready=lambda: is_answering(port, "/api/health"),
        ),
        SupervisedProcess(
            "gallery", gallery_command, env, _log_path("gallery"), ready=lambda: is_answering(ports["gallery"], "/")
        ),
    ]


def _make_mlflow(port: int, env: Mapping[str, str]) -> SupervisedProcess:
    command = mlflow_command(port, project_store_url())
    return SupervisedProcess("runs", command, env, _log_path("runs"), ready=lambda: is_answering(port, "/health"))


def _build_environment(addresses: Mapping[str, str]) -> dict[str, str]:
    service_variables = {"PREFECT_API_URL": f"{addresses['flows']}/api", GALLERY_URL: addresses["gallery"]}
    return {**os.environ, **_SERVICE_VARIABLES, **service_variables, **auth_variables()}


def _start_processes(processes: list[SupervisedProcess], new: Sequence[SupervisedProcess]) -> None:
    for process in new:
        processes.append(process)
        process.start()


def _log_path(name: str) -> Path:
    return FOLDER / f"{name}.log"


def _print_addresses(addresses: Mapping[str, str]) -> None:
    rows = {
        "Gallery": (addresses["gallery"], ""),
        "Runs": (_runs_page(addresses["runs"]), "MLflow"),
        "Flows": (addresses["flows"], "Prefect"),
        "Deployments": (f"{addresses['flows']}/deployments", "; ".join(describe_deployments())),
    }
    width = max(len(address) for address, _ in rows.values())
    for name, (address, description) in rows.items():
        _print(f"[bold]{name:<12}[/] [cyan]{escape(f'{address:<{width}}')}[/]  [dim]{escape(description)}[/]".rstrip())
    _print(f"[dim]logs in {FOLDER}; Ctrl-C ends all of it[/]")


def _runs_page(server: str) -> str:
    """Return where MLflow opens; an address that a person named stays."""
    return server if os.environ.get("MLFLOW_TRACKING_URI") else experiments_address(server)


def _print(sentence: str) -> None:
    _console.print(sentence)


def _print_output(line: str) -> None:
    """Print what a process wrote, with the time of day."""
    if line.strip() and _is_up.is_set():
        _console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {escape(line)}")
