"""The decoder: pixel values known by hand, and a reason for whatever cannot be decoded."""

import io
import struct
import zlib

import imagehash
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from artpipe.language.sentences import read_sentence
from artpipe.modalities.picture.decoder import decode_picture, flatten_alpha, perceptual_hash
from artpipe.untrusted.magic_bytes import looks_like_picture, read_webp_size
from artpipe.untrusted.rejection import REASONS, RejectedError
from tests.conftest import scale_examples

LETTER_F = np.array(
    [[255, 255, 255], [255, 0, 0], [255, 255, 0], [255, 0, 0]], np.uint8
)  # tells all 8 orientations apart


def saved(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def pixels(data):
    return np.asarray(decode_picture(data, 32).image)


def reason(data, max_megapixels=32):
    with pytest.raises(RejectedError) as caught:
        decode_picture(data, max_megapixels)
    assert caught.value.reason in REASONS
    return caught.value.reason


def png(width, height, depth, colour, rows):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


def test_sixteen_bit_grey_is_scaled_and_not_clipped():
    """16-bit levels 0, 257, 32768 and 65535 become 0, 1, 128 and 255."""
    data = png(4, 1, 16, 0, b"\0" + struct.pack(">4H", 0, 257, 32768, 65535))
    assert pixels(data).tolist() == [[0, 1, 128, 255]]
    assert tuple(map(read_sentence, decode_picture(data, 32).notes)) == ("16 bits scaled to 8",)


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bit_tiff_is_scaled_in_either_byte_order(order):
    """A 16-bit TIFF does not become white, whichever its byte order."""
    image = Image.fromarray(np.array([[0, 25700, 65535]], order))
    assert pixels(saved(image, "TIFF")).tolist() == [[0, 100, 255]]


def test_sixteen_bit_colour_keeps_its_high_bytes():
    """16 bits a channel become 8."""
    data = png(1, 1, 16, 2, b"\0" + struct.pack(">3H", 65535, 25700, 0))
    assert pixels(data).tolist() == [[[255, 100, 0]]]


def test_float_tiff_in_unit_range_is_scaled():
    """Floating point levels in [0, 1] become 0 to 255; what is no number becomes 0."""
    image = Image.fromarray(np.array([[0.0, 0.2, 1.0, np.nan]], np.float32))
    assert pixels(saved(image, "TIFF")).tolist() == [[0, 51, 255, 0]]


def test_cmyk_becomes_rgb():
    """Full cyan without black is (0, 255, 255), in a TIFF exactly and in a JPEG nearly."""
    image = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
    assert pixels(saved(image, "TIFF"))[0, 0].tolist() == [0, 255, 255]
    jpeg = pixels(saved(image, "JPEG", quality=95))[8, 8].astype(int)
    assert np.abs(jpeg - [0, 255, 255]).max() <= 4


def test_palette_with_transparency_keeps_both():
    """A palette colour made transparent by tRNS is transparent, the other is its colour."""
    image = Image.new("P", (2, 1))
    image.putpalette([10, 20, 30, 200, 100, 50])
    image.putpixel((1, 0), 1)
    data = saved(image, transparency=0)
    assert pixels(data).tolist() == [[[10, 20, 30, 0], [200, 100, 50, 255]]]
    assert np.asarray(flatten_alpha(decode_picture(data, 32).image, "white")).tolist() == [[[255] * 3, [200, 100, 50]]]


def test_grey_with_alpha_is_composited_on_the_background():
    """LA with half alpha on white and on black: 255 - (255 - 100) / 2 and 100 / 2."""
    data = saved(Image.new("LA", (1, 1), (100, 128)))
    picture = decode_picture(data, 32).image
    assert picture.mode == "LA"
    assert abs(int(np.asarray(flatten_alpha(picture, "white"))[0, 0]) - 177) <= 1
    assert abs(int(np.asarray(flatten_alpha(picture, "black"))[0, 0]) - 50) <= 1


def test_grey_png_with_a_transparent_level_has_alpha():
    """A grey PNG with tRNS becomes LA."""
    data = saved(Image.fromarray(np.array([[7, 9]], np.uint8)), transparency=7)
    assert pixels(data).tolist() == [[[7, 0], [9, 255]]]


def test_one_bit_picture_is_black_and_white():
    """Mode 1 becomes levels 0 and 255."""
    assert pixels(saved(Image.fromarray(np.array([[True, False]])))).tolist() == [[255, 0]]


@pytest.mark.parametrize("kind", ["JPEG", "TIFF", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_stands_upright(kind, orientation):
    """A letter F stored in each of the 8 EXIF orientations is decoded as an F."""
    turn = Image.Transpose
    stored_by = [
        None,
        turn.FLIP_LEFT_RIGHT,
        turn.ROTATE_180,
        turn.FLIP_TOP_BOTTOM,
        turn.TRANSPOSE,
        turn.ROTATE_90,
        turn.TRANSVERSE,
        turn.ROTATE_270,
    ]
    upright = Image.fromarray(LETTER_F.repeat(16, 0).repeat(16, 1)).convert("RGB")
    stored = upright if orientation == 1 else upright.transpose(stored_by[orientation - 1])
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"TIFF": {"tiffinfo": {274: orientation}}, "JPEG": {"exif": exif, "quality": 95}}.get(
        kind, {"exif": exif}
    )
    if kind == "WEBP":
        options["lossless"] = True
    decoded = pixels(saved(stored, kind, **options))[8::16, 8::16, 0]
    assert ((decoded > 127) == (LETTER_F > 127)).all()


def test_broken_exif_costs_no_picture():
    """EXIF that cannot be read says nothing about the pixels."""
    data = saved(Image.new("RGB", (9, 9), "red"), "PNG", exif=b"Exif\0\0 nonsense nonsense")
    assert pixels(data)[0, 0].tolist() == [255, 0, 0]


def exchanged_profile():
    """Return sRGB with its red and green primaries exchanged, under another name."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = data.index(b"rXYZ", 128), data.index(b"gXYZ", 128)
    data[red : red + 4], data[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(data).replace("sRGB".encode("utf-16-be"), "xRGB".encode("utf-16-be"))


def test_icc_profile_is_converted_to_srgb():
    """Through a profile whose red and green are exchanged, (200, 30, 60) is (30, 200, 60)."""
    data = saved(Image.new("RGB", (4, 4), (200, 30, 60)), icc_profile=exchanged_profile())
    assert np.abs(pixels(data)[0, 0].astype(int) - [30, 200, 60]).max() <= 2
    assert decode_picture(data, 32).notes[0] == "colours converted from its profile to sRGB"


def test_colour_profile_that_cannot_be_used_is_noted():
    """Rubbish, and a profile of another colour space, leave the pixels as they are."""
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    for profile in (b"no profile at all", lab):
        picture = decode_picture(saved(Image.new("RGB", (4, 4), (200, 30, 60)), icc_profile=profile), 32)
        assert picture.notes == ("its colour profile could not be used",)
        assert np.asarray(picture.image)[0, 0].tolist() == [200, 30, 60]


def test_lab_tiff_becomes_srgb():
    """L* = 53.24, a* = 80.1, b* = 67.2 is pure red (CIE)."""
    lab = Image.frombytes("LAB", (1, 1), bytes([round(53.24 * 2.55), 80, 67]))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    found = pixels(saved(lab, "TIFF", icc_profile=profile))[0, 0].astype(int)
    assert np.abs(found - [255, 0, 0]).max() <= 12


def test_alpha_survives_a_colour_profile():
    """Colours go through the profile, alpha does not."""
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = saved(Image.new("RGBA", (2, 2), (10, 20, 30, 77)), icc_profile=srgb)
    assert pixels(data)[0, 0].tolist() == [10, 20, 30, 77]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_animation_gives_its_first_frame(kind):
    """The first frame is kept and the note says so."""
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "blue")]
    data = saved(frames[0], kind, save_all=True, append_images=frames[1:], lossless=True)
    picture = decode_picture(data, 32)
    assert picture.notes == ("animated: the first frame was kept",)
    assert np.asarray(picture.image.convert("RGB"))[0, 0].tolist() == [255, 0, 0] or kind == "GIF"
    assert np.asarray(picture.image.convert("RGB"))[0, 0].tolist()[0] > 250


def test_polyglot_is_judged_as_the_picture_it_is():
    """A valid PNG with a zip file behind its end is a picture."""
    assert pixels(saved(Image.new("L", (3, 2), 9)) + b"PK\x03\x04 and more").tolist() == [[9] * 3] * 2


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_cut_file_is_truncated(kind):
    """Half a file is called truncated, whatever its format."""
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    data = saved(Image.fromarray(noise), kind)
    assert reason(data[: len(data) // 2]) == "truncated"


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", "empty file"),
        (b"this is no picture", "not an image"),
        (b"BM, she said, and that was all", "not an image"),
        (b"%PDF-1.7", "unsupported format"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "unsupported format"),
        (b"P5\n1 1\n255\n\0", "unsupported format"),
        (b"\x89PNG\r\n\x1a\n", "truncated"),
        (b"\x89PNG\r\n\x1a\n" + b"nonsense" * 9 + b"IEND", "damaged"),
    ],
)
def test_no_picture_has_its_reason(data, expected):
    """Nothing, text, other formats and rubbish are told apart."""
    assert reason(data) == expected


def test_header_of_a_bomb_is_enough():
    """30,000 x 30,000 pixels are refused by the header: there are no pixels in this file."""
    assert reason(png(30_000, 30_000, 8, 2, b"")) == "too large"


def test_webp_canvas_is_refused_before_it_is_allocated():
    """The size in each of the three kinds of WebP header."""
    for options in (
        {"lossless": True},
        {"quality": 80},
        {"quality": 80, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"},
    ):
        assert read_webp_size(saved(Image.new("RGB", (37, 21), "teal"), "WEBP", **options)) == (37, 21)
    assert reason(saved(Image.new("RGB", (40, 30)), "WEBP"), max_megapixels=0.001) == "too large"


def test_megapixels_are_inclusive():
    """A picture of exactly the limit is kept."""
    assert decode_picture(saved(Image.new("L", (100, 10))), 0.001).image.size == (100, 10)
    assert reason(saved(Image.new("L", (100, 11))), 0.001) == "too large"


@given(
    st.binary(max_size=400),
    st.sampled_from(
        [b"", b"\x89PNG\r\n\x1a\n", b"GIF89a", b"BM", b"II*\0", b"\xff\xd8\xff\xe0", b"RIFF\xff\0\0\0WEBPVP8X"]
    ),
)
@settings(max_examples=scale_examples(150), deadline=None)
def test_any_bytes_decode_or_are_rejected(data, start):
    """Nothing but RejectedError leaves the decoder."""
    try:
        mode = decode_picture(start + data, 1).image.mode
    except RejectedError as error:
        mode = error.reason
    assert mode in {"L", "LA", "RGB", "RGBA", *REASONS}


def test_perceptual_hash_is_that_of_imagehash():
    """The 64 bits agree with ImageHash's dhash."""
    for seed in range(5):
        noise = np.random.default_rng(seed).integers(0, 256, (33, 47, 3), np.uint8)
        image = Image.fromarray(noise).resize((200, 150), Image.Resampling.BICUBIC)
        assert f"{perceptual_hash(image):016x}" == str(imagehash.dhash(image))


def test_looks_are_read_from_the_first_bytes():
    """Text named like a picture does not look like one."""
    assert looks_like_picture(saved(Image.new("L", (1, 1)))[:16])
    assert looks_like_picture(saved(Image.new("RGB", (5, 5)), "BMP")[:16])
    assert not looks_like_picture(b"just some text, s")
