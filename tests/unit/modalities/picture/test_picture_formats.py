"""Every format is called by its name, by its bytes; those that are read have pixels known by hand."""

import ast
import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

import artpipe
from artpipe.config.params import DatasetEntry, IngestParams
from artpipe.errors import UserError
from artpipe.language.sentences import read_sentence
from artpipe.modalities.picture.decoder import decode_picture
from artpipe.preprocessing.jobs import require_works
from artpipe.project.detection import inspect_input
from artpipe.untrusted import magic_bytes
from artpipe.untrusted.magic_bytes import SIGNATURE_BYTES, detect_picture_format, looks_like_picture
from artpipe.untrusted.rejection import RejectedError

PACKAGE = Path(artpipe.__file__).parent


def saved(image, kind="PNG", **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def rejected(data, max_megapixels=32):
    with pytest.raises(RejectedError) as caught:
        decode_picture(data, max_megapixels)
    return caught.value


def ftyp(major, *compatible):
    brands = b"".join(compatible)
    return struct.pack(">I", 16 + len(brands)) + b"ftyp" + major + bytes(4) + brands + bytes(200)


def tiff(*tags):
    """Return a little-endian TIFF of nothing but tags: number, type, count, value."""
    entries = b"".join(struct.pack("<HHI4s", number, kind, count, value) for number, kind, count, value in sorted(tags))
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + entries + bytes(300)


def short(value):
    return struct.pack("<HH", value, 0)


@pytest.mark.parametrize("major", [b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"miaf"])
def test_every_brand_of_heic_is_called_heic(major):
    """The major brand alone is enough, and the line says what to do."""
    error = rejected(ftyp(major))
    assert (error.reason, read_sentence(error.detail).split(":")[0]) == ("unsupported format", "HEIC")
    assert "convert it to JPEG or PNG" in read_sentence(error.detail)
    assert not looks_like_picture(ftyp(major)[:SIGNATURE_BYTES])


@pytest.mark.parametrize(
    ("major", "compatible", "kind"),
    [
        (b"avif", (), "AVIF"),
        (b"avis", (b"msf1",), "AVIF"),
        (b"mif1", (b"avif", b"miaf"), "AVIF"),
        (b"mif1", (b"heic", b"miaf"), "HEIC"),
        (b"isom", (b"mp42", b"heic"), "HEIC"),
        (b"crx ", (b"isom",), "CR3"),
        (b"isom", (b"mp42",), "MP4"),
        (b"mp42", (), "MP4"),
        (b"M4V ", (), "MP4"),
        (b"qt  ", (), "QuickTime"),
    ],
)
def test_compatible_brands_decide_where_the_major_one_does_not(major, compatible, kind):
    """A file whose major brand is the container's is what its compatible brands say."""
    assert detect_picture_format(ftyp(major, *compatible)[:SIGNATURE_BYTES]) == kind


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
def test_avif_is_read_and_of_a_sequence_the_first_frame():
    """Lossless AVIF keeps its colours; a sequence gives the first frame and says so."""
    red, blue = Image.new("RGB", (16, 8), (255, 0, 0)), Image.new("RGB", (16, 8), (0, 0, 255))
    still = decode_picture(saved(red, "AVIF", quality=100, subsampling="4:4:4"), 32)
    assert (still.image.mode, still.image.size, still.notes) == ("RGB", (16, 8), ())
    assert np.abs(np.asarray(still.image).astype(int) - [255, 0, 0]).max() <= 3
    sequence = decode_picture(saved(red, "AVIF", save_all=True, append_images=[blue], quality=100), 32)
    assert sequence.notes == ("animated: the first frame was kept",)
    assert np.asarray(sequence.image)[4, 4, 0] > 245


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
@pytest.mark.parametrize("orientation", [1, 3, 6, 8])
def test_avif_stands_upright(orientation):
    """The red corner is the upper left one, however the file says it is turned."""
    upright = Image.new("RGB", (40, 24), "white")
    upright.paste((255, 0, 0), (0, 0, 12, 12))
    turns = {3: Image.Transpose.ROTATE_180, 6: Image.Transpose.ROTATE_90, 8: Image.Transpose.ROTATE_270}
    stored = upright.transpose(turns[orientation]) if orientation > 1 else upright
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = decode_picture(saved(stored, "AVIF", exif=exif, quality=95), 32).image
    assert image.size == (40, 24)
    assert np.asarray(image)[4, 4, 1] < 60
    assert np.asarray(image)[20, 36, 1] > 200


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow was built without AVIF")
def test_broken_avif_is_called_avif():
    """Half a file is truncated, and so is a box that ends beyond the file; both name the format."""
    data = saved(Image.effect_noise((64, 64), 90), "AVIF")
    assert rejected(data[: len(data) // 2]).reason == "truncated"
    assert read_sentence(rejected(ftyp(b"avis", b"msf1")).detail).startswith("AVIF: ")
    assert rejected(data, 0.001).reason == "too large"


def test_avif_without_a_decoder_is_named(monkeypatch):
    """Where Pillow was built without AVIF the format is unsupported, and the line says so."""
    monkeypatch.setattr(features, "check", lambda _: False)
    error = rejected(ftyp(b"avif"))
    assert (error.reason, read_sentence(error.detail).split(":")[0]) == ("unsupported format", "AVIF")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (tiff((50706, 1, 4, b"\1\4\0\0"), (254, 4, 1, short(1))), "DNG"),
        (b"II*\0\x10\0\0\0CR\2\0" + bytes(99), "CR2"),
        (tiff((254, 4, 1, short(1)), (271, 2, 4, b"NIK\0"), (330, 4, 1, short(99))), "raw TIFF"),
        (tiff((262, 3, 1, short(32803))), "raw TIFF"),
        (b"IIRO\x08\0\0\0", "ORF"),
        (b"IIU\0\x08\0\0\0", "RW2"),
        (b"FUJIFILMCCD-RAW 0201", "RAF"),
        (b"8BPS\0\1" + bytes(20), "PSD"),
        (b"\xff\x0a" + bytes(20), "JPEG XL"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
        (b"%PDF-1.7", "PDF"),
        (b"%!PS-Adobe-3.0 EPSF-3.0", "EPS"),
        (b"\0\0\1\0\1\0\x10\x10", "ICO"),
        (b"\x76\x2f\x31\x01" + bytes(9), "OpenEXR"),
        (b"#?RADIANCE\n", "HDR"),
        (b"P6\n# made by hand\n1 1\n255\n\0\0\0", "PNM"),
        (b"\x1a\x45\xdf\xa3" + bytes(40), "WebM"),
        (b"RIFF\x40\0\0\0AVI LIST", "AVI"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b"\xef\xbb\xbf<?xml version='1.0'?>\n<!-- by hand -->\n<svg width='1'/>", "SVG"),
    ],
)
def test_format_that_is_not_read_is_named_with_what_to_do(data, name):
    """No known format is called no image."""
    error = rejected(data)
    assert (error.reason, read_sentence(error.detail).split(":")[0]) == ("unsupported format", name)
    assert read_sentence(error.detail).count("\n") == 0 < len(read_sentence(error.detail).split(":")[1])


@pytest.mark.parametrize(
    ("make", "name"), [(b"NIKON CORPORATION\0", "NEF"), (b"SONY\0\0", "ARW"), (b"PENTAX\0", "PEF")]
)
def test_raw_formats_are_told_apart_by_their_maker(make, name):
    """A preview before the picture makes a raw file, the maker's name says which."""
    place = 10 + 3 * 12
    entries = ((254, 4, 1, 1), (271, 2, len(make), place), (330, 4, 1, 99))
    data = b"II*\0\x08\0\0\0\3\0" + b"".join(struct.pack("<HHII", *entry) for entry in entries) + make + bytes(300)
    assert read_sentence(rejected(data).detail).startswith(f"{name}: ")


@pytest.mark.parametrize("compression", [None, "tga_rle"])
def test_targa_is_named(compression):
    """It has no signature: its footer and its size tell."""
    assert (
        read_sentence(rejected(saved(Image.new("RGB", (20, 10), "teal"), "TGA", compression=compression)).detail)[:4]
        == "TGA:"
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<!DOCTYPE html>\n<html>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\nsize 12\n", "a Git LFS pointer"),
        (b"<?xml version='1.0' encoding='UTF-8'?>\n<Error><Code>AccessDenied</Code></Error>", "error message of a server"),
        (b"bplist00" + bytes(30), "iCloud"),
        (bytes(5000), "nothing but zero bytes"),
    ],
)  # fmt: skip
def test_file_that_stands_where_a_picture_was_expected_is_explained(data, words):
    """What downloads, git and clouds leave instead of a picture is no image, and the line says what it is."""
    error = rejected(data)
    assert error.reason == "not an image"
    assert words in read_sentence(error.detail)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
def test_suffix_says_nothing(kind):
    """A format is known from its first bytes; no suffix is asked."""
    data = saved(Image.new("RGB", (20, 20), (0, 0, 0)), kind)
    assert detect_picture_format(data[:SIGNATURE_BYTES]) == kind
    assert decode_picture(data, 32).image.size == (20, 20)


def test_several_pictures_of_a_phone_are_its_first_one():
    """An MPO file is the picture, without a note."""
    frames = [Image.new("RGB", (32, 16), colour) for colour in ("red", "blue")]
    picture = decode_picture(saved(frames[0], "MPO", save_all=True, append_images=frames[1:]), 32)
    assert picture.notes == ()
    assert np.asarray(picture.image)[8, 8, 0] > 240


def test_every_limit_names_its_parameter():
    """Whoever refuses an input for a limit says which parameter of ingest sets it, or that none does."""
    limits = {"bomb", "too large", "out of memory", "timed out", "other voices"}
    fixed = {"its data overlap another entry's", "more_steps_than", "elements_too_deep", "entity_declared", "_HEADER_TOO_LONG", "directory_too_long", "unpacks_to_times", "took_more_than_seconds"}  # fmt: skip
    missing, named = [], set()
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and getattr(node.func, "id", "") == "RejectedError" and node.args):
                continue
            if getattr(node.args[0], "value", None) not in limits:
                continue
            given = [*node.args[2:], *(keyword.value for keyword in node.keywords if keyword.arg == "parameter")]
            if given:
                named.add(given[0].value)
            elif not any(words in ast.unparse(node) for words in fixed):
                missing.append(f"{path.name}:{node.lineno}")
    assert not missing
    assert named <= set(IngestParams.model_fields)
    assert {"max_megapixels", "max_megabytes", "max_archive_ratio", "voices", "decode_megabytes"} <= named


def test_too_many_megapixels_name_the_parameter():
    """The line ends with the parameter that would let the picture through."""
    assert read_sentence(rejected(saved(Image.new("L", (100, 11))), 0.001).detail).endswith(
        "at most 0.001 (`ingest.max_megapixels`)"
    )


def test_brands_are_taken_from_the_box_alone():
    """What follows the ftyp box is no brand."""
    assert detect_picture_format(ftyp(b"isom") + b"heicavif") == "MP4"
    assert {"JPEG", "AVIF"} <= magic_bytes.READ_FORMATS


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (ftyp(b"heic", b"mif1"), "12 HEIC: convert it to JPEG or PNG"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 12\n", "12 a Git LFS pointer"),
    ],
)
def test_folder_of_one_unread_format_is_refused_by_its_name(tmp_path, content, words):
    """Pictures of a telephone alone, or pointers alone: the line says what they are and what to do."""
    for number in range(12):
        (tmp_path / f"IMG_{number}.HEIC").write_bytes(content + bytes([65 + number]))
    with pytest.raises(UserError) as caught:
        inspect_input(tmp_path)
    assert words in str(caught.value)
    entry = DatasetEntry(medium="picture", source="folder", path=str(tmp_path), about={}, ingest={}, preprocess={})
    starts = ((path.read_bytes(), path.name) for path in tmp_path.iterdir())
    with pytest.raises(UserError) as caught:
        require_works(tmp_path, entry, starts)
    assert words in str(caught.value)
