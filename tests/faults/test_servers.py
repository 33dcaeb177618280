"""Servers that are killed in mid-run and come back, and a repair that is killed: nightly, for they take minutes."""

import pytest

from tests.faults import repairs, servers
from tests.faults.finished_project import LITTLE

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(1200), pytest.mark.filterwarnings("ignore")]


def test_a_server_that_goes_and_comes_costs_nothing(tmp_path):
    """MLflow's and Prefect's, each killed once while a training is at work."""
    rows = list(servers.rows(tmp_path, 2, 3))
    assert {row.where: row.wrong for row in rows if row.wrong} == {}
    assert [row.times for row in rows] == [1, 1]


def test_a_killed_repair_is_ended_by_a_second_one(tmp_path):
    """Killed before its first changes to disk, and among its later ones."""
    (row,) = repairs.rows(tmp_path, 4, 3, params=LITTLE)
    assert row.wrong == ()
    assert row.times == 4
