"""The browser of these tests: one for all files that a process runs one after the other."""

import contextlib
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # for what lies beside the tests
import chromium

_opened = contextlib.ExitStack()  # what closes the browser
_browsers = []


def start_browser(place):
    """Start Chromium and return it; `close_browser` ends it."""
    from playwright.sync_api import sync_playwright

    browser = _opened.enter_context(sync_playwright()).chromium.launch(executable_path=place, args=chromium.QUIET)
    _opened.callback(browser.close)
    return browser


def close_browser():
    """End the browser, where there is one, and with it the event loop that no other test may find running."""
    _browsers.clear()
    _opened.close()


@pytest.fixture(scope="module")
def browser():
    """Chromium; a person without it skips these tests, the CI never does."""
    place = chromium.find()
    if place is None:
        missing = f"none of {', '.join(chromium.NAMES)} is on PATH"
        if os.environ.get("CI"):
            pytest.fail(f"{missing}, and the CI does not skip the browser")
        pytest.skip(f"{missing}: install chromium to see the gallery tested in a browser")
    if not _browsers or not _browsers[0].is_connected():
        close_browser()
        _browsers.append(start_browser(place))
    yield _browsers[0]
    for context in _browsers[0].contexts if _browsers[0].is_connected() else ():
        context.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem):
    """Close the browser before a test of another folder."""
    yield
    if nextitem is None or Path(__file__).parent not in nextitem.path.parents:
        close_browser()
