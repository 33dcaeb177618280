"""JPEG files that end too early: kept where every pixel is there, and only then."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from artpipe.modalities.picture.decoder import decode_picture
from artpipe.modalities.picture.jpeg_end import describe_unsupported_process, read_jpeg_header
from artpipe.untrusted.rejection import RejectedError
from tests.conftest import scale_examples

NOTE = "its end mark is missing, all its pixels are there"
FORMS = ({}, {"progressive": True}, {"optimize": True}, {"subsampling": 0}, {"restart_marker_blocks": 5})


def jpeg(image, **options):
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def noise(side, sigma=40, mode="RGB"):
    return Image.effect_noise((side, side + 9), sigma).convert(mode)


@pytest.mark.parametrize("cut", [1, 2])
@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("options", FORMS)
def test_missing_end_mark_costs_no_picture(options, mode, cut):
    """Without the end mark, or with half of it, the pixels are those of the whole file, and a note says so."""
    data = jpeg(noise(50, mode=mode), quality=90, **options)
    picture = decode_picture(data[:-cut], 32)
    assert picture.notes == (NOTE,)
    assert picture.image.tobytes() == decode_picture(data, 32).image.tobytes()


@pytest.mark.parametrize("options", FORMS)
def test_half_a_jpeg_is_truncated(options):
    """Half of the pixels, and a file whose rest is zero bytes, are no picture."""
    data = jpeg(noise(64), **options)
    for cut in (data[: len(data) // 2], data[: len(data) // 2] + bytes(3000)):
        with pytest.raises(RejectedError) as caught:
            decode_picture(cut, 32)
        assert caught.value.reason == "truncated"


def test_zero_bytes_after_the_last_pixel_cost_nothing():
    """A file without its end mark whose rest is zero bytes has all its pixels where the scan data are complete."""
    files = [jpeg(noise(64, mode="RGB"), quality=90) for _ in range(60)]
    for data in files:  # the last byte of some scan data is zero itself
        assert decode_picture(data[:-2] + bytes(3000), 32).image.tobytes() == decode_picture(data, 32).image.tobytes()


def test_missing_scan_is_truncated():
    """A progressive file that ends between two scans has pixels everywhere, but not their fine detail."""
    data = jpeg(noise(64), progressive=True)
    scans = read_jpeg_header(data).scans
    assert len(scans) > 3
    with pytest.raises(RejectedError):
        decode_picture(data[: scans[-1].place].rpartition(b"\xff\xda")[0], 32)


def test_missing_restart_interval_is_truncated():
    """A file that ends at the border of two restart intervals lacks pixels, though no scan data are broken."""
    data = jpeg(noise(64), restart_marker_blocks=4)
    last = max(data.rfind(bytes([0xFF, mark])) for mark in range(0xD0, 0xD8))
    with pytest.raises(RejectedError):
        decode_picture(data[:last], 32)


@settings(max_examples=scale_examples(60), deadline=None)
@given(
    st.sampled_from(FORMS), st.integers(8, 60), st.integers(1, 90), st.integers(1, 200), st.sampled_from(["L", "RGB"])
)
def test_what_is_kept_has_all_its_pixels(options, side, sigma, cut, mode):
    """Wherever a file is cut, it is kept with the pixels of the whole one or not at all."""
    data = jpeg(noise(side, sigma, mode), quality=85, **options)
    try:
        image = decode_picture(data[: max(1, len(data) - cut)], 32).image
    except RejectedError:
        assert cut > 2
    else:
        assert image.tobytes() == decode_picture(data, 32).image.tobytes()


def test_unusual_processes_are_named():
    """Twelve bits a sample and lossless coding are unsupported formats, not damaged files."""
    data = bytearray(jpeg(noise(8)))
    frame = data.index(b"\xff\xc0")
    data[frame + 4] = 12
    assert describe_unsupported_process(read_jpeg_header(bytes(data))) == "JPEG of 12 bits a sample"
    with pytest.raises(RejectedError) as caught:
        decode_picture(bytes(data), 32)
    assert caught.value.reason == "unsupported format"
    data[frame + 1], data[frame + 4] = 0xC3, 8
    assert describe_unsupported_process(read_jpeg_header(bytes(data))) == "lossless or hierarchical JPEG"


@given(st.binary(max_size=300))
def test_any_bytes_have_a_header(data):
    """Rubbish behind the first mark ends the reading, never with an error."""
    assert read_jpeg_header(b"\xff\xd8" + data).bits >= 0
