"""What npm's lighthouse says of a gallery's pages, on a phone and on a desk.

    npm install --prefix /tmp/lighthouse --ignore-scripts lighthouse
    python benchmarks/lighthouse.py data/gallery --lighthouse /tmp/lighthouse/node_modules/lighthouse

Prints a Markdown table of the four scores of each page kind, and on stderr every audit that took points. The pages come from
a server of this machine, compressed as any host does it. lighthouse is no dependency: a folder of it is named, node and
Chromium are on PATH. `--runs` of each page are made, and the median of each score counts.
"""

import argparse
import contextlib
import functools
import gzip
import io
import json
import os
import shutil
import statistics
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from artpipe.system.chromium import find_chromium

CATEGORIES = ("performance", "accessibility", "best-practices", "seo")
FORMS = {"phone": (), "desk": ("--preset=desktop",)}
LONGEST_SECONDS = 300
COMPRESSED = (".html", ".css", ".js", ".json", ".svg", ".xml", ".txt")
FLAGS = "--headless=new --no-sandbox --disable-gpu --disable-background-networking --disable-component-update"


class CompressingHandler(SimpleHTTPRequestHandler):
    """Serves a folder, texts with gzip."""

    def send_head(self) -> Any:
        """Send a text as gzip where the browser takes it, everything else as it is."""
        path = Path(self.translate_path(self.path))
        path = path / "index.html" if path.is_dir() else path
        if path.suffix not in COMPRESSED or not path.is_file():
            return super().send_head()
        data = gzip.compress(path.read_bytes(), 6, mtime=0)
        self.send_response(200)
        self.send_header("Content-Type", self.guess_type(str(path)))
        self.send_header("Content-Encoding", "gzip")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        return io.BytesIO(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextlib.contextmanager
def serve_folder(folder: Path) -> Iterator[str]:
    """Serve a folder on this machine alone, and give its address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(CompressingHandler, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()


def list_pages(gallery: Path) -> dict[str, str]:
    """Return one page of each kind, by its name."""
    first = {
        kind: next(iter(sorted((gallery / kind).glob("*/index.html")))) for kind in ("models", "works", "datasets")
    }
    kinds = {kind: path.relative_to(gallery).as_posix() for kind, path in first.items()}
    single = ("browse", "compare", "failures", "walkthrough", "catalogue", "provenance")
    there = {kind: f"{kind}/index.html" for kind in single if (gallery / kind / "index.html").is_file()}
    return {"index": "index.html", **kinds, **there}


def run_lighthouse(package: Path, address: str, options: tuple[str, ...]) -> dict[str, Any]:
    """Return lighthouse's report on one page.

    Raises:
        SystemExit: it made none.
    """
    command = ["node", str(package / "cli/index.js"), address, "--output=json", "--quiet", *options]
    command += [f"--chrome-flags={FLAGS}", f"--only-categories={','.join(CATEGORIES)}"]
    env = {**os.environ, "CHROME_PATH": find_chromium() or ""}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=LONGEST_SECONDS, check=False)
    try:
        report: dict[str, Any] = json.loads(done.stdout)
    except ValueError:
        sys.exit(f"{address}: lighthouse ended with {done.returncode}: {done.stderr.strip()[-800:]}")
    return report


def list_losses(report: dict[str, Any]) -> Iterator[str]:
    """Yield the audits that took points, with what lighthouse says of them."""
    for category in CATEGORIES:
        for one in report["categories"][category]["auditRefs"]:
            audit = report["audits"][one["id"]]
            if one["weight"] and audit["score"] is not None and audit["score"] < 0.9:
                nodes = [item["node"]["snippet"][:120] for item in (audit.get("details") or {}).get("items", ())
                         if isinstance(item, dict) and "node" in item]  # fmt: skip
                yield f"  {category}: {audit['title']} {audit.get('displayValue', '')} {' | '.join(nodes[:3])}"


def measure_page(package: Path, address: str, form: str, runs: int) -> list[int]:
    """Return the medians of the four scores, of 100."""
    reports = [run_lighthouse(package, address, FORMS[form]) for _ in range(runs)]
    for line in dict.fromkeys(line for report in reports for line in list_losses(report)):
        print(line, file=sys.stderr, flush=True)
    scores = [[report["categories"][name]["score"] or 0 for report in reports] for name in CATEGORIES]
    return [round(100 * statistics.median(column)) for column in scores]


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("gallery", type=Path)
    parser.add_argument("--lighthouse", type=Path, required=True, help="the folder of npm's package")
    parser.add_argument("--pages", default="", help="kinds, with commas; empty: all")
    parser.add_argument("--forms", default=",".join(FORMS))
    parser.add_argument("--runs", type=int, default=1)
    options = parser.parse_args()
    if not (options.lighthouse / "cli/index.js").is_file() or not shutil.which("node") or not find_chromium():
        sys.exit("node, chromium and --lighthouse, a folder with cli/index.js, are wanted: see --help")
    pages = list_pages(options.gallery)
    wanted = options.pages.split(",") if options.pages else list(pages)
    print(f"| page | on a | {' | '.join(CATEGORIES)} |\n|---|---|---|---|---|---|", flush=True)
    with serve_folder(options.gallery) as root:
        for kind in wanted:
            for form in options.forms.split(","):
                print(f"{kind}, {form}", file=sys.stderr, flush=True)
                scores = measure_page(options.lighthouse, root + pages[kind], form, options.runs)
                print(f"| {kind} | {form} | {' | '.join(map(str, scores))} |", flush=True)


if __name__ == "__main__":
    main()
