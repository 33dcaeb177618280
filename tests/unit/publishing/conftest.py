"""One small project for all tests of cards; those that change something copy it."""

from pathlib import Path

import pytest

from tests.conftest import load_module


@pytest.fixture(scope="session")
def published(tmp_path_factory):
    """See `make_published`."""
    publish = load_module(Path(__file__).with_name("make_published.py"))
    return publish.make_published(tmp_path_factory.mktemp("published"))
