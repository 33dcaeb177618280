"""Samples of more than 8 bits: scaled by the depth that is declared, else by the range seen; never nearly black."""

import io
import struct
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from artpipe.language.sentences import read_sentence
from artpipe.modalities.picture.decoder import decode_picture
from artpipe.untrusted.rejection import RejectedError


def saved(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def png16(rows, colour, significant=None):
    """Return a 16-bit PNG of samples ``(H, W, C)``, with an sBIT chunk where there are significant bits."""
    samples = np.asarray(rows, ">u2")
    height, width = samples.shape[:2]

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    raw = b"".join(b"\0" + row.tobytes() for row in samples)
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))
    extra = chunk(b"sBIT", bytes(significant)) if significant else b""
    return b"\x89PNG\r\n\x1a\n" + header + extra + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")


def grey_tiff(levels, form="<u2", **tags):
    return saved(Image.fromarray(np.array([levels], form)), "TIFF", tiffinfo={int(tag[1:]): value for tag, value in tags.items()})  # fmt: skip


def colour_tiff(pixels, order):
    """Return a TIFF of 16 bits of red, green and blue, written byte by byte."""
    data = np.asarray(pixels, f"{order}u2").tobytes()
    count = len(pixels)
    entries = [(256, 3, 1, count), (257, 3, 1, 1), (258, 3, 3, 200), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 210), (277, 3, 1, 3), (278, 3, 1, 1), (279, 4, 1, len(data))]  # fmt: skip
    body = struct.pack(f"{order}H", len(entries))
    for tag, kind, number, value in entries:
        packed = struct.pack(f"{order}HH", value, 0) if kind == 3 and number == 1 else struct.pack(f"{order}I", value)
        body += struct.pack(f"{order}HHI", tag, kind, number) + packed
    start = (b"II*\0" if order == "<" else b"MM\0*") + struct.pack(f"{order}I", 8)
    return (start + body).ljust(200, b"\0") + struct.pack(f"{order}3H4x", 16, 16, 16) + data


def pixels(data):
    return np.asarray(decode_picture(data, 32).image).tolist()


def notes(data):
    return tuple(map(read_sentence, decode_picture(data, 32).notes))


@pytest.mark.parametrize(("bits", "highest"), [(8, 255), (10, 1023), (12, 4095), (14, 16383), (16, 65535)])
def test_depth_is_seen_in_the_range(bits, highest):
    """Black, about half and white of 8, 10, 12, 14 and 16 bits in 16 are 0, 127 or 128, and 255."""
    data = grey_tiff([0, highest // 2, highest])
    assert pixels(data)[0][0] == 0
    assert pixels(data)[0][1] in {127, 128}
    assert pixels(data)[0][2] == 255
    assert notes(data) == ("16 bits scaled to 8" if bits == 16 else f"{bits} bits in 16 scaled to 8",)


@pytest.mark.parametrize("tag", ["t281", "t341"])
def test_declared_white_counts(tag):
    """Where the file says that 4095 is white, 819 is a fifth of it, and 51 of 255."""
    assert pixels(grey_tiff([0, 819], **{tag: 4095})) == [[0, 51]]


def test_declared_white_below_the_samples_does_not_count():
    """Samples beyond what is declared show that it is wrong."""
    assert pixels(grey_tiff([0, 65535], t281=4095)) == [[0, 255]]


def test_single_level_shows_no_range():
    """A picture of one level is taken as it is stored."""
    assert pixels(grey_tiff([514, 514])) == [[2, 2]]


def test_significant_bits_of_a_png_count():
    """Of a PNG that declares 12 significant bits, 819 of 4095 is 51, and scaled to 16 bits it is too."""
    low = png16([[[0], [819], [100]]], 0, [12])
    full = png16([[[0], [819 << 4], [65535]]], 0, [12])
    assert pixels(low)[0][:2] == [0, 51]
    assert pixels(full) == [[0, 51, 255]]


@pytest.mark.parametrize("order", ["<", ">"])
def test_colours_of_twelve_bits_are_not_black(order):
    """Red, green and blue of 12 bits in 16 have their 8 bits, in a PNG and in a TIFF of either byte order."""
    colours = [[4095, 0, 0], [0, 819, 0], [1638, 2457, 4095]]
    expected = [[[255, 0, 0], [0, 51, 0], [102, 153, 255]]]
    assert pixels(png16([colours], 2)) == expected
    assert pixels(colour_tiff(colours, order)) == expected
    assert notes(png16([colours], 2)) == ("12 bits in 16 scaled to 8",)


def test_colours_of_sixteen_bits_are_as_before():
    """Full colours keep their high bytes and have no note."""
    data = png16([[[65535, 25700, 0]]], 2)
    assert (pixels(data), notes(data)) == ([[[255, 100, 0]]], ())


def test_alpha_is_left_alone():
    """Of grey and of colour with alpha the colours are scaled, alpha is not."""
    assert pixels(png16([[[4095, 65535], [819, 32896]]], 4)) == [[[255, 255, 255, 255], [51, 51, 51, 128]]]
    assert pixels(png16([[[4095, 0, 819, 65535], [0, 0, 0, 0]]], 6)) == [[[255, 0, 51, 255], [0, 0, 0, 0]]]


def test_signed_samples_are_scaled_over_their_range():
    """The lowest becomes black, the highest white; nothing is cut off at zero."""
    data = grey_tiff([-1024, 0, 3071], "<i2")
    assert pixels(data) == [[0, 64, 255]]
    assert notes(data) == ("signed values: their range scaled to 8 bits",)


@pytest.mark.parametrize(
    ("levels", "expected"),
    [([0, 0.5, 1], 128), ([0, 0.005, 0.01], 128), ([0, 1, 2], 128), ([0, 51, 255], 51), ([0, 819, 4095], 51)],
)
def test_floating_point_is_scaled_by_its_order(levels, expected):
    """Up to 1, far below it, a little beyond it, 8 bits and 12 bits in floating point."""
    assert pixels(grey_tiff(levels, np.float32)) == [[0, expected, 255]]


def test_white_is_zero_in_sixteen_bits_too():
    """A TIFF in which zero is white is no negative."""
    data = bytearray(grey_tiff([0, 65535]))
    place = data.index(struct.pack("<HHI", 262, 3, 1)) + 8
    data[place] = 0
    assert pixels(bytes(data)) == [[255, 0]]


def test_samples_that_are_not_read_are_named():
    """Three channels of floating point are an unsupported format, described."""
    data = bytearray(colour_tiff([[0, 0, 0]], "<"))
    data[200:206] = struct.pack("<3H", 32, 32, 32)
    with pytest.raises(RejectedError) as caught:
        decode_picture(bytes(data), 32)
    assert caught.value.reason == "unsupported format"
    assert caught.value.detail.startswith("TIFF of 3 channels of 32-bit unsigned")


@given(st.integers(1, 65535), st.integers(0, 65535))
def test_no_range_is_nearly_black(highest, lowest):
    """Whatever two levels there are, from 8 bits on the brighter one has an eighth of white or more."""
    bright = max(pixels(grey_tiff([lowest, highest]))[0])
    assert bright >= 31 or max(lowest, highest) < 32 or lowest == highest
