"""The short version of `python tests/faults --flips`: a few damages of every kind of place of a small real project."""

import random

import pytest

from tests.faults import flips
from tests.faults.corruption import PLACES, damage_bytes
from tests.faults.finished_project import LITTLE

pytestmark = [pytest.mark.xdist_group("faults"), pytest.mark.timeout(1800), pytest.mark.filterwarnings("ignore")]


@pytest.mark.nightly
def test_every_kind_of_place(tmp_path):
    """One or two damages each: found and named, mended or made again, or proved harmless; nothing ends with a traceback."""
    rows = list(flips.rows(tmp_path / "ground", 25, seed=3, params=LITTLE))
    assert [row.where for row in rows] == list(PLACES)
    assert [wrong for row in rows for wrong in row.wrong] == []


@pytest.mark.parametrize("kind", ["one bit", "many bits", "cut", "zeros"])
def test_a_damage_is_one(kind):
    """Every way of damaging changes something, even a file of one byte, and a seed repeats it."""
    for data in (b"x", b"\0\1" * 400, bytes(range(256)) * 8):
        result = {}
        for seed in range(60):
            how, spoilt = damage_bytes(data, random.Random(seed))
            assert spoilt != data
            assert (how, spoilt) == damage_bytes(data, random.Random(seed))
            result[how] = spoilt
        if kind != "zeros" or len(data) > 1:
            assert kind in result
