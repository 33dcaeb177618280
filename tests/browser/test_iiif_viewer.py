"""A manifest in a viewer of museums: Mirador, from npm."""

import functools
import http.server
import json
import shutil
import subprocess
import tarfile
import threading

import make_museum as make
import pytest
from visits import Visit

from artpipe.gallery import build_gallery

pytestmark = pytest.mark.nightly
VIEWER = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Viewer</title><body>
<div id="viewer" style="position: relative; width: 900px; height: 700px"></div><script src="mirador.js"></script>
<script>Mirador.viewer({id: "viewer", windows: [{manifestId: "%s"}]});</script></body></html>"""


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def mirador(tmp_path_factory):
    """The viewer's script, fetched from npm; without it the test is skipped."""
    npm, folder = shutil.which("npm"), tmp_path_factory.mktemp("npm")
    if npm is None:
        pytest.skip("npm is not on PATH")
    packed = subprocess.run([npm, "pack", "mirador@4"], cwd=folder, capture_output=True, text=True, check=False)
    archives = list(folder.glob("*.tgz"))
    if not archives:
        pytest.skip(f"npm has no mirador: {packed.stderr[-200:]}")
    with tarfile.open(archives[0]) as archive:
        return archive.extractfile("package/dist/mirador.min.js").read()


def test_mirador_opens_a_work(browser, mirador, tmp_path):
    """It shows the title, and asks for the picture at an address that is served."""
    root = make.small_museum(tmp_path)
    gallery = root / "data" / "gallery"
    gallery.mkdir(parents=True)
    handler = functools.partial(Quiet, directory=gallery)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        base = f"http://127.0.0.1:{server.server_port}/"
        params = root / "params.yaml"
        params.write_text(params.read_text().replace("theme: museum", f'theme: museum, base_url: "{base}"'))
        build_gallery(root)
        (gallery / "mirador.js").write_bytes(mirador)
        (gallery / "viewer.html").write_text(VIEWER % f"{base}works/emoji-gan-sample-000/manifest.json")
        with Visit(browser) as visit:
            with visit.page.expect_response(
                lambda answer: answer.url.endswith("/0/default.jpg"), timeout=60_000
            ) as answered:
                page = visit.go(f"{base}viewer.html")
            assert answered.value.ok
            page.wait_for_selector(".openseadragon-canvas canvas", timeout=60_000)
            label = json.loads((gallery / "works/emoji-gan-sample-000/manifest.json").read_text())["label"]
            assert " ".join(label["en"][0].split()) in " ".join(page.inner_text("body").split())
        server.shutdown()
