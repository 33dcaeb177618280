"""What a browser asks for when a gallery's first page opens: `python benchmarks/_first_view.py FOLDER`."""

import functools
import sys
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/browser"))

from chromium import QUIET, find


class _CountingHandler(SimpleHTTPRequestHandler):
    requests: tuple[str, ...] = ()
    bytes = 0

    def copyfile(self, source, outputfile):
        data = source.read()
        outputfile.write(data)
        _CountingHandler.requests += (self.path,)
        _CountingHandler.bytes += len(data)

    def log_message(self, *_):
        """Say nothing."""


def visit(gallery: Path) -> tuple[int, int]:
    """Return how many files, and bytes without compression, the first view takes."""
    from playwright.sync_api import sync_playwright

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_CountingHandler, directory=str(gallery)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=QUIET)
        page = browser.new_page(viewport={"width": 1366, "height": 768})
        page.goto(f"http://127.0.0.1:{server.server_port}/index.html")
        page.wait_for_load_state("networkidle")
        browser.close()
    server.shutdown()
    return len(_CountingHandler.requests), _CountingHandler.bytes


if __name__ == "__main__":
    print(*visit(Path(sys.argv[1])))
