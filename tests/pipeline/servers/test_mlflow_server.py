"""MLflow behind a server: what a database opened directly would take is judged more strictly there."""

import contextlib
import os
import socket
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from artpipe.system.processes import end_child, start_child
from artpipe.tracking.mlflow_store import MlflowStore
from artpipe.tracking.mlflow_sync import sync
from tests.conftest import load_module

made = load_module(Path(__file__).parents[2] / "unit" / "tracking" / "test_mlflow_sync.py")

pytestmark = [pytest.mark.nightly, pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server with a database and an artifact store of its own, named by MLFLOW_TRACKING_URI."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url, folder = f"http://127.0.0.1:{port}", tmp_path / "server"
    folder.mkdir()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/mlflow.db", "--artifacts-destination", str(folder / "kept")]
    with (folder / "log").open("w") as log:
        child = start_child(command, env={**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}, stdout=log)
    try:
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError), urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310 (our own)
                break
            time.sleep(0.5)
        else:
            pytest.fail((folder / "log").read_text())
        monkeypatch.setenv("MLFLOW_TRACKING_URI", url)
        yield folder
    finally:
        end_child(child)


@pytest.mark.timeout(1200)
def test_a_server_gets_runs_pictures_versions_and_alias(server, tmp_path):
    """All that a local store gets; the pictures lie in the server's artifact store; a second sync adds nothing."""
    root = tmp_path / "project"
    root.mkdir()
    made.published(root)
    checkpoint = made.judged(root, kid=0.2, verdict="healthy")
    made.crowned(root, checkpoint)
    assert "new: 1 runs" in sync(root).to_text()
    assert "new: 0 runs, 0 rows, 0 pictures" in sync(root).to_text()
    assert made.versions(root) == {"digits-gan": [f"{checkpoint[:8]} champion"]}
    assert made.the_run(root).data.tags["mlflow.parentRunId"] == made.the_pipeline_run(root).info.run_id
    assert list((server / "kept").rglob("*.webp"))
    assert MlflowStore(root).uri.startswith("http://")
