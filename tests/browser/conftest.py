"""The browser of these tests."""

import importlib.util
import os
from pathlib import Path

import pytest

_SPEC = importlib.util.spec_from_file_location("chromium", Path(__file__).with_name("chromium.py"))
chromium = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(chromium)


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
