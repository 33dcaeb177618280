"""Tombstones: what is left of withdrawn works."""

from pathlib import Path

import pytest

from artpipe.artifacts.tombstones import (
    TOMBSTONES,
    Tombstone,
    TombstoneIndex,
    find_tombstone,
    load_tombstones,
    save_tombstones,
)
from artpipe.errors import UserError

STONES = [Tombstone(sha256=digit * 64, date="2026-11-29", near=near) for digit, near in (("b", "f" * 16), ("a", ""))]


def test_they_are_written_sorted_and_read_again(tmp_path):
    """The order does not depend on when a work was withdrawn, so merges stay small; none leave no file."""
    save_tombstones(STONES, tmp_path)
    assert load_tombstones(tmp_path) == (STONES[1], STONES[0])
    text = (tmp_path / TOMBSTONES).read_text()
    assert text.splitlines()[2:] == [
        "format: 1",
        "works:",
        f"- {{sha256: '{'a' * 64}', date: '2026-11-29'}}",
        f"- {{sha256: '{'b' * 64}', date: '2026-11-29', near: '{'f' * 16}'}}",
    ]
    save_tombstones([], tmp_path)
    assert (load_tombstones(tmp_path), (tmp_path / TOMBSTONES).exists()) == ((), False)


def test_a_look_is_near_within_the_bits(tmp_path):
    """Three of 64 bits apart is near, four is not; a flat picture (all zero) and one without a look are near to none."""
    index = TombstoneIndex(STONES)
    assert index.find_exact("a" * 64) == STONES[1]
    assert index.find_near(f"{(1 << 64) - 1 - 0b111:016x}", 3) == STONES[0]
    assert index.find_near(f"{(1 << 64) - 1 - 0b1111:016x}", 3) is None
    assert (index.find_near("", 3), index.find_near("0" * 16, 3)) == (None, None)
    flat = TombstoneIndex([Tombstone(sha256="c" * 64, date="2026-11-29", near="0" * 16)])
    assert flat.find_near("0" * 15 + "1", 3) is None
    assert (bool(index), bool(TombstoneIndex([]))) == (True, False)


@pytest.mark.parametrize(
    ("digits", "problem"),
    [("b" * 7, "the first 8"), ("dddddddd", "no such"), ("xyzxyzxyz", "the first 8"), ("", "the first 8")],
)
def test_a_hash_that_names_none_is_one_line(digits, problem):
    """Too few digits, no hash at all, or that of nothing withdrawn."""
    with pytest.raises(UserError, match=problem):
        find_tombstone(STONES, digits)
    assert find_tombstone(STONES, "bbbbbbbb") == STONES[0]


def test_two_hashes_with_one_beginning_are_told_apart():
    """Nothing is taken out where a beginning means two."""
    stones = [Tombstone(sha256=f"{'a' * 10}{digit}{'0' * 53}", date="2026-11-29") for digit in "12"]
    with pytest.raises(UserError, match="2 withdrawn works"):
        find_tombstone(stones, "aaaaaaaa")


@pytest.mark.parametrize(
    "text", ["works: [{sha256: zz, date: 2026-11-29}]", "works: 3", "<<<<<<< ours\n", "[", "format: x"]
)
def test_a_file_that_is_not_ours_is_one_line(tmp_path, monkeypatch, text):
    """After a merge or an edit by hand, the file is named."""
    monkeypatch.chdir(tmp_path)
    Path(TOMBSTONES).write_text(text)
    with pytest.raises(UserError, match=r"^withdrawn\.yaml") as error:
        load_tombstones()
    assert "\n" not in str(error.value)
