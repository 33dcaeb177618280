"""A file in a room is a plugin by its name alone."""

import pytest

from artpipe import plugins
from artpipe.errors import UserError


def test_private_helpers_are_no_plugins(monkeypatch, tmp_path):
    """A file that starts with `_` is not listed; others are, sorted."""
    import artpipe.metrics

    for name in ("zeta.py", "alpha.py", "_help.py", "notes.txt"):
        (tmp_path / name).write_text("")
    monkeypatch.setattr(artpipe.metrics, "__path__", [str(tmp_path)])
    assert plugins.names("metrics") == ["alpha", "zeta"]


def test_an_unknown_name_is_told_what_there_is():
    """The line lists the room and suggests."""
    with pytest.raises(UserError, match=r"`gna` is not one of artpipe's models \(.*gan.*\), did you mean `gan`\?"):
        plugins.find("models", "gna")


def test_a_path_is_no_name():
    """A name cannot reach out of its room."""
    for name in ("../errors", "artpipe.errors", "__init__", "", "_words"):
        with pytest.raises(UserError):
            plugins.find("sections", name)
