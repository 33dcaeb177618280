"""What a browser needs for a gallery's pages: requests, bytes, elements, time: `python benchmarks/gallery_in_browser.py FOLDER`.

FOLDER is a built gallery, such as `growth.py` makes of 10,000 works. Of each kind the heaviest page is opened. Prints a Markdown table, and how long a search takes from
the last letter until its answer stands there, the index loaded before and not.
"""

import functools
import re
import sys
import threading
import time
from http.server import ThreadingHTTPServer
from pathlib import Path

from _first_view import QUIET, _CountingHandler, find

_WIDTH, _HEIGHT = 1366, 768
_MOST_MILLISECONDS = 180_000
_PAGES = {
    "index": "index.html",
    "browse": "browse/**/index.html",
    "dataset": "datasets/*/index.html",
    "model": "models/*/index.html",
    "work": "works/*/index.html",
    "compare": "compare/**/index.html",
    "failures": "failures/**/index.html",
    "provenance": "provenance/index.html",
    "walkthrough": "walkthrough/**/index.html",
    "catalogue": "catalogue/index.html",
    "chapter of the catalogue": "catalogue/rooms/*/index.html",
    "catalogue for the printer": "catalogue/print/index.html",
}
_PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? NaN"


def _weigh(path: Path) -> int:
    return path.stat().st_size


def measure_page(page, address: str) -> tuple[int, int, int, float]:
    """Return requests, bytes, elements, and milliseconds until something is shown."""
    _CountingHandler.requests, _CountingHandler.bytes = (), 0
    page.goto(address)
    page.wait_for_load_state("networkidle")
    nodes = page.evaluate("document.querySelectorAll('*').length")
    return len(_CountingHandler.requests), _CountingHandler.bytes, nodes, page.evaluate(_PAINTED)


def measure_search(page, words: str) -> float:
    """Return the seconds until works are found by words."""
    began = time.perf_counter()
    page.locator("[name=q]").fill(words)
    page.locator(".finder.is-looking [role=status]").filter(has_text=re.compile(r"\w")).wait_for()
    return time.perf_counter() - began


def main(gallery: Path) -> None:
    """Open the pages one after the other, each in a browser that has seen none."""
    from playwright.sync_api import sync_playwright

    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(_CountingHandler, directory=str(gallery)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("| page | requests | kB | elements | shown after, ms |\n|---|---|---|---|---|")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=QUIET)
        for name, pattern in _PAGES.items():
            if (page_file := max(gallery.glob(pattern), key=_weigh, default=None)) is None:
                continue
            path = page_file.relative_to(gallery)
            page = browser.new_context(viewport={"width": _WIDTH, "height": _HEIGHT}).new_page()
            page.set_default_timeout(_MOST_MILLISECONDS)
            requests, size, nodes, shown = measure_page(
                page, f"http://127.0.0.1:{server.server_port}/{path.as_posix()}"
            )
            print(f"| {name} | {requests} | {size / 1000:,.0f} | {nodes:,} | {shown:,.0f} |", flush=True)
            if name == "browse":
                before = _CountingHandler.bytes
                cold, warm = measure_search(page, "seven"), measure_search(page, "nine")
                print(
                    f"search: {cold:.2f} s with {(_CountingHandler.bytes - before) / 1000:,.0f} kB of index, {warm:.2f} s after",
                    file=sys.stderr,
                )
        browser.close()
    server.shutdown()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
