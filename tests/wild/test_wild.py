"""Folders, archives and machines from public reports come in as people mean them."""

from collections import Counter

import pytest

from tests.wild.cases import CASES
from tests.wild.ground import judge_case


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_people_bring_is_understood(case, tmp_path):
    """Medium, classes, splits, captions and counts are what the report says is right, or one line says why not."""
    assert judge_case(case, tmp_path / "case") == []


def test_cases_are_of_many_kinds_and_name_their_source():
    """Thirty cases and more, no two of a name, each with its public report."""
    assert len(CASES) >= 30
    assert Counter(case.name for case in CASES).most_common(1)[0][1] == 1
    assert all(" #" in case.source for case in CASES)


def test_inputs_can_be_made(tmp_path):
    """Each case makes what it adds, below the folder it is given or on the one other disk."""
    for case in CASES:
        if case.name != "other-disk":
            assert case.make(tmp_path / case.name).is_relative_to(tmp_path), case.name
