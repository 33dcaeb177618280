"""Passwords and tokens of the environment: in no line that is printed, in no file and no database that a run leaves."""

import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from artpipe import __main__ as command_line
from artpipe.system.plain_text import hide_passwords, to_printable
from artpipe.system.processes import end_child, start_child
from tests.conftest import ROOT, load_module
from tests.pipeline.servers.test_server import ask

toys = load_module(ROOT / "tests/support/toy_project.py")
WORD = "Geheim-4711-xyzzy"
SECRETS = {
    "MLFLOW_TRACKING_PASSWORD": WORD,
    "AWS_SECRET_ACCESS_KEY": WORD,
    "HF_TOKEN": WORD,
    "PREFECT_SERVER_API_AUTH_STRING": f"me:{WORD}",
}


def leaks(folder: Path) -> list[str]:
    """The files below a folder that have the word in them, however they are packed."""
    word = WORD.encode()
    return [str(path) for path in folder.rglob("*") if path.is_file() and word in path.read_bytes()]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (f"http://me:{WORD}@host:5000/api", "http://***@host:5000/api"),
        (
            f"failed: https://:{WORD}@host and http://me:{WORD}@other/x",
            "failed: https://***@host and http://***@other/x",
        ),
        (f"http://me:a@{WORD}@host", "http://***@host"),
        ("https://gh" + "p_abcdefghijklmnopqrstuvwx@host/x.git", "https://***@host/x.git"),
        ("http://host:5000/a@b", "http://host:5000/a@b"),
        ("ssh://git@host/x", "ssh://git@host/x"),
        ("sqlite:////tmp/x.db", "sqlite:////tmp/x.db"),
    ],
)
def test_an_address_keeps_its_password_to_itself(said, told):
    """The name goes with it; what only looks alike stays."""
    assert hide_passwords(said) == to_printable(said) == told


def test_a_traceback_has_none(capsys):
    """Also what nobody expected is shown without passwords and commands to the terminal."""
    try:
        raise RuntimeError(f"no answer from http://me:{WORD}@host \x1b[2J")  # noqa: TRY301  # it is what has to be shown
    except RuntimeError as error:
        command_line._show_traceback(type(error), error, error.__traceback__)
    said = capsys.readouterr().err
    assert "RuntimeError: no answer from http://***@host \\x1b[2J" in said
    assert "Traceback (most recent call last):\n" in said


PLACES = {
    "dvc.yaml": ("dvc.yaml", f"vars:\n  - hub: {{api_token: {WORD}}}\nstages: {{}}\n", "`vars.0.hub.api_token`"),
    "an address in dvc.yaml": (
        "dvc.yaml",
        f"vars:\n  - at: https://me:{WORD}@host\nstages: {{}}\n",
        "`vars.0.at`",
    ),
    "prefect.yaml": ("prefect.yaml", f"deployments:\n  - parameters: {{password: {WORD}}}\n", "parameters.password`"),
    ".dvc/config": (
        ".dvc/config",
        f"['remote \"store\"']\n    url = s3://a/b\n    secret_access_key = {WORD}\n",
        "secret_access_key`",
    ),
    "an address in .dvc/config": (
        ".dvc/config",
        f"['remote \"store\"']\n    url = https://me:{WORD}@host/x\n",
        ".url`",
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_a_secret_in_what_git_publishes_is_refused(studio, artpipe, name):
    """By its place, without repeating it, before anything has run."""
    file, text, place = PLACES[name]
    Path(file).write_text(text)
    code, out, err = artpipe("check")
    assert code == 2
    assert f"{place} looks like a secret" in err
    assert ("dvc remote modify --local" in err) == (file == ".dvc/config")
    assert WORD not in out + err


def test_dvcs_own_file_for_secrets_may_have_them(studio, artpipe):
    """.dvc/config.local is in no git."""
    Path(".dvc/config.local").write_text(f"['remote \"store\"']\n    password = {WORD}\n")
    assert artpipe("check")[0] == 0


@pytest.mark.xdist_group("flow")
@pytest.mark.timeout(1200)
@pytest.mark.nightly  # a training and its sync stay
def test_a_flow_leaves_none(project, prefect_server):
    """What it prints, the project's folder, and Prefect's home with its database and log."""
    address = f"http://me:{WORD}@127.0.0.1:{free_port()}"
    project.environment |= {**prefect_server, **SECRETS, "MLFLOW_TRACKING_URI": address}
    project.environment.pop("PREFECT_SERVER_API_AUTH_STRING")
    project.edit("params.yaml", "title: s1", "title: s2")
    done = project.flow()
    assert "Runs: http://***@127.0.0.1:" in done.stdout
    assert WORD not in done.stdout + done.stderr
    assert leaks(project.folder) == leaks(Path(prefect_server["PREFECT_HOME"])) == []


@pytest.mark.timeout(1200)
@pytest.mark.nightly
def test_a_training_and_its_sync_leave_none(tmp_path):
    """Run record, journal, states; MLflow's server is away, then there, with the password in its address."""
    folder, port = toys.make(tmp_path / "toy"), free_port()
    env = {**SECRETS, "MLFLOW_TRACKING_URI": f"http://me:{WORD}@127.0.0.1:{port}", "ARTPIPE_TRACKING": ""}
    done = toys.train(folder, **env)
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    sync = [sys.executable, "-m", "artpipe", "sync"]
    own = {**os.environ, **env, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", "PYTHONPATH": str(ROOT)}
    away = subprocess.run(sync, cwd=folder, env=own, capture_output=True, text=True, check=False)
    assert away.returncode == 1
    command = ["-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += [
        "--backend-store-uri",
        f"sqlite:///{tmp_path}/mlflow.db",
        "--artifacts-destination",
        str(tmp_path / "art"),
    ]
    env = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    with (tmp_path / "server.log").open("w") as log:
        server = start_child([sys.executable, *command], cwd=tmp_path, env=env, stdout=log)
    try:
        deadline = time.monotonic() + 400
        while time.monotonic() < deadline:
            try:
                if ask(port, "/health", method="GET") == 200:
                    break
            except OSError:
                time.sleep(0.2)
        there = subprocess.run(sync, cwd=folder, env=own, capture_output=True, text=True, check=False)
    finally:
        end_child(server)
    assert there.returncode == 0, there.stderr
    assert "1 trainings; new: 1 runs" in there.stdout
    assert f"(http://***@127.0.0.1:{port})" in there.stdout
    for one in (away, there):
        said += one.stdout + one.stderr
    assert WORD not in said
    assert leaks(tmp_path) == []
