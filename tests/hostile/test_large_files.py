"""Files that would take gigabytes once they are read are refused before that, and what is let in takes no more than 1 GiB."""

import re
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from artpipe.config.params import IngestParams
from artpipe.errors import UserError
from artpipe.language.sentences import read_sentence
from artpipe.modalities import picture
from artpipe.preprocessing.jobs import make_worker_limits
from artpipe.untrusted.metadata import read_metadata
from artpipe.untrusted.record_files import read_records
from artpipe.untrusted.worker_pool import outcomes
from tests.hostile import pictures as make

MILLION = 1_000_000
EMOJI = "🎨".encode()  # one of them makes four bytes of every letter
TOO_MUCH = {
    "objects.json": (b"[" + b"{}," * (2 * MILLION) + b"{}]", "4,000,002 values of JSON at once, at most 3,000,000"),
    "lists.jsonl": (b"[0]\n[" + b"[0]," * (2 * MILLION) + b"0]\n", "values of JSON at once"),
    "long.json": (b'["' + EMOJI + b"x" * (64 << 20) + b'"]', "64 MiB of JSON at once, at most 64"),
}


@pytest.mark.parametrize("name", TOO_MUCH)
def test_json_that_would_take_gigabytes_is_not_parsed(name):
    """Too large, with the numbers and the way out; other lines of the file come in."""
    data, said = TOO_MUCH[name]
    found = list(read_records(name, data))
    _, content, fields = found[-1]
    assert (content, fields["rejected"]) == (b"", "too large")
    assert said in read_sentence(fields["notes"][0])
    assert read_sentence(fields["notes"][0]).endswith("in lines of JSON (.jsonl)")
    assert len(found) == 1 + (name == "lists.jsonl")


@pytest.mark.parametrize(("name", "data"), [("a.jsonl", b"1\n"), ("a.txt", b"a|"), ("a.json", b"1,")])
def test_a_file_of_more_works_than_a_million(name, data, monkeypatch):
    """The rest is not read, and that is an entry of its own."""
    monkeypatch.setattr("artpipe.untrusted.record_files._MAX_WORKS", 3)
    whole = b"[1,1,1,1,1]" if name == "a.json" else data * 5
    found = list(read_records(name, whole, "|"))
    assert len(found) == 4
    assert found[-1][2]["rejected"] == "bomb"
    told = tuple(map(read_sentence, found[-1][2]["notes"]))
    assert told == ("more than 3 works; the rest of the file was not read",)


def test_lines_have_their_numbers():
    """Blank ones count and are no works; what is said of a line is said of the whole of it."""
    found = list(read_records("a.jsonl", b'\n  \n "a"\r\n\n\t  {\n"b"'))
    assert [(name, content) for name, content, _ in found] == [("#00002", "a"), ("#00004", b""), ("#00005", "b")]
    assert tuple(map(read_sentence, found[1][2]["notes"])) == ("line 5 is no JSON: expecting property name enclosed in double quotes at character 5",)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("metadata.csv", b"file_name\n" + b"," * (5 * MILLION)),
        ("metadata.csv", b"file_name\n" + b'"\n",' * (2 * MILLION)),
        ("metadata.csv", b'file_name\n"' + b"x\n" * (3 * MILLION)),
        ("metadata.jsonl", b'{"file_name": "a", "x": [' + b"[]," * (2 * MILLION) + b"0]}"),
    ],
)
def test_a_row_of_metadata_has_its_bound(name, data):
    """Of a million fields, over a million lines, of nothing but lists: one line, that says which file."""
    with pytest.raises(UserError, match=re.escape(name)) as raised:
        list(read_metadata(data, name))
    assert re.search("a row of more than 4,194,304 characters|field larger than", str(raised.value))


@pytest.mark.parametrize("at", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 3 << 20])
def test_a_byte_that_is_not_utf8_is_found_where_it_is(at):
    """Also where a letter lies across two pieces."""
    with pytest.raises(UserError, match=rf"not UTF-8 \(byte {at}\)"):
        list(read_metadata(b"x" * at + b"\xff" + b"x" * 9, "metadata.csv"))
    letters = "\u00e9".encode() * (1 << 20)
    with pytest.raises(UserError, match=rf"not UTF-8 \(byte {1 + len(letters)}\)"):
        list(read_metadata(b"x" + letters + b"\xc3", "metadata.csv"))


HEAVY = {
    "a BMP with alpha": lambda: make.saved(Image.new("RGBA", (5656, 5656), (1, 2, 3, 4)), "BMP"),
    "a TIFF of floats": lambda: make.saved(Image.fromarray(np.ones((5656, 5656), np.float32)), "TIFF"),
    "a progressive CMYK JPEG": lambda: make.saved(Image.new("CMYK", (5656, 5656), 9), "JPEG", progressive=True),
    "a WebP with alpha": lambda: make.saved(Image.new("RGBA", (5656, 5656), (1, 2, 3, 4)), "WEBP", lossless=True),
    "a TIFF with alpha and a profile": lambda: make.saved(
        Image.new("RGBA", (5656, 5656), (1, 2, 3, 4)), "TIFF", icc_profile=make.exchanged_profile()
    ),
}


@pytest.mark.nightly
@pytest.mark.parametrize("name", HEAVY)
def test_the_largest_pictures_come_in_under_the_usual_limits(name):
    """A worker's memory is limited to less than 1 GiB, so what is kept took no more; it takes no 10 s either."""
    ingest = IngestParams()
    limits = make_worker_limits(ingest)
    assert (limits.seconds, limits.memory_megabytes + 60 < 1024) == (10, True)
    data = HEAVY[name]()
    for job, settings in (
        ("inspect_picture", {"max_megapixels": ingest.max_megapixels}),
        ("prepare_picture", picture._settings(picture.PictureParams(size=64), ingest)),
    ):
        [(_, outcome)] = outcomes(
            [(name, data)], job=f"artpipe.modalities.picture:{job}", settings=settings, limits=limits
        )
        assert outcome.reason is None, outcome


MEASURED = """
import sys
from artpipe.untrusted.record_files import read_records
def data():
    return {data}
print(sum(not fields.get("rejected") for _, _, fields in read_records("a.json", data())))
print(int(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1]) >> 10)
"""


@pytest.mark.nightly
@pytest.mark.parametrize(
    ("data", "works"),
    [
        (r"""b'["' + "\U0001f3a8".encode() + b"x" * ((64 << 20) - 9) + b'"]'""", 1),
        ("""b"[" + b'{"":0},' * 990_000 + b"{}]" + b" " * (50 << 20)""", 990_001),
        ("""b"{" + b",".join(b'"%x":0' % n for n in range(1_490_000)) + b"}" """, 1),
    ],
)
def test_what_is_let_in_takes_less_than_a_gibibyte(data, works):
    """The worst that the bounds allow: one emoji and many letters, objects of one key, one object of many keys."""
    done = subprocess.run(
        [sys.executable, "-c", MEASURED.format(data=data)], capture_output=True, text=True, check=True
    )
    found, megabytes = map(int, done.stdout.split())
    print(megabytes, "MiB")
    assert found == works
    assert megabytes < 1024
