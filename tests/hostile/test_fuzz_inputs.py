"""Valid files with bytes changed, cut out, doubled and exchanged: whatever comes of it is kept or has a reason, within its time."""

import gzip
import io
import json
import os
import random
import struct
import tarfile
import zipfile

import pytest
from PIL import Image

from artpipe.errors import UserError
from artpipe.untrusted.archives.archive_reader import ArchiveLimits, read_members
from artpipe.untrusted.rejection import REASONS
from artpipe.untrusted.worker_pool import WorkerLimits, outcomes
from tests.hostile import pictures as make
from tests.hostile.hostile_archives import Entry as ZipEntry
from tests.hostile.hostile_archives import good, header, make_zip, member

SEED = int(os.environ.get("ARTPIPE_FUZZ_SEED", "5"))
COUNT = int(os.environ.get("ARTPIPE_FUZZ_COUNT", "3000"))  # files of each kind
JOBS = {
    "picture": ("artpipe.modalities.picture:inspect_picture", {"max_megapixels": 4}),
    "text": ("artpipe.modalities.text:inspect_text", {}),
    "music": ("artpipe.modalities.music:inspect_score", {"voices": 4}),
}
TOKENS = (b"\0" * 4, b"\xff" * 4, b"\x7f\xff\xff\xff", b"\x80\0\0\0", b"..", b"<", b'"', b"\xed\xa0\x80", b"PK\x03\x04")


def mutated(data: bytes, rng: random.Random) -> bytes:
    """Change a file at one to eight places."""
    whole = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        place, length = rng.randrange(len(whole) or 1), rng.choice((1, 2, 4, 16, 200))
        kind = rng.randrange(6)
        if kind == 0 and whole:
            whole[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            whole[place : place + length] = rng.randbytes(length)
        elif kind == 2:
            del whole[place : place + length]
        elif kind == 3:
            whole[place:place] = whole[place : place + length] * rng.randint(1, 9)
        elif kind == 4:
            whole[place:place] = rng.choice(TOKENS)
        else:
            token = rng.choice(TOKENS)
            whole[place : place + len(token)] = token
    return bytes(whole)


def pictures():
    """Valid files of all formats, odd ones among them."""
    kinds = [make.saved(make.noise(1, 24), kind) for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF")]
    tiffs = [
        make.saved(make.noise(2, 24), "TIFF", compression=name) for name in ("tiff_lzw", "tiff_adobe_deflate", "jpeg")
    ]
    odd = [make.sixteen_bits([9]), make.palette_with_transparency(), make.oriented(6), make.located("teal")]
    moving = [make.animated(kind, "red", "blue") for kind in ("GIF", "WEBP", "PNG")]
    profiled = make.with_profile("red", make.exchanged_profile())
    return [*kinds, *tiffs, *odd, *moving, profiled, make.saved(Image.new("CMYK", (9, 9)), "JPEG")]


def music():
    """A MIDI file, a score and a roll."""
    notes = b"".join(bytes((0, 0x90, 60 + n, 64, 96, 0x80, 60 + n, 0)) for n in range(8)) + b"\0\xff\x2f\0"
    midi = b"MThd" + struct.pack(">IHHH", 6, 0, 1, 96) + b"MTrk" + struct.pack(">I", len(notes)) + notes
    note = "<note><pitch><step>C</step><octave>4</octave></pitch><duration>1</duration></note>"
    part = "".join(
        f'<part id="P{n}"><measure><attributes><divisions>1</divisions></attributes>{note * 8}</measure></part>'
        for n in range(4)
    )
    listed = "".join(f'<score-part id="P{n}"><part-name>x</part-name></score-part>' for n in range(4))
    score = f'<?xml version="1.0"?><score-partwise><part-list>{listed}</part-list>{part}</score-partwise>'.encode()
    return [midi, score, json.dumps([[60, 55, 52, 48]] * 16).encode()]


SEEDS = {
    "picture": pictures(),
    "text": [b"plain text\nof two lines", "名字".encode(), "x\n".encode("utf-16"), b'{"text": "a"}\n' * 3],
    "music": music(),
}


@pytest.mark.nightly
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("medium", JOBS)
def test_mutated_works_are_kept_or_have_a_reason(medium):
    """No worker crashes, none runs for 10 s, and every reason is one of the list."""
    fuzz(medium, COUNT)


def test_a_few_mutated_works_each_day():
    """The same with a few of each medium."""
    for medium in JOBS:
        fuzz(medium, 60)


def fuzz(medium, count):
    """Let the real worker judge `count` mutated files of a medium."""
    job, settings = JOBS[medium]
    rng = random.Random(f"{SEED} {medium}")
    files = [mutated(rng.choice(SEEDS[medium]), rng) for _ in range(count)]
    limits = WorkerLimits(seconds=10, memory_megabytes=768, workers=1)
    for data, outcome in outcomes(((data, data) for data in files), job=job, settings=settings, limits=limits):
        assert outcome.reason not in {"crashed", "timed out"}, (outcome, data)
        assert outcome.reason in REASONS or outcome.payload, (outcome, data)


def archives():
    """Valid archives."""
    plain = make_zip([ZipEntry(name.encode(), data) for name, data in good().items()])
    loose = b"".join(member(name, data) for name, data in good(3).items()) + header(
        "link", kind=tarfile.SYMTYPE, link="x"
    )
    pax = io.BytesIO()
    with tarfile.open(fileobj=pax, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for number in range(3):
            info = tarfile.TarInfo("é" * 120 + str(number))
            info.size, info.pax_headers = 3, {"comment": "x" * 300}
            archive.addfile(info, io.BytesIO(b"abc"))
    stored = io.BytesIO()
    with zipfile.ZipFile(stored, "w") as archive:
        archive.writestr("a.png", b"abc")
    return [plain, loose + bytes(1024), gzip.compress(loose + bytes(1024)), pax.getvalue(), stored.getvalue()]


@pytest.mark.parametrize("count", [pytest.param(COUNT, marks=[pytest.mark.nightly, pytest.mark.timeout(3000)]), 100])
def test_mutated_archives_are_read_or_refused(tmp_path, count):
    """Every entry has bytes or a reason, or the whole is refused by a UserError; nothing else is ever raised."""
    rng, valid, path = random.Random(f"{SEED} archives"), archives(), tmp_path / "a.archive"
    limits = ArchiveLimits(megabytes=4, gigabytes=0.05, entries=500)
    for _ in range(count):
        path.write_bytes(mutated(rng.choice(valid), rng))
        try:
            found = list(read_members(path, limits))
        except UserError as error:
            assert "\n" not in str(error), path.read_bytes()  # noqa: PT017
            continue
        assert all(one.rejected is None or one.rejected in REASONS for one in found)
        assert sum(len(one.data) for one in found) < 64 << 20
    assert [one.name for one in tmp_path.iterdir()] == ["a.archive"]
