"""Prefect's server as we start it: to its own names only, and with a password where one is set."""

import base64
import contextlib
import http.client
import os
import shutil
import socket
import subprocess
import sys
import time

import pytest

from artpipe.errors import ArtpipeError
from artpipe.orchestration.services import addresses, ephemeral_server
from artpipe.orchestration.services import prefect_server as server
from artpipe.system.processes import end_child, start_child
from tests.pipeline.conftest import ROOT

SECRET = "artpipe:not-to-be-seen"  # noqa: S105  # of this test


def ask(port: int, path: str, host: str | None = None, password: str | None = None, method: str = "POST") -> int:
    """The status that a request under some name gets."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    headers = {"Host": host or f"127.0.0.1:{port}", "Content-Type": "application/json"}
    if password:
        headers["Authorization"] = "Basic " + base64.b64encode(password.encode()).decode()
    with contextlib.closing(connection):
        connection.request(method, path, "{}" if method == "POST" else None, headers)
        return connection.getresponse().status


def ask_socket(port: int, host: str) -> int:
    """The status that a request for an event stream gets."""
    words = ["GET /api/events/in HTTP/1.1", f"Host: {host}", "Upgrade: websocket", "Connection: Upgrade"]
    words += ["Sec-WebSocket-Key: " + base64.b64encode(b"0" * 16).decode(), "Sec-WebSocket-Version: 13"]
    with socket.create_connection(("127.0.0.1", port), timeout=60) as stream:
        stream.sendall(("\r\n".join(words) + "\r\n\r\n").encode())
        return int(stream.recv(64).split()[1])


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, prefect_database):
    """A server that asks for a password; yields its environment."""
    home = tmp_path_factory.mktemp("guarded")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    env = {**os.environ, "PREFECT_HOME": str(home), "PREFECT_SERVER_API_AUTH_STRING": SECRET, "PYTHONPATH": str(ROOT)}
    with (home / "own.log").open("w") as log:
        child = start_child(
            [sys.executable, "-m", "artpipe", "serve", "--only", "server", "--port", str(port)],
            env=env,
            stdout=log,
        )
    try:
        deadline = time.monotonic() + 400
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if ask(port, "/api/health", method="GET") == 200:
                    break
            time.sleep(0.2)
        yield port, {"PREFECT_HOME": str(home), "PREFECT_API_URL": f"http://127.0.0.1:{port}/api"}
    finally:
        end_child(child)
    assert SECRET not in (home / "own.log").read_text()


pipeline = [pytest.mark.xdist_group("guarded"), pytest.mark.timeout(1200)]


class TestRealServer:
    """One server for all."""

    pytestmark = pipeline

    @pytest.mark.parametrize(
        "name", ["evil.example", "evil.example:{port}", "127.0.0.1.evil.example:{port}", "10.0.0.7"]
    )
    def test_a_strange_name_is_refused(self, guarded, name):
        """Whatever is asked, with the right password too; so no page of another site reaches it by a name of its own."""
        port, _ = guarded
        name = name.format(port=port)
        paths = [("/api/flow_runs/filter", "POST"), ("/api/health", "GET"), ("/", "GET"), ("/ui-settings", "GET")]
        assert {ask(port, path, name, SECRET, method) for path, method in paths} == {400}
        assert ask_socket(port, name) == 400

    def test_without_the_password_nothing_is_told(self, guarded):
        """401 for the API, the event streams refused; with it all is well."""
        port, _ = guarded
        own = f"localhost:{port}"
        given = [None, "artpipe:wrong", SECRET]
        assert [ask(port, "/api/flow_runs/filter", own, password) for password in given] == [401, 401, 200]
        assert [ask(port, "/api/variables/filter", own, password) for password in given] == [401, 401, 200]
        assert ask_socket(port, own) == 403
        assert ask(port, "/api/health", own, method="GET") == 200

    @pytest.mark.parametrize("given", [pytest.param(SECRET, marks=pytest.mark.nightly), ""])
    @pytest.mark.nightly
    def test_the_flow_runs_with_the_password_alone(self, guarded, project, given):
        """With it a run is made and reported; without it the flow says so, and no stage was harmed."""
        port, env = guarded
        project.environment.update(env, PREFECT_CLIENT_MAX_RETRIES="0")
        project.edit("params.yaml", "title: s1", "title: s2")
        if given:
            project.environment["PREFECT_API_AUTH_STRING"] = given
        done = project.flow(check=False)
        assert SECRET not in done.stdout + done.stderr
        if given:
            assert done.returncode == 0, done.stderr
            assert "train@second" in project.calls()
            assert ask(port, "/api/flow_runs/filter", None, SECRET) == 200
        else:
            assert done.returncode != 0
            assert "401" in done.stdout + done.stderr


@pytest.mark.xdist_group("flow")
@pytest.mark.timeout(600)
@pytest.mark.nightly
def test_the_server_of_a_single_run_is_guarded_too(prefect_server, project, monkeypatch):
    """Where none is named: its own names only; it is a full one, no run is reported as one that stays, and it goes with the run."""
    home = project.folder / "home"
    shutil.copytree(prefect_server["PREFECT_HOME"], home)
    monkeypatch.setenv("PREFECT_HOME", str(home))
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.chdir(project.folder)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with ephemeral_server.run_ephemeral_server() as wait_for_server:
        wait_for_server()
        port = int(os.environ["PREFECT_API_URL"].removesuffix("/api").rpartition(":")[2])
        given = ["evil.example", f"evil.example:{port}", f"localhost:{port}"]
        assert [ask(port, "/api/flow_runs/filter", name) for name in given] == [400, 400, 200]
        assert os.environ[ephemeral_server.EPHEMERAL] == "1"
    assert {"PREFECT_API_URL", ephemeral_server.EPHEMERAL}.isdisjoint(os.environ)
    with pytest.raises(ConnectionRefusedError):
        ask(port, "/api/flow_runs/filter")
    assert list((project.folder / ".state/flows").glob("server-*")) == []
    project.environment["PREFECT_HOME"] = str(home)
    project.environment.pop("PREFECT_API_URL", None)
    project.edit("params.yaml", "title: s1", "title: s2")
    done = project.flow()
    assert "train@second" in done.stdout
    assert "Error" not in done.stdout + done.stderr  # Prefect sends its last lines when all else has ended
    assert list((project.folder / ".state/flows").glob("server-*")) == []


@pytest.mark.nightly
def test_a_server_that_does_not_come_up_is_one_line(tmp_path, monkeypatch):
    """What it said last, and where the rest is; nothing is left in the environment."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        ephemeral_server,
        "_EPHEMERAL_VARIABLES",
        {"PREFECT_API_DATABASE_CONNECTION_URL": "sqlite+aiosqlite:////nowhere/x.db"},
    )
    with (
        pytest.raises(
            ArtpipeError, match=r"Prefect's server did not come up; \.state/flows/server-\d+\.log ends with:"
        ) as raised,
        ephemeral_server.run_ephemeral_server() as wait_for_server,
    ):
        wait_for_server()
    assert "unable to open database file" in " ".join(raised.value.details)
    assert "PREFECT_API_URL" not in os.environ


def test_others_are_let_in_by_password_and_name_only(artpipe, monkeypatch):
    """Bound to more than this machine: no password, or no name, ends with 2 in one line."""
    monkeypatch.delenv("PREFECT_SERVER_API_AUTH_STRING", raising=False)
    for host in ("0.0.0.0", "::", "192.168.1.7", "art.example.org"):  # noqa: S104  # it is what has to be refused
        code, _, said = artpipe("serve", "--only", "server", "--host", host, "--name", "art.example.org")
        assert code == 2
        assert "lets others in: set PREFECT_SERVER_API_AUTH_STRING" in said
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", SECRET)
    code, _, said = artpipe("serve", "--only", "server", "--host", "0.0.0.0")  # noqa: S104
    assert code == 2
    assert "`--name` says under which name others call it" in said
    assert SECRET not in said
    assert server._allowed_hosts("0.0.0.0", ["a.example"]) == ["127.0.0.1", "localhost", "a.example"]  # noqa: S104
    assert server._allowed_hosts("127.0.0.1", []) == server._allowed_hosts("::1", []) == ["127.0.0.1", "localhost"]


def test_what_the_server_asks_for_is_given(monkeypatch):
    """The parts of `artpipe serve` know the password that its server was told; one that is given stays."""
    monkeypatch.delenv("PREFECT_API_AUTH_STRING", raising=False)
    monkeypatch.delenv("PREFECT_SERVER_API_AUTH_STRING", raising=False)
    assert addresses.auth_variables() == {}
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", SECRET)
    assert addresses.auth_variables() == {"PREFECT_API_AUTH_STRING": SECRET}
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", "another")
    assert addresses.auth_variables() == {}


@pytest.mark.nightly
@pytest.mark.timeout(600)
def test_mlflow_refuses_a_strange_name(tmp_path):
    """As `artpipe serve` and `artpipe ui` start it: 403, and its own name is answered."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = ["-m", "mlflow", "ui", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    env = {**os.environ, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    command += ["--backend-store-uri", f"sqlite:///{tmp_path}/mlflow.db"]
    child = start_child([sys.executable, *command], cwd=tmp_path, env=env, stdout=subprocess.DEVNULL)
    try:
        path, deadline = "/api/2.0/mlflow/experiments/search?max_results=1", time.monotonic() + 400
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                if ask(port, path, method="GET") == 200:
                    break
            time.sleep(0.2)
        assert ask(port, path, f"localhost:{port}", method="GET") == 200
        assert {ask(port, one, f"evil.example:{port}", method="GET") for one in (path, "/")} == {403}
    finally:
        end_child(child)
