"""Find the browser Chromium, and print pages with it."""

import os
import shutil
import tempfile
from pathlib import Path

from artpipe.errors import ArtpipeError
from artpipe.system.processes import run_child

CHROMIUM_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")  # the lightest first
_QUIET = (
    "--headless",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--no-first-run",
)
_PRINT_SECONDS = 600.0


def find_chromium() -> str | None:
    """Return the browser that CHROMIUM names, or the first of its usual names on PATH."""
    return next(filter(None, map(shutil.which, [os.environ.get("CHROMIUM", ""), *CHROMIUM_NAMES])), None)


def print_pdf(chromium: str, page: Path, target: Path) -> None:
    """Print a page of this machine into a PDF, with links and an outline.

    Raises:
        ArtpipeError: the browser made none.
    """
    lines: list[str] = []
    with tempfile.TemporaryDirectory(prefix="artpipe-print-") as profile:
        command = [chromium, *_QUIET, f"--user-data-dir={profile}", "--no-pdf-header-footer"]
        command += ["--generate-pdf-document-outline", f"--print-to-pdf={target}", page.absolute().as_uri()]
        if os.geteuid() == 0:  # as root the browser's sandbox does not start; the page is the gallery's own
            command.insert(1, "--no-sandbox")
        code = run_child(command, lines.append, timeout_seconds=_PRINT_SECONDS)
    if code or not target.is_file() or not target.read_bytes().startswith(b"%PDF-"):
        said = next((line for line in reversed(lines) if line.strip()), f"exit code {code}")
        raise ArtpipeError(f"{chromium}: made no PDF: {said[:200]}")
