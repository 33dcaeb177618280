"""Every file in sources/ keeps the contract, found by itself."""

import inspect

import pytest

from artpipe import plugins
from artpipe.config.params import About, DatasetEntry
from artpipe.contracts.source import Source
from artpipe.errors import UserError

SOURCES = plugins.list_plugins("sources")


def entry(name, path):
    """Return an entry with nothing but its place."""
    sections = {"about": {}, "ingest": {}, "preprocess": {}}
    return DatasetEntry.model_validate({"medium": "picture", "source": name, "path": str(path)} | sections)


def test_there_are_sources():
    """The three that come with artpipe are among them."""
    assert {"archive", "folder", "package"} <= set(SOURCES)


@pytest.mark.parametrize("name", SOURCES)
def test_exports_a_source(name):
    """SOURCE is a Source whose parts take what the contract says."""
    source = plugins.load_plugin("sources", name)
    assert isinstance(source, Source)
    assert len(inspect.signature(source.check).parameters) == 1
    assert len(inspect.signature(source.candidates).parameters) == 1
    assert source.about is None or inspect.signature(source.about).return_annotation in {About, "About"}


@pytest.mark.parametrize("name", SOURCES)
def test_a_missing_path_is_one_line(name, tmp_path):
    """A path that is not there is a UserError of one line that names it."""
    with pytest.raises(UserError) as caught:
        plugins.load_plugin("sources", name).check(entry(name, tmp_path / "nowhere"))
    assert "nowhere" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", SOURCES)
def test_the_wrong_kind_of_path_is_one_line(name, tmp_path):
    """A folder where a file is wanted, an empty file where a folder is wanted."""
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    for path in tmp_path.iterdir():
        with pytest.raises(UserError) as caught:
            plugins.load_plugin("sources", name).check(entry(name, path))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", SOURCES)
def test_says_what_it_is(name):
    """The file begins with a sentence, and its public functions say what they do."""
    module = inspect.getmodule(plugins.load_plugin("sources", name).candidates)
    assert module.__doc__
    assert plugins.load_plugin("sources", name).candidates.__doc__
