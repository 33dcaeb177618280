"""Photographs a built gallery: python tests/browser/shots.py data/gallery /tmp/shots [--full] [--docs docs/gallery.png].

By default each kind of page at 360, 768 and 1440 px in day and evening light; `--docs` makes the README's picture.
"""

import argparse
from pathlib import Path

from chromium import QUIET, find
from playwright.sync_api import Browser, sync_playwright

WIDTHS = {360: 800, 768: 1024, 1440: 900}


def pages(gallery: Path) -> dict[str, Path]:
    """Return one page of each kind, the richest of its kind first."""
    found = {"index": gallery / "index.html"}
    for kind in ("models", "works", "datasets"):
        all_of = sorted((gallery / kind).glob("*/index.html"), key=lambda path: -path.stat().st_size)
        found |= {kind.rstrip("s"): path for path in all_of[:1]}
    return found


def shoot(browser: Browser, page_file: Path, target: Path, width: int, height: int, light: str, *, full: bool) -> None:
    """Photograph one page."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=light)
    page.goto(page_file.resolve().as_uri())
    page.evaluate("document.fonts.ready")
    if full:
        page.evaluate("for (const i of document.images) i.loading = 'eager'")
        page.wait_for_load_state("networkidle")
    page.evaluate("Promise.all([...document.images].filter(i => i.complete).map(i => i.decode().catch(() => null)))")
    page.screenshot(path=target, full_page=full)
    page.close()


def main() -> None:
    """Take the photographs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("gallery", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--docs", type=Path)
    parser.add_argument("--only", default="")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find(), args=QUIET)
        if given.docs:
            shoot(browser, given.gallery / "index.html", given.docs, 1280, 1500, "light", full=False)
        for name, file in pages(given.gallery).items():
            for width, height in WIDTHS.items():
                for light in ("light", "dark"):
                    shot = f"{name}-{width}-{light}"
                    if given.only in shot:
                        shoot(browser, file, given.out / f"{shot}.png", width, height, light, full=given.full)
        browser.close()


if __name__ == "__main__":
    main()
