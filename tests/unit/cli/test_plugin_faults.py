"""A plugin that hangs or exits while it is imported is named with file and line."""

import importlib.util
import sys
import time

import pytest

from artpipe.cli.plugin_faults import report_plugin_faults
from artpipe.errors import UserError


@pytest.fixture
def load_plugin(tmp_path, monkeypatch):
    """Return a function that imports a plugin file with the given text."""
    monkeypatch.chdir(tmp_path)

    def load(text):
        path = tmp_path / "plugins/models/mine.py"
        path.parent.mkdir(parents=True)
        path.write_text(text)
        spec = importlib.util.spec_from_file_location("mine", path)
        spec.loader.exec_module(importlib.util.module_from_spec(spec))

    return load


def test_a_long_import_is_named(load_plugin, capsys):
    """The line that runs is said while it runs; nothing is ended."""
    with report_plugin_faults(wait_seconds=0.05):
        load_plugin("import time\nfor _ in range(60):\n    time.sleep(0.01)\n")
    assert capsys.readouterr().err.startswith("plugins/models/mine.py:3: still being imported after 0.05 s; Ctrl-C")


def test_other_waiting_is_not_told(load_plugin, capsys):
    """Only an import of a plugin is."""
    with report_plugin_faults(wait_seconds=0.01):
        load_plugin("")
        time.sleep(0.1)
    assert capsys.readouterr().err == ""


def test_an_exit_of_a_plugin_is_an_error(load_plugin):
    """It would end the command without a word, or with success."""
    with pytest.raises(UserError, match=r"^plugins/models/mine.py:3: SystemExit: 0; "), report_plugin_faults():
        load_plugin("import sys\nif True:\n    sys.exit(0)\n")


def test_an_exit_of_the_command_stays_one():
    """Typer ends commands so."""
    with pytest.raises(SystemExit, match="3"), report_plugin_faults():
        sys.exit(3)
