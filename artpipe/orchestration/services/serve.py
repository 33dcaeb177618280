"""`artpipe serve`: Prefect, the deployments, MLflow and the gallery on this machine, started and ended together.

Each part is a child under a guard, on loopback and on its usual port where that is free. A part that ends is started
again. However this process ends, Ctrl-C or kill -9, all parts end, and the flow runs with them.
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
from artpipe.orchestration.deployment.serve_deployments import told
from artpipe.orchestration.services.addresses import FOLDER, addresses, auth, remove_addresses, write_addresses
from artpipe.orchestration.services.mlflow_ui import QUIET, mlflow_command, project_store
from artpipe.orchestration.services.supervised_process import GRACE_SECONDS, Part, answers, end_parts, free_port, wait
from artpipe.system.interrupts import Interruption, signals_raise
from artpipe.system.locks import locked
from artpipe.system.plain_text import without_password
from artpipe.system.processes import adopt_orphans, end_descendants, guardians, handle_signals, terminate_self, watching
from artpipe.system.terminal import PlainConsole

_USUAL_PORTS = {"gallery": 8000, "runs": 5000, "flows": 4200}
_LOOK_SECONDS = 0.5
_QUIET = {
    **QUIET,
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
    "PYTHONUNBUFFERED": "1",
}
_up = threading.Event()  # from then on what the parts say is shown
_console = PlainConsole(highlight=False, soft_wrap=True)


def serve_project() -> None:
    """Serve until told to end.

    Raises:
        BusyError: this project is served already; the message says where.
        ArtpipeError: a part did not come up.
    """
    try:
        with locked(FOLDER / "lock", wait_seconds=0, doing="serving"):
            _serve()
    except BusyError as error:
        where = ", ".join(f"{name} at {address}" for name, address in addresses().items())
        raise BusyError(f"this project is served already: {where or error}") from None


def _serve() -> None:
    adopt_orphans()  # a flow run that lost its runner is ours to end
    parts: list[Part] = []
    try:
        with signals_raise(), watching(guardians(), lambda _: terminate_self()):
            _stay(parts)
    except Interruption:
        _say("[dim]ending: a training saves its state, and the next run goes on from there[/]")
    finally:
        handle_signals(signal.SIG_IGN)  # it is being done
        remove_addresses()
        end_parts([part for part in parts if part.name in {"deployments", "watch"}])  # their runs still have to report
        end_parts(parts)
        end_descendants(GRACE_SECONDS)


def _stay(parts: list[Part]) -> None:
    """Bring all parts up, tell where they are, and look after them; `parts` holds what was started."""
    _say("starting Prefect, MLflow and the gallery [dim](a minute the first time)[/]")
    ports = {name: free_port(port) for name, port in _USUAL_PORTS.items()}
    at = {name: f"http://127.0.0.1:{port}" for name, port in ports.items()}
    elsewhere = os.environ.get("MLFLOW_TRACKING_URI")
    at["runs"] = without_password(elsewhere) if elsewhere else at["runs"]
    env = _environment(at)
    _start(parts, _servers(ports, env))
    if not elsewhere:
        subprocess.run(
            [sys.executable, "-m", "artpipe", "sync"], stdout=subprocess.DEVNULL, check=False
        )  # makes its store
        _start(parts, [_mlflow(ports["runs"], env)])
    wait(parts)
    began = [
        Part("deployments", ["artpipe", "deploy"], env, _log("deployments"), ready="by hand", show=_note),
        Part("watch", ["artpipe", "watch"], env, _log("watch"), ready="watching", show=_note),
    ]
    _start(parts, began)
    wait(began)
    write_addresses(at)
    _tell(at)
    _up.set()
    while True:
        time.sleep(_LOOK_SECONDS)
        for part in parts:
            part.look_after(_note)


def _servers(ports: Mapping[str, int], env: Mapping[str, str]) -> list[Part]:
    port = ports["flows"]
    prefect = ["artpipe", "serve", "--only", "server", "--port", str(port)]
    own = {
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": f"http://127.0.0.1:{port},http://localhost:{port}",  # no other site's pages
        "PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL": "WARNING",  # into its log
    }
    gallery = ["artpipe", "serve", "--only", "gallery", "--port", str(ports["gallery"])]
    return [
        Part("flows", prefect, {**env, **own}, _log("flows"), ready=lambda: answers(port, "/api/health")),
        Part("gallery", gallery, env, _log("gallery"), ready=lambda: answers(ports["gallery"], "/")),
    ]


def _mlflow(port: int, env: Mapping[str, str]) -> Part:
    command = mlflow_command(port, project_store())
    return Part("runs", command, env, _log("runs"), ready=lambda: answers(port, "/health"))


def _environment(at: Mapping[str, str]) -> dict[str, str]:
    told = {"PREFECT_API_URL": f"{at['flows']}/api", "ARTPIPE_GALLERY_URL": at["gallery"]}
    return {**os.environ, **_QUIET, **told, **auth()}


def _start(parts: list[Part], more: Sequence[Part]) -> None:
    for part in more:
        parts.append(part)
        part.start()


def _log(name: str) -> Path:
    return FOLDER / f"{name}.log"


def _tell(at: Mapping[str, str]) -> None:
    rows = {
        "Gallery": (at["gallery"], ""),
        "Runs": (at["runs"], "MLflow"),
        "Flows": (at["flows"], "Prefect"),
        "Deployments": (f"{at['flows']}/deployments", "; ".join(told())),
    }
    width = max(len(address) for address, _ in rows.values())
    for name, (address, what) in rows.items():
        _say(f"[bold]{name:<12}[/] [cyan]{escape(f'{address:<{width}}')}[/]  [dim]{escape(what)}[/]".rstrip())
    _say(f"[dim]logs in {FOLDER}; Ctrl-C ends all of it[/]")


def _say(sentence: str) -> None:
    _console.print(sentence)


def _note(line: str) -> None:
    """Show what a part said, with the time of day."""
    if line.strip() and _up.is_set():
        _console.print(f"[dim]{time.strftime('%H:%M:%S')}[/] {escape(line)}")
