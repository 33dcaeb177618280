"""Datasets come from a server that answers as the Hugging Face Hub does."""

import hashlib
import io
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML

from artpipe.errors import UserError
from artpipe.project.hub_download import fetch_hub_dataset, parse_hub_address

COMMIT = "c0ffee" * 6 + "c0ff"
README = b"---\nlicense: cc-by-4.0\n---\n# Shapes\n"


class Hub(BaseHTTPRequestHandler):
    """`anna/shapes` with files, `anna/gated`, and nothing else."""

    files: ClassVar[dict[str, bytes]] = {}

    def do_GET(self):
        place = self.path.partition("?")[0]
        if place.startswith("/api/datasets/anna/shapes/revision/other"):
            self._answer(404, b"", {"X-Error-Code": "RevisionNotFound"})
        elif place.startswith("/api/datasets/anna/shapes"):
            siblings = [{"rfilename": name, "size": len(data)} for name, data in self.files.items()]
            card = {"id": "anna/shapes", "sha": COMMIT, "cardData": {"license": "cc-by-4.0"}, "siblings": siblings}
            self._answer(200, json.dumps(card).encode(), {"Content-Type": "application/json"})
        elif place.startswith("/api/datasets/anna/gated"):
            self._answer(403, b"", {"X-Error-Code": "GatedRepo"})
        elif (name := place.removeprefix(f"/datasets/anna/shapes/resolve/{COMMIT}/")) in self.files:
            data = self.files[name]
            self._answer(200, data, {"ETag": f'"{hashlib.sha256(data).hexdigest()}"', "X-Repo-Commit": COMMIT})
        else:
            self._answer(404, b"", {"X-Error-Code": "RepoNotFound"})

    do_HEAD = do_GET  # noqa: N815 - http.server's name

    def _answer(self, status, data, headers):
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(data))}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_):
        """Say nothing."""


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A Hub on this machine; its files can be set."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        Hub, "files", {"README.md": README, "run.py": b"print()", "red/1.png": b"1", "blue/2.png": b"2"}
    )
    yield server
    server.shutdown()
    server.server_close()


def fetch(text):
    with fetch_hub_dataset(parse_hub_address(Path(text))) as dataset:
        files = {str(path.relative_to(dataset.folder)): path.read_bytes() for path in dataset.folder.rglob("*.*")}
        return {name: data for name, data in files.items() if Path(name).suffix}, dataset


def test_files_licence_and_origin_are_fetched(hub):
    """All but programs, as they are on the server; nothing is left afterwards."""
    files, dataset = fetch("hf://anna/shapes")
    assert files == {"README.md": README, "red/1.png": b"1", "blue/2.png": b"2"}
    assert dataset.licence == "cc-by-4.0"
    assert dataset.origin.endswith(f"/datasets/anna/shapes/tree/{COMMIT}")
    assert not dataset.folder.exists()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("hf://anna/nothing", "hf://anna/nothing: no such dataset"),
        ("hf://anna/gated", "hf://anna/gated: its owner lets in"),
        ("hf://anna/shapes@other", "hf://anna/shapes: no revision `other`"),
        ("hf://anna", "hf://anna: `hf://OWNER/NAME`"),
    ],
)
def test_what_cannot_be_had_is_one_line(hub, address, message):
    """No such dataset, a gated one, no such revision, no address: place and reason, and no folder is left."""
    with pytest.raises(UserError) as error:
        fetch(address)
    assert str(error.value).startswith(message)
    assert "\n" not in str(error.value)
    assert not list(Path(".state/hub").glob("*"))


def test_a_name_that_leads_elsewhere_is_refused(hub):
    """Nothing is written, inside or outside of the folder."""
    Hub.files["../../outside.png"] = b"x"
    with pytest.raises(UserError, match="which leads elsewhere"):
        fetch("hf://anna/shapes")
    assert not list(Path().rglob("*.png"))


def test_without_a_network_there_is_one_line(monkeypatch, studio, artpipe):
    """Exit code 2; params.yaml is as it was."""
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    before = Path("params.yaml").read_bytes()
    code, out, err = artpipe("dataset", "add", "--no-plan", "hf://anna/shapes", "--name", "mine")
    assert (code, out) == (2, "")
    assert "hf://anna/shapes: the Hub cannot be reached: " in err
    assert len(err.strip().splitlines()) == 1
    assert Path("params.yaml").read_bytes() == before


@pytest.mark.nightly
def test_a_table_of_pictures_on_the_hub_becomes_a_room(studio, pictures, hub, monkeypatch, artpipe):
    """Parquet as `datasets` writes it: pictures and classes come in, licence and origin are those of the card."""
    monkeypatch.chdir(studio)
    files = sorted(pictures.rglob("*.png"))
    images = [{"bytes": path.read_bytes(), "path": path.name} for path in files]
    table = pa.table({"image": images, "label": [path.parent.name for path in files]})
    buffer = io.BytesIO()
    pq.write_table(table, buffer)
    monkeypatch.setattr(Hub, "files", {"README.md": README, "data/train-00000-of-00001.parquet": buffer.getvalue()})
    code, out, err = artpipe("dataset", "add", "--no-plan", "hf://anna/shapes", "--name", "mine")
    assert (code, err) == (0, "")
    assert "24 pictures" in out
    about = YAML(typ="safe").load(Path("params.yaml").read_text())["datasets"]["mine"]["about"]
    assert about["licence"] == "cc-by-4.0"
    assert about["origin"].endswith(f"/datasets/anna/shapes/tree/{COMMIT}")
