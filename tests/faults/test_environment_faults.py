"""A full disk, a read-only project, a clock set back, a second process at the same work; and, nightly, whole runs killed."""

import pytest

from tests.faults import environment_faults, runs

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(1200)]


@pytest.mark.nightly
def test_what_happens_around_a_stage_costs_nothing(tmp_path):
    """The exit codes and lines as documented, and afterwards the same bytes; what cannot be tried here says why."""
    with environment_faults.FaultyEnvironment(tmp_path, 1) as here:
        rows = [
            *environment_faults.fill_disk(here, 5),
            *environment_faults.make_read_only(here, 1),
            *environment_faults.set_clock_back(here, 1),
        ]
        here.stages = here.stages[:1]
        rows += environment_faults.run_doubled(here, 1)
    assert {(row.fault, row.where): row.wrong for row in rows if row.wrong} == {}
    assert all(row.times or "not tried" in row.outcome for row in rows)


@pytest.mark.nightly
@pytest.mark.timeout(3600)
def test_whole_runs_are_killed(tmp_path):
    """`dvc repro`, dvc alone, `artpipe run` and `artpipe sync`: nobody outlives them, and the end is the same."""
    rows = list(runs.rows(tmp_path, 4, 1))
    assert {row.fault: row.wrong for row in rows if row.wrong} == {}
    assert len(rows) == len(runs.FAULTS)
