"""The readers of what nobody vouches for: any bytes are read or refused in one line."""

import contextlib
import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from artpipe.errors import UserError
from artpipe.sources.package import PinCard
from artpipe.untrusted.downloads import read_pin_card
from artpipe.untrusted.duplicates import DuplicateIndex
from artpipe.untrusted.grey_png import decode_grey_pngs, encode_grey_png, encode_grey_pngs, encode_pictures
from artpipe.untrusted.idx import IdxError, read_idx
from artpipe.untrusted.metadata import Metadata, read_metadata
from tests.conftest import scale_examples

SHAPES = st.lists(st.integers(0, 6), min_size=1, max_size=4)


@given(SHAPES, st.randoms(use_true_random=False))
def test_idx_round_trip(shape, random):
    """What is written in the format of the MNIST page is read back: shape and values, in order."""
    values = random.randbytes(int(np.prod(shape)))
    idx = read_idx(bytes([0, 0, 8, len(shape)]) + struct.pack(f">{len(shape)}I", *shape) + values)
    assert idx.shape == tuple(shape)
    assert bytes(idx.values) == values


@given(st.one_of(st.binary(max_size=60), st.binary(max_size=40).map(lambda tail: b"\0\0\x08\x03" + tail)))
def test_any_bytes_are_idx_or_refused(data):
    """Only IdxError, and never an answer whose length and shape disagree."""
    try:
        idx = read_idx(data)
    except IdxError:
        return
    assert len(idx.values) == int(np.prod([int(extent) for extent in idx.shape]))


def test_idx_that_claims_the_world_allocates_nothing():
    """A header of 2**32 - 1 by as much by as much is refused by arithmetic."""
    with pytest.raises(IdxError, match="needs"):
        read_idx(b"\0\0\x08\x03" + b"\xff" * 12)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_grey_png_is_read_back_by_pillow(height, width, seed):
    """The PNG written without an encoder holds the same pixels, blocks longer than 65,535 bytes included."""
    height, width = (height * 9, width * 9) if seed % 5 == 0 else (height, width)
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width), np.uint8)
    image = Image.open(io.BytesIO(encode_grey_png(pixels.tobytes(), height, width)))
    image.verify()
    image = Image.open(io.BytesIO(encode_grey_png(pixels.tobytes(), height, width)))
    assert image.mode == "L"
    assert (np.asarray(image) == pixels).all()


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\0"), min_size=1, max_size=12).filter(
    str.strip
)


@given(st.dictionaries(TEXT, TEXT, min_size=1, max_size=6))
@settings(max_examples=scale_examples(60), deadline=None)
def test_metadata_round_trip(titles):
    """Names and titles with quotes, commas and newlines come back from both spellings of the convention."""
    import csv

    table = io.StringIO(newline="")
    writer = csv.writer(table, lineterminator="\r\n")
    writer.writerows([["file_name", "title"], *titles.items()])
    lines = "\n".join(json.dumps({"file_name": name, "title": title}) for name, title in titles.items())
    for data, place in ((table.getvalue(), "metadata.csv"), (lines, "metadata.jsonl")):
        metadata = Metadata(read_metadata(data.encode(), place))
        assert {name: metadata.find_fields(name).get("title") for name in titles} == {
            name: title.strip() for name, title in titles.items()
        } or len({name.strip() for name in titles}) < len(titles)
        metadata.close()


@given(st.binary(max_size=200), st.sampled_from(["metadata.csv", "metadata.jsonl"]))
def test_any_bytes_are_metadata_or_one_line(data, place):
    """Only UserError, and it names the file."""
    try:
        names = [name for name, _ in read_metadata(data, place)]
    except UserError as error:
        names = [str(error)] if str(error).startswith(place) else [""]
    assert all(names)


def test_metadata_knows_its_columns_and_their_other_spellings():
    """`license` is licence, unknown columns and splits are left out, a BOM is no part of a name."""
    data = "\ufefffile_name,license,artist,split,colour\n./a.png,MIT,Me,train,red\nb.png,,,sideways,\n"
    assert list(read_metadata(data.encode(), "metadata.csv")) == [
        ("a.png", {"licence": "MIT", "creator": "Me", "split": "train"}),
        ("b.png", {"notes": ["`sideways` in metadata.csv is no split"]}),
    ]


def test_a_name_is_found_in_either_unicode_form():
    """A folder may hold NFD where the table says NFC."""
    metadata = Metadata(read_metadata("file_name,title\nétude.png,Study\n".encode(), "metadata.csv"))
    assert metadata.find_fields("e\u0301tude.png") == {"title": "Study"}
    metadata.close()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"name,title\na.png,A\n", "metadata.csv:2: no `file_name`"),
        (b"file-name,title\na.png,A\n", "did you mean `file-name`"),
        (b"\xff\xfe", "metadata.csv: not UTF-8"),
    ],
)
def test_metadata_mistakes_have_their_place(data, message):
    """File, line and the nearest column."""
    with pytest.raises(UserError, match=message):
        list(read_metadata(data, "metadata.csv"))


CARD = Path(__file__).parents[3] / "datasets" / "digits.yaml"


@given(st.data())
@settings(max_examples=scale_examples(60), deadline=None)
def test_a_spoiled_pin_card_is_one_line(tmp_path_factory, data):
    """Any line taken out or spoiled leaves a pin card or a UserError of one line that names the file."""
    lines = CARD.read_text().splitlines()
    place = data.draw(st.integers(0, len(lines) - 1))
    lines[place] = data.draw(
        st.sampled_from(["", "  surprise: 1", "- x", "\t:", lines[place] + "x", "{", "package: 3"])
    )
    path = tmp_path_factory.mktemp("cards") / "digits.yaml"
    path.write_text("\n".join(lines))
    message = "digits.yaml"
    try:
        read_pin_card(path, PinCard)
    except UserError as error:
        message = str(error)
    assert "digits.yaml" in message
    assert "\n" not in message


@given(st.binary(max_size=120))
@settings(max_examples=scale_examples(60), deadline=None)
def test_any_bytes_are_a_pin_card_or_one_line(tmp_path_factory, data):
    """Only UserError leaves the reader."""
    path = tmp_path_factory.mktemp("cards") / "any.yaml"
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        read_pin_card(path, PinCard)
    assert "\n" not in str(caught.value)


@given(st.lists(st.integers(1, 2**64 - 1), min_size=1, max_size=20, unique=True), st.integers(0, 3), st.data())
@settings(max_examples=scale_examples(60), deadline=None)
def test_banded_index_finds_what_a_full_search_finds(hashes, bits, data):
    """The nearest distance within `bits` agrees with comparing against all."""
    with contextlib.closing(DuplicateIndex()) as seen:
        for phash in hashes:
            seen.add_hash(phash, str(phash))
        flips = data.draw(st.lists(st.integers(0, 63), max_size=4, unique=True))
        probe = data.draw(st.sampled_from(hashes))
        for flip in flips:
            probe ^= 1 << flip
        distances = [(probe ^ phash).bit_count() for phash in hashes]
        found = seen.find_near(probe, bits)
    expected = min(distances) if probe and min(distances) <= bits else None
    assert (found[1] if found else None) == expected


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 5), st.integers(0, 2**32))
@settings(max_examples=40, deadline=None)
def test_many_grey_pngs_are_those_made_one_by_one(height, width, count, seed):
    """Encoded together the files are the same to the byte, and decoded together the pixels are back."""
    pixels = np.random.default_rng(seed).integers(0, 256, (count, height, width), np.uint8)
    files = encode_grey_pngs(pixels)
    assert files == [encode_grey_png(picture.tobytes(), height, width) for picture in pixels]
    assert list(encode_pictures(memoryview(pixels.tobytes()), pixels.shape)) == files
    decoded = list(decode_grey_pngs(files))
    assert [places for places, _ in decoded] == ([list(range(count))] if count else [])
    assert all((part == pixels).all() for _, part in decoded)


def test_grey_pngs_of_several_blocks():
    """A picture beyond 65,535 bytes has the same file too, and is left to a decoder."""
    pixels = np.random.default_rng(1).integers(0, 256, (2, 300, 300), np.uint8)
    assert encode_grey_pngs(pixels) == [encode_grey_png(picture.tobytes(), 300, 300) for picture in pixels]
    assert list(decode_grey_pngs(encode_grey_pngs(pixels))) == []


@given(st.integers(0, 10_000), st.integers(0, 255), st.integers(0, 200))
@settings(max_examples=scale_examples(200), deadline=None)
def test_a_changed_grey_png_is_left_to_a_decoder(place, value, cut):
    """Whatever byte of a file was changed or cut off, it is not taken for one that was written here."""
    pixels = np.random.default_rng(2).integers(0, 256, (3, 5, 7), np.uint8)
    whole, changed, other = encode_grey_pngs(pixels)
    damaged = bytearray(changed[: len(changed) - cut])
    if damaged:
        damaged[place % len(damaged)] = value
    decoded = list(decode_grey_pngs([whole, bytes(damaged), other]))
    if bytes(damaged) != changed:
        assert [places for places, _ in decoded] == [[0, 2]]
        assert (decoded[0][1] == pixels[[0, 2]]).all()
