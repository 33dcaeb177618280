"""Decisions are written one at a time; what a person wrote around them stays."""

import pytest

from artpipe.artifacts.curation import BredWork, WorkDecision
from artpipe.errors import UserError
from artpipe.project.curation_file import CurationFile

TEXT = """\
# chosen in autumn
format: 1
models:
  gan:
    works:
      sample seed 1: # the best of all
        place: 1
      sample seed 2: {hidden: true} # blurred
"""


@pytest.fixture
def file(tmp_path):
    """A file with two decisions."""
    (tmp_path / "curation.yaml").write_text(TEXT)
    return CurationFile(tmp_path)


def test_comments_stay(file, tmp_path):
    """Of the file, of a work that changes and of one that does not."""
    file.decide("gan", "sample seed 1", WorkDecision(place=1, title='Say "seven": yes'))
    text = (tmp_path / "curation.yaml").read_text()
    assert all(comment in text for comment in ("# chosen in autumn", "# the best of all", "{hidden: true} # blurred"))
    assert file.load().models["gan"].works["sample seed 1"].title == 'Say "seven": yes'


def test_what_is_nothing_special_any_more_leaves_the_file(file):
    """Shown again, without place and title."""
    file.decide("gan", "sample seed 2", WorkDecision())
    assert set(file.load().models["gan"].works) == {"sample seed 1"}


def test_an_order_gives_places_and_takes_those_of_others(file):
    """Whatever else was decided of a work stays."""
    file.order("gan", ["sample seed 9", "sample seed 2"])
    works = file.load().models["gan"].works
    assert {recipe: work.place for recipe, work in works.items()} == {"sample seed 9": 1, "sample seed 2": 2}
    assert works["sample seed 2"].hidden


def test_a_bred_work_is_written_once(file):
    """Also of a model of which nothing was decided."""
    for _ in range(2):
        file.add_bred("vae", BredWork(seed=3, near=4, label=0))
    assert file.load().models["vae"].bred == (BredWork(seed=3, near=4, label=0),)


def test_a_project_without_the_file_gets_one(tmp_path):
    """With its first decision."""
    CurationFile(tmp_path).decide("gan", "sample seed 1", WorkDecision(hidden=True))
    assert (tmp_path / "curation.yaml").read_text().startswith("# What a person chose of the gallery")


def test_nothing_is_written_over_what_is_no_curation(file, tmp_path):
    """A merge with its marks waits for a person."""
    (tmp_path / "curation.yaml").write_text("<<<<<<< HEAD\n")
    with pytest.raises(UserError, match="marks of a merge"):
        file.decide("gan", "sample seed 1", WorkDecision(hidden=True))
    assert (tmp_path / "curation.yaml").read_text() == "<<<<<<< HEAD\n"
