"""What may be written where a person named it."""

import os
from pathlib import Path

import pytest

from artpipe.errors import UserError
from artpipe.system.output_file import PAGE, check_output


def test_what_is_of_another_kind_stays(tmp_path):
    """A page replaces a page, and neither a table nor a folder nor a pipe."""
    page, params = tmp_path / "a.html", tmp_path / "params.yaml"
    page.write_text("\n<!DOCTYPE html><html>")
    params.write_text("models: {}\n")
    (tmp_path / "empty.html").touch()
    for path in (page, tmp_path / "empty.html", tmp_path / "new" / "b.html"):
        check_output(path, "--page", PAGE)
    check_output(params, "--to")
    os.mkfifo(tmp_path / "pipe")
    for name, words in (("params.yaml", "a file that is there and no page"), ("pipe", "no file"), ("", "a folder")):
        with pytest.raises(UserError, match=f"^--page .*{words}"):
            check_output(tmp_path / name, "--page", PAGE)


def test_what_cannot_be_written_is_said_before(tmp_path):
    """A name too long, and a place below a file."""
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="--out: a name of 300 bytes; 230 at most fit"):
        check_output(tmp_path / ("n" * 300), "--out")
    with pytest.raises(UserError, match=r"nothing can be written in .*file"):
        check_output(tmp_path / "file" / "x.png", "--out")
    with pytest.raises(UserError, match="nothing can be written in /proc"):  # root may, by its mode
        check_output(Path("/proc/x.png"), "--out")
