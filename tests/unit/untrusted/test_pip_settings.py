"""Works come from where pip gets its packages: variables, files, nothing."""

import pytest

from artpipe.untrusted.pip_settings import find_pip_setting


@pytest.fixture
def pip_file(tmp_path, monkeypatch):
    """A file of pip's settings beside no other; returns how to write it."""
    for name in ("PIP_CERT", "PIP_INDEX_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_CONFIG_FILE", str(tmp_path / "pip.conf"))
    return (tmp_path / "pip.conf").write_text


def test_files_are_read_as_pip_reads_them(pip_file):
    """The section of the command goes before the general one; quotes and blanks are part of a value."""
    pip_file(
        "[global]\ncert = /certs/o'ne two.pem\nindex-url = https://global.example/simple\n[install]\nindex-url = https://own.example/simple\n"
    )
    assert find_pip_setting("cert") == "/certs/o'ne two.pem"
    assert find_pip_setting("index-url") == "https://own.example/simple"


def test_a_variable_goes_first(pip_file, monkeypatch):
    """As with pip itself, and pip is not asked."""
    pip_file("[global]\nindex-url = https://global.example/simple\n")
    monkeypatch.setenv("PIP_INDEX_URL", "https://variable.example/simple")
    assert find_pip_setting("index-url") == "https://variable.example/simple"


def test_without_any_there_is_none(pip_file):
    """An unreadable file is none as well: the default index is asked."""
    pip_file("")
    assert find_pip_setting("index-url") is None
    pip_file("no section = here")
    assert find_pip_setting("index-url") is None
