"""What a person is told at the end: addresses to click, and commands that can be typed as they stand."""

import sys
from pathlib import Path
from unittest import mock

import pytest

from artpipe.artifacts.report import Finding
from artpipe.orchestration.reporting.console import current_verdict, list_addresses


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project's folder, no server named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def test_the_gallery_is_an_address(folder):
    """It opens in a browser from wherever it is clicked; where none hangs, none is told."""
    assert "Gallery" not in dict(list_addresses())
    (folder / "data/gallery").mkdir(parents=True)
    (folder / "data/gallery/index.html").touch()
    assert dict(list_addresses())["Gallery"] == f"file://{folder}/data/gallery/index.html"


def test_runs_are_where_they_were_sent(folder, monkeypatch):
    """A server that was named is named again."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert dict(list_addresses())["Runs"] == "http://127.0.0.1:5000"


def test_runs_are_shown_by_make_where_it_can(folder):
    """A Makefile with that target; another one is no help."""
    Path("Makefile").write_text("all:\n")
    assert dict(list_addresses())["Runs"].endswith("artpipe ui")
    Path("Makefile").write_text("all:\n\nui: all\n")
    assert dict(list_addresses())["Runs"] == "make ui"


def test_artpipe_is_called_where_it_lies(folder, monkeypatch):
    """It need not be on PATH: beside this interpreter, from the project's folder where it lies below it."""
    monkeypatch.setattr(sys, "executable", str(folder / ".venv/bin/python"))
    assert dict(list_addresses())["Runs"] == ".venv/bin/artpipe ui"
    monkeypatch.setattr(sys, "executable", "/usr/local/python/bin/python")
    assert dict(list_addresses())["Runs"] == "/usr/local/python/bin/artpipe ui"


def test_a_report_older_than_a_failure_is_stale():
    """What should have been evaluated anew and was not is no verdict; what was not touched is one."""
    finding = Finding(verdict="healthy", score="kid", value=0.1, bound=0.2, sentence="It is near.")
    card = mock.Mock(model="digits-vae", verdict=finding)
    assert current_verdict(card, {"train@other"}) == ("healthy", "It is near.")
    said, why = current_verdict(card, {"train@digits-vae", "evaluate@digits-vae"})
    assert (said, "older" in why, "healthy then" in why) == ("stale", True, True)
