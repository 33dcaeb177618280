"""`artpipe model list`: the kinds there are, told without running their files."""

import subprocess
import sys
from pathlib import Path

from artpipe import plugins
from artpipe.project.kind_list import KindList, list_kinds
from artpipe.project.new_project import create_project


def test_every_kind_is_named_with_what_it_is_made_from():
    """A title of its own and the media whose tensors it reads."""
    kinds = {kind.name: kind for kind in list_kinds()}
    assert list(kinds) == plugins.list_plugins("models")
    assert kinds["gan"].media == ("picture",)
    assert set(kinds["rnn"].media) == {"music", "text"}
    assert all(kind.title != kind.name and kind.media and not kind.origin for kind in kinds.values())


def test_a_plugin_of_the_project_is_marked(tmp_path, monkeypatch, artpipe):
    """It is named with its file, which is not run; a kind is named with its models."""
    create_project(tmp_path / "own")
    monkeypatch.chdir(tmp_path / "own")
    Path("plugins/models/quilt.py").write_text("raise SystemExit('run')\nMODEL = Model(reads=frozenset({'images'}))\n")
    code, out, err = artpipe("model", "list")
    assert (code, err) == (0, "")
    rows = {line.split()[0]: line for line in out.splitlines() if line}
    assert "plugins/models/quilt.py" in rows["quilt"]
    assert "picture" in rows["quilt"]
    assert "digits-gan" in rows["gan"]
    assert out == KindList(list_kinds()).to_text() + "\n"


def test_it_needs_no_project_and_no_torch(tmp_path):
    """It answers anywhere, within the time of reading files."""
    code = "import sys; from artpipe.project.kind_list import KindList, list_kinds; KindList(list_kinds()).to_text(); print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
