"""The browser of these tests."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for what lies beside the tests
import chromium


@pytest.fixture(scope="module")
def browser():
    """Chromium; a person without it skips these tests, the CI never does."""
    place = chromium.find()
    if place is None:
        missing = f"none of {', '.join(chromium.NAMES)} is on PATH"
        if os.environ.get("CI"):
            pytest.fail(f"{missing}, and the CI does not skip the browser")
        pytest.skip(f"{missing}: install chromium to see the gallery tested in a browser")
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=place, args=chromium.QUIET)
        yield started
        started.close()
