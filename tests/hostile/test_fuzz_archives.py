"""Archives that no library would write, made up by hypothesis header by header: each entry has bytes or a reason."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artpipe.errors import UserError
from artpipe.untrusted.archives.archive_reader import ArchiveLimits, read_members
from artpipe.untrusted.rejection import REASONS
from tests.hostile.hostile_archives import Entry, header, make_zip
from tests.hostile.test_fuzz_inputs import COUNT

NAMES = st.text(max_size=20) | st.sampled_from(
    ["", "/", "..", "../a.png", "/a.png", "a/", "a.png", "C:\\a", "\0", "x" * 300]
)
SIZES = st.sampled_from([0, 1, 2**31, 2**32 - 1]) | st.integers(0, 99)
BYTES = st.binary(max_size=40)
ENTRIES = st.builds(
    Entry,
    name=NAMES.map(lambda name: name.encode("utf-8", "replace")) | BYTES,
    data=BYTES | st.just(bytes(2 << 20)),
    mode=st.integers(0, 0xFFFF),
    flags=st.sampled_from([0, 0x800, 0x801, 8, 0x20, 0x40, 0x2000]) | st.integers(0, 0xFFFF),
    method=st.sampled_from([0, 8, 9, 12, 14, 93, 95]),
    size=st.none() | SIZES,
    crc=st.none() | SIZES,
    local_name=st.none() | BYTES,
    offset=st.none() | SIZES,
)
KINDS = st.sampled_from([bytes([kind]) for kind in b"\0001234567LKSxgXVMAD"]) | st.binary(min_size=1, max_size=1)
MEMBERS = st.builds(
    lambda name, data, kind, link, told: header(name, len(data), kind=kind, link=link, told=told) + data + bytes(-len(data) % 512),
    NAMES, BYTES, KINDS, NAMES, st.none() | SIZES | st.integers(-(2**60), 2**60),
)  # fmt: skip
ARCHIVES = st.builds(make_zip, st.lists(ENTRIES, max_size=6)) | st.builds(
    lambda parts, end: b"".join(parts) + bytes(1024 * end), st.lists(MEMBERS, min_size=1, max_size=6), st.booleans()
)
LIMITS = ArchiveLimits(megabytes=4, gigabytes=0.05, entries=500)


@pytest.mark.parametrize(
    "count", [pytest.param(COUNT // 6, marks=[pytest.mark.nightly, pytest.mark.timeout(3000)]), 100]
)
def test_any_archive_is_read_or_refused(count):
    """Nothing but a UserError is ever raised, no more than the limits is read, and nothing is written."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.archive"

        @given(ARCHIVES)
        @settings(max_examples=count, deadline=None, database=None)
        def judged(data):
            path.write_bytes(data)
            try:
                found = list(read_members(path, LIMITS))
            except UserError as error:
                assert "\n" not in str(error)  # noqa: PT017
                return
            assert all(one.rejected is None or one.rejected in REASONS for one in found)
            assert all(not one.data for one in found if one.rejected)
            assert sum(len(one.data) for one in found) <= 64 << 20
            assert [one.name for one in Path(folder).iterdir()] == ["a.archive"]

        judged()
