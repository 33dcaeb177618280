"""The commands that stay: what they are given, where they work, and what they say before they begin."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from artpipe.orchestration.deployment import dataset_watcher, serve_deployments
from artpipe.orchestration.services import gallery_server, mlflow_ui, prefect_server, serve


@pytest.fixture
def begun(monkeypatch):
    """What would have been served, by name, with its arguments and the folder it works in."""
    calls = []

    def note(module, name, code=None):
        monkeypatch.setattr(module, name, lambda *given: calls.append((name, given, os.getcwd())) or code)  # noqa: PTH109

    note(serve, "serve_project")
    note(prefect_server, "serve_prefect")
    note(gallery_server, "serve_gallery")
    note(mlflow_ui, "serve_mlflow", 0)
    note(dataset_watcher, "watch_datasets", 143)
    note(serve_deployments, "serve_deployments", 130)
    return calls


@pytest.mark.parametrize(
    ("typed", "code", "name", "given"),
    [
        ("serve", 0, "serve_project", ()),
        ("serve --only server", 0, "serve_prefect", ("127.0.0.1", 4200, [])),
        ("serve --only server --host ::1 --port 1 --name a --name b", 0, "serve_prefect", ("::1", 1, ["a", "b"])),
        ("ui", 0, "serve_mlflow", (5000,)),
        ("ui --port 5001", 0, "serve_mlflow", (5001,)),
        ("watch --every 0.5", 143, "watch_datasets", (0.5,)),
        ("dataset watch", 143, "watch_datasets", (5.0,)),
        ("deploy", 130, "serve_deployments", ()),
    ],
)
def test_each_begins_in_the_root(studio, artpipe, begun, monkeypatch, typed, code, name, given):
    """From a folder below, and from anywhere by `-C`, with what was typed; its exit code is the command's."""
    monkeypatch.chdir(studio / "datasets/shapes")
    assert artpipe(*typed.split()) == (code, "", "")
    monkeypatch.chdir(studio.parent)
    assert artpipe("-C", "studio/datasets", *typed.split()) == (code, "", "")
    assert begun == [(name, given, str(studio))] * 2


def test_a_gallery_is_one_of_where_it_was_typed(studio, artpipe, begun, monkeypatch):
    """The project's own unless a folder is named, which need not be in a project."""
    monkeypatch.chdir(studio / "datasets")
    assert artpipe("serve", "--only", "gallery")[0] == 0
    assert artpipe("serve", "--only", "gallery", "--folder", "shapes")[0] == 0
    monkeypatch.chdir(studio.parent)
    assert artpipe("serve", "--only", "gallery", "--folder", "here", "--port", "1")[0] == 0
    assert [(str(folder), port) for _, (folder, port), _ in begun] == [
        ("data/gallery", 8000),
        ("datasets/shapes", 8000),
        ("here", 1),
    ]


def test_prefects_home_may_be_elsewhere(tmp_path, artpipe, begun, monkeypatch):
    """What speaks to Prefect alone needs no project where PREFECT_HOME is named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path / "home"))
    assert artpipe("serve", "--only", "server") == (0, "", "")
    monkeypatch.delenv("PREFECT_HOME")
    assert artpipe("serve", "--only", "server")[0] == 2
    assert len(begun) == 1
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "part"),
    [
        ("--port 1", "`--only server` or `--only gallery`"),
        ("--only gallery --host ::1", "`--only server`"),
        ("--only gallery --name a", "`--only server`"),
        ("--only server --folder x", "`--only gallery`"),
    ],
)
def test_an_option_of_one_part_is_not_overheard(studio, artpipe, begun, typed, part):
    """Given to another it is a mistake, and the line says which part it belongs to."""
    option = typed.split()[-2]
    line = f"artpipe: {option} is an option of one part: give {part} too\n"
    assert artpipe("serve", *typed.split()) == (2, "", line)
    assert begun == []


@pytest.mark.parametrize("typed", ["watch", "deploy", "notify http://127.0.0.1:1/x"])
def test_without_a_server_one_line(studio, artpipe, typed):
    """Nothing is begun, and the line names the command that brings one."""
    code, out, err = artpipe(*typed.split())
    assert (code, out) == (2, "")
    assert err.startswith("artpipe: PREFECT_API_URL is not set; ")
    assert "`artpipe serve` brings" in err
    assert err.count("\n") == 1


def test_runs_on_a_server_are_shown_there(studio, artpipe, monkeypatch):
    """Where MLFLOW_TRACKING_URI names one, its address without the password is said and none is started."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "https://me:secret@art.example.org")
    monkeypatch.setattr(mlflow_ui, "SupervisedProcess", lambda *_, **__: pytest.fail("a server was started"))
    monkeypatch.setattr(mlflow_ui.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 0))
    assert artpipe("ui") == (0, "https://***@art.example.org (named by MLFLOW_TRACKING_URI)\n", "")
    monkeypatch.setattr(mlflow_ui.subprocess, "run", lambda *_, **__: subprocess.CompletedProcess([], 75))
    assert artpipe("ui") == (75, "", "")


class Experiments(BaseHTTPRequestHandler):
    """Answers as MLflow does: one experiment of a dataset, and MLflow's own."""

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        tags = [{"key": "mlflow.sharedViewState.artpipe", "value": "{}"}]
        experiments = [
            {"experiment_id": "7", "name": "digits", "tags": tags},
            {"experiment_id": "0", "name": "Default"},
        ]
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"experiments": experiments}).encode())

    def log_message(self, *_):
        """Say nothing."""


def test_mlflow_opens_for_training(capsys):
    """Each address chooses model training, that of a dataset the view of its trainings; a server that says nothing has one."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Experiments) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        port = server.server_port
        mlflow_ui._print_addresses(port)
        server.shutdown()
    first, digits = capsys.readouterr().out.splitlines()
    assert first == f"http://127.0.0.1:{port}/#/experiments?workflowType=machine_learning (Ctrl-C ends it)"
    runs = "experiments/7/runs?workflowType=machine_learning&viewStateShareKey=artpipe"
    assert digits == f"  digits  http://127.0.0.1:{port}/#/{runs}"
    mlflow_ui._print_addresses(port)
    assert len(capsys.readouterr().out.splitlines()) == 1


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_ui_shows_mlflow_until_it_is_ended(studio):
    """Its address answers, and SIGTERM ends it with 0 and no process left at the port."""
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    child = subprocess.Popen([sys.executable, "-m", "artpipe", "ui"], env=env, stdout=subprocess.PIPE, text=True)
    try:
        address = next(line for line in child.stdout if line.startswith("http")).split()[0]
        deadline = time.monotonic() + 400
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/health", timeout=5):  # noqa: S310
                break
            time.sleep(0.2)
        else:
            pytest.fail("it did not answer")
    finally:
        child.terminate()
        code = child.wait(60)
        child.stdout.close()
    assert code == 0
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(address, timeout=5)  # noqa: S310
