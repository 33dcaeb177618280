"""Several people at one project at once: nothing lost, no lock left, nobody told to delete one."""

import os

import pytest

from tests.support.concurrent_commands import work_together

SECONDS = float(os.environ.get("ARTPIPE_CROWD_SECONDS", "60"))
SEED = int(os.environ.get("ARTPIPE_CROWD_SEED", "1"))
PEOPLE = int(os.environ.get("ARTPIPE_CROWD_PEOPLE", "3"))


@pytest.mark.nightly
@pytest.mark.xdist_group("faults")
@pytest.mark.timeout(SECONDS + 3600)  # to be read after everything else: by then each is within its command
@pytest.mark.usefixtures("prefect_database")
def test_people_who_work_at_once_lose_nothing(tmp_path, artpipe_server):
    """Commands drawn by a seed; all that is there afterwards was said to be, and all of it is whole."""
    records, wrong = work_together(tmp_path, artpipe_server, people=PEOPLE, seed=SEED, seconds=SECONDS)
    print(*(record.format_line() for record in records), sep="\n")
    assert wrong == []
    assert {record.person for record in records} == set(range(PEOPLE))
