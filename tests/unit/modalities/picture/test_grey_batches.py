"""Uncompressed grey PNG files, many at once: what each of them gets by itself, to the byte."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from artpipe.modalities.picture import inspect_picture, prepare_picture
from artpipe.modalities.picture.framing import PictureParams
from artpipe.modalities.picture.grey_batches import inspect_grey_pictures, prepare_grey_pictures
from artpipe.untrusted.grey_png import encode_grey_pngs
from tests.conftest import scale_examples


def files(count: int, height: int, width: int, seed: int = 1) -> list[bytes]:
    return encode_grey_pngs(np.random.default_rng(seed).integers(0, 256, (count, height, width), np.uint8))


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 6), st.integers(0, 2**32))
@settings(max_examples=scale_examples(60), deadline=None)
def test_facts_are_those_of_each_picture(height, width, count, seed):
    """Size and difference hash of a batch are those that the decoder finds, for every size."""
    inputs = files(count, height, width, seed)
    for asked in ({"max_megapixels": 1}, {"max_megapixels": 1, "hash_content": True}):
        expected = {place: inspect_picture(data, asked) for place, data in enumerate(inputs)}
        assert inspect_grey_pictures(inputs, asked) == expected


def test_sizes_are_mixed_with_what_is_no_such_file():
    """Other sizes have their own answers; what the batch does not know is left out."""
    inputs = [*files(2, 9, 8), b"", b"GIF89a", *files(1, 8, 9), files(1, 8, 9)[0][:-1]]
    answers = inspect_grey_pictures(inputs, {"max_megapixels": 1})
    assert answers == {place: inspect_picture(inputs[place], {"max_megapixels": 1}) for place in (0, 1, 4)}


def test_too_large_is_left_to_the_decoder():
    """A limit that refuses a picture refuses it here too."""
    assert inspect_grey_pictures(files(1, 9, 9), {"max_megapixels": 80e-6}) == {}


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("options", [{}, {"fit": "pad"}, {"tiles": 2}, {"trim": True}, {"size": 10}])
def test_pixels_are_those_of_each_picture(channels, options):
    """A picture of the wanted size gets the same bytes; another, or one to be trimmed, is left to the decoder."""
    params = PictureParams(**{"size": 12, "channels": channels} | options)
    told = {"params": params.model_dump_json(), "max_megapixels": 1}
    inputs = files(3, 12, 12)
    expected = {place: prepare_picture(data, told) for place, data in enumerate(inputs)}
    assert prepare_grey_pictures(inputs, told) == ({} if {"trim", "size"} & options.keys() else expected)
    assert prepare_grey_pictures(files(3, 12, 13), told) == {}
