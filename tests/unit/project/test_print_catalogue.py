"""Printing the catalogue: what is refused before anything is rendered or written."""

from pathlib import Path

import pytest

from artpipe.errors import ArtpipeError, UserError
from artpipe.project import print_catalogue as module
from artpipe.project.print_catalogue import print_catalogue
from artpipe.system.chromium import find_chromium, print_pdf


def make_program(path, text):
    """Write a program that stands for the browser."""
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


def test_a_pdf_is_asked_for(tmp_path):
    """Another name, or a folder, is refused in one line."""
    (tmp_path / "folder.pdf").mkdir()
    for name in ("catalogue.html", "catalogue", "folder.pdf"):
        with pytest.raises(UserError, match=r"no name of a PDF; name a file such as catalogue\.pdf"):
            print_catalogue(tmp_path / name)


def test_without_a_browser_one_line_says_so(tmp_path, monkeypatch):
    """It names the browsers that were looked for, and the variable that names another."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("CHROMIUM", raising=False)
    names = "chromium-headless-shell, chromium, chromium-browser, google-chrome"
    with pytest.raises(UserError, match=f"none of {names} is on PATH; install chromium"):
        print_catalogue(tmp_path / "catalogue.pdf")


def test_chromium_names_the_browser(tmp_path, monkeypatch):
    """The variable counts before PATH."""
    program = make_program(tmp_path / "mine", "exit 0")
    monkeypatch.setenv("CHROMIUM", program)
    assert find_chromium() == program


def test_a_gallery_without_the_section_is_refused(tmp_path, monkeypatch):
    """Nothing is written."""
    monkeypatch.setenv("CHROMIUM", make_program(tmp_path / "mine", "exit 0"))
    monkeypatch.setattr(module, "load_params", lambda _: None)
    monkeypatch.setattr(module, "collect_published_files", lambda *_: ("", {"index.html": b""}))
    with pytest.raises(UserError, match=r"`gallery\.sections` has no `catalogue`"):
        print_catalogue(tmp_path / "catalogue.pdf")
    assert not (tmp_path / "catalogue.pdf").exists()


def test_what_the_browser_says_is_told(tmp_path):
    """Its last line, where it made no PDF."""
    program = make_program(tmp_path / "broken", "echo no display\nexit 3")
    with pytest.raises(ArtpipeError, match="made no PDF: no display"):
        print_pdf(program, Path("index.html"), tmp_path / "catalogue.pdf")
