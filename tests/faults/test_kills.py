"""The real command line, killed in the middle of its writes: nothing torn, the same bytes, the same rows."""

import pytest

from tests.faults import kills, small_project

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(1200)]


@pytest.mark.nightly  # nearly all of it is making the project; tests/pipeline/stages/test_resume.py kills a training
def test_what_is_killed_ends_as_if_nobody_had_been_there(tmp_path):
    """Each stage of one room, killed 20 times in all: one row each, and nothing wrong in it."""
    rows = list(kills.rows(tmp_path, 20, 1, params=small_project.make_small_params()))
    assert {row.where: row.wrong for row in rows if row.wrong} == {}
    assert sum(row.times for row in rows) >= 15
    assert sum(row.aimed for row in rows) >= 10


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_each_kind_of_training_is_killed_twenty_times_on_its_way(tmp_path):
    """The tensors at the end are those of the training that nobody disturbed, by their hash."""
    rows = list(kills.rows(tmp_path, 20 * len(kills.KINDS), 2, only=["train"]))
    assert {row.where: row.wrong for row in rows if row.wrong} == {}
    assert [row.times for row in rows] == [20] * len(kills.KINDS)
    assert all("the same bytes, weights" in row.outcome for row in rows)
