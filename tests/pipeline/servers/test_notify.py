"""A failed run calls a webhook: a real server's automation, a listener on loopback."""

import json
import queue
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from tests.pipeline.conftest import get

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def listener():
    """A webhook's far end: its address and the bodies it has heard."""
    heard: queue.Queue[dict] = queue.Queue()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            heard.put(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/hook", heard
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.xdist_group("flow")
@pytest.mark.nightly
def test_a_failed_run_is_told(project, prefect_server, listener):
    """Made twice it is one automation; a run that fails calls once, with what failed; one that ends well calls nobody."""
    url, heard = listener
    project.environment.update(prefect_server)
    for _ in range(2):
        told = project.run(sys.executable, "-m", "artpipe", "notify", url).stdout
    assert told == "artpipe-notify: 127.0.0.1 hears when a run has failed\n"
    project.flow("train@ruler")
    project.edit("params.yaml", "title: g1", "title: g2, stub: {fail: true}")
    assert project.flow("train@gan", check=False).returncode == 1
    body = heard.get(timeout=120)
    assert body["state"] == "Failed"
    assert "failed: train@gan" in body["text"]
    newest = get(f"{prefect_server['PREFECT_API_URL']}/flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 1})
    assert body["run"] == newest[0]["id"]
    assert heard.empty()


@pytest.mark.parametrize(
    ("words", "server"), [("an http or https address", "http://127.0.0.1:1/api"), ("PREFECT_API_URL", None)]
)
def test_what_is_no_address_is_refused(studio, artpipe, monkeypatch, words, server):
    """One line and exit code 2, before a server is asked."""
    if server:
        monkeypatch.setenv("PREFECT_API_URL", server)
    code, _, error = artpipe("notify", "ftp://x")
    assert code == 2
    assert words in error
    assert error.count("\n") == 1
