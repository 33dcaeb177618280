"""Preprocess: pixels known by hand, splits that depend on content alone, shards that are the same twice."""

import io
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from pydantic import ValidationError

from artpipe.artifacts import paths
from artpipe.artifacts.shards import SPLITS, ShardSet
from artpipe.artifacts.works import Work, Works, WorksWriter
from artpipe.errors import ArtpipeError, CorruptError, UserError
from artpipe.modalities import picture as picture_medium
from artpipe.modalities.picture import _PictureShards
from artpipe.modalities.picture.framing import (
    PictureParams,
    find_content_box,
    fit_to_squares,
    tile_grid,
    widen_to_square,
)
from artpipe.modalities.picture.tiles import join_tiles
from artpipe.preprocess import preprocess_dataset
from artpipe.preprocessing.contact_sheet import SheetPicture, draw_contact_sheet
from artpipe.preprocessing.splits import plan_splits
from artpipe.system.hashing import sha256_bytes, sha256_file
from tests.conftest import scale_examples

ENTRY = """
format: 2
seed: 1
datasets:
  mine: {{medium: picture, source: folder, path: datasets/mine, about: {{}}, ingest: {{}}, preprocess: {preprocess}}}
models: {{}}
evaluation: {{metrics: []}}
gallery: {{sections: []}}
"""


def noise(seed, side=20, mode="RGB"):
    channels = {"L": (), "RGB": (3,), "RGBA": (4,)}[mode]
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, *channels), np.uint8))


def encoded(image):
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def write_works(name, works):
    """Write `data/works/NAME` from ``(bytes, label, split)``."""
    folder = paths.works(name)
    folder.mkdir(parents=True, exist_ok=True)
    with WorksWriter(folder, name) as writer:
        for data, label, split in works:
            writer.add(data, sha256=sha256_bytes(data), label=label, split=split, width=1, height=1, phash="0" * 16)
        writer.close()


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def prepare(works, preprocess="{size: 16}"):
        Path("params.yaml").write_text(ENTRY.format(preprocess=preprocess))
        write_works("mine", works)
        preprocess_dataset("mine")
        return ShardSet.open(paths.shards("mine"))

    return prepare


def rows(shards):
    """Return ``(split, label, pixels)`` by digest."""
    found = {}
    for split in SPLITS:
        columns = shards.load(split)
        for place in range(shards.card.counts[split]):
            digest = columns["digests"][place].numpy().tobytes().hex()
            found[digest] = (split, int(columns["labels"][place]), columns["images"][place].numpy())
    return found


def test_a_work_of_the_wanted_size_is_not_touched(project):
    """16 x 16 in, the same pixels out, channel first, under its own digest."""
    works = [(encoded(noise(seed, 16)), None, None) for seed in range(30)]
    found = rows(project(works))
    assert set(found) == {sha256_bytes(data) for data, *_ in works}
    for seed, (data, *_) in enumerate(works):
        assert (found[sha256_bytes(data)][2] == np.asarray(noise(seed, 16)).transpose(2, 0, 1)).all()


def test_labels_are_sorted_and_missing_ones_are_minus_one(project):
    """Classes by name; a work without a label has -1."""
    works = [(encoded(noise(seed)), [None, "zebra", "ape"][seed % 3], None) for seed in range(30)]
    shards = project(works)
    assert shards.spec.classes == ("ape", "zebra")
    found = rows(shards)
    assert [found[sha256_bytes(data)][1] for data, *_ in works[:3]] == [-1, 1, 0]


@pytest.mark.parametrize("label", [None, "only"])
def test_fewer_than_two_classes_are_none(project, label):
    """All labels missing, or all the same, say nothing."""
    shards = project([(encoded(noise(seed)), label, None) for seed in range(30)])
    assert shards.spec.classes == ()
    assert {label for _, label, _ in rows(shards).values()} == {-1}


def test_statistics_are_those_of_the_training_split(project):
    """Mean and standard deviation by channel, against numpy on all pixels of the split."""
    shards = project([(encoded(noise(seed, 16)), None, None) for seed in range(40)])
    images = shards.load("train")["images"].numpy() / 255
    np.testing.assert_allclose(shards.card.mean, images.mean(axis=(0, 2, 3)), rtol=1e-9)
    np.testing.assert_allclose(shards.card.std, images.std(axis=(0, 2, 3)), rtol=1e-9)
    assert shards.spec.count == len(images)
    assert shards.card.works == Works.open(paths.works("mine")).sha256


def test_an_official_test_split_is_kept_and_validation_comes_out_of_train(project):
    """No official test work moves, none joins it."""
    works = [(encoded(noise(seed)), None, "test" if seed % 4 == 0 else "train") for seed in range(60)]
    found = rows(project(works, "{size: 16, validation: 0.2}"))
    tests = {digest for digest, (split, *_) in found.items() if split == "test"}
    assert tests == {sha256_bytes(data) for data, _, split in works if split == "test"}
    assert sum(split == "validation" for split, *_ in found.values()) > 0


def work(sha256, split=None, label=None):
    return Work(sha256, label, split, 1, 1, "0" * 16, "works-00000.tar", 0, 1)


class Listed:
    """Works that are only a list."""

    def __init__(self, listed):
        self.listed = listed
        labels = {one.label: 1 for one in listed if one.label}
        splits = {one.split: 1 for one in listed if one.split}
        self.card = type("Card", (), {"labels": labels, "splits": splits})

    def rows(self):
        return iter(self.listed)


DIGESTS = st.lists(st.binary(min_size=32, max_size=32).map(bytes.hex), min_size=8, max_size=60, unique=True)


@given(DIGESTS)
@settings(max_examples=scale_examples(60), deadline=None)
def test_no_wanted_split_is_empty(digests):
    """From eight works on, whatever their hashes."""
    works = Listed([work(digest) for digest in digests])
    plan = plan_splits(works, PictureParams(), 96)
    counts = {split: sum(plan.split(one) == split for one in works.listed) for split in SPLITS}
    # hashes that all fall on the same side leave training empty; of honest SHA-256 that is one in 10**6 for eight works
    assert counts["train"] == 0 or (counts["validation"] and counts["test"])


def test_a_work_never_changes_side():
    """The split of a work is the same among 1,000 works and among any 500 of them."""
    digests = [sha256_bytes(bytes([n % 256, n // 256])) for n in range(1000)]
    all_of_them = plan_splits(Listed([work(digest) for digest in digests]), PictureParams(), 96)
    half = plan_splits(Listed([work(digest) for digest in digests[::2]]), PictureParams(), 96)
    assert not all_of_them.promoted
    assert [all_of_them.split(work(digest)) for digest in digests[::2]] == [
        half.split(work(digest)) for digest in digests[::2]
    ]


def test_shares_are_what_was_asked():
    """Of 20,000 works a twentieth and a tenth, within four standard errors."""
    digests = [sha256_bytes(n.to_bytes(4, "big")) for n in range(20_000)]
    plan = plan_splits(Listed([work(digest) for digest in digests]), PictureParams(), 96)
    splits = [plan.split(work(digest)) for digest in digests]
    assert abs(splits.count("validation") - 1000) < 4 * (1000 * 0.95) ** 0.5
    assert abs(splits.count("test") - 2000) < 4 * (2000 * 0.9) ** 0.5


def test_shares_that_leave_nothing_are_refused():
    """Validation and test together stay below one."""
    with pytest.raises(ValidationError, match="leave no works to train on"):
        PictureParams(validation=0.5, test=0.5)


def test_contact_sheet_is_fair_and_reproducible(project):
    """The same works, the same bytes, card and shards included; a class of two gets both its places."""
    works = [(encoded(noise(seed)), "rare" if seed < 2 else "common", None) for seed in range(120)]
    shards = project(works)
    first = {path.name: sha256_file(path) for path in shards.folder.iterdir()}
    plan = plan_splits(Works.open(paths.works("mine")), PictureParams(), 96)
    assert len(plan.shown) == 96
    assert {sha256_bytes(data) for data, *_ in works[:2]} <= plan.shown
    preprocess_dataset("mine")
    assert {path.name: sha256_file(path) for path in shards.folder.iterdir()} == first
    with Image.open(shards.folder / "contact.png") as sheet:
        assert sheet.size == (1304, 1096)


def test_contact_sheet_survives_any_name():
    """No works, one grey work, and names in scripts the font does not have."""
    grey = SheetPicture(np.zeros((1, 28, 28), np.uint8), "猫")
    for prints in (
        [],
        [grey],
        [grey, SheetPicture(np.zeros((3, 64, 64), np.uint8), "a very long name of a class indeed")],
    ):
        assert Image.open(io.BytesIO(draw_contact_sheet("絵", "1 work", prints))).format == "PNG"


def test_a_damaged_original_stops_it(project):
    """What ingest wrote is verified work by work."""
    project([(encoded(noise(seed)), None, None) for seed in range(9)])
    shard = paths.works("mine") / "works-00000.tar"
    data = bytearray(shard.read_bytes())
    data[700] ^= 1
    shard.write_bytes(data)
    with pytest.raises(CorruptError, match="damaged"):
        preprocess_dataset("mine")


def test_a_work_that_no_longer_decodes_is_named(project):
    """The error says which work and why; nothing half-written stays."""
    with pytest.raises(ArtpipeError, match="not an image"):
        project([(b"never was a picture %d" % n, None, None) for n in range(9)])
    assert [path for path in paths.shards("mine").parent.rglob("*") if path.is_file()] == []


def test_shards_stay_below_their_size(tmp_path):
    """A split of many works is several files, each within the limit, in order."""
    shards = _PictureShards(tmp_path, PictureParams(size=8, channels=1), shard_bytes=1040)
    for number in range(25):
        shards.add("train", np.full((1, 1, 1, 8, 8), number, np.uint8), number, f"{number:064x}")
    shards.flush()
    assert shards.writer.counts["train"] == 25
    assert len(shards.writer.files["train"]) == 3


def test_statistics_do_not_depend_on_the_blocks_they_are_counted_in(tmp_path, monkeypatch):
    """Mean and deviation are those of all pixels, whatever is counted at a time."""
    pixels = np.random.default_rng(0).integers(0, 256, (7, 3, 8, 8), np.uint8)
    monkeypatch.setattr(picture_medium, "_COUNTED_PIXELS", 150)
    shards = _PictureShards(tmp_path, PictureParams(size=8, channels=3))
    for number, image in enumerate(pixels):
        shards.add("train", image[None, None], 0, f"{number:064x}")
    shards.flush()
    means, deviations = shards.statistics()
    assert means == pytest.approx(pixels.mean((0, 2, 3)) / 255, rel=1e-12)
    assert deviations == pytest.approx(pixels.std((0, 2, 3)) / 255, rel=1e-12)


def trim(image, tolerance, bleed=0):
    return image.crop(find_content_box(image, tolerance, bleed))


def test_a_picture_of_nearly_one_colour_is_left_as_it_is():
    """A slow ramp is within the tolerance of both edges, whose borders then reach across each other."""
    ramp = np.repeat(np.linspace(100, 130, 40).astype(np.uint8)[:, None], 30, axis=1)
    assert trim(Image.fromarray(ramp), 16).size == (30, 40)
    assert trim(Image.fromarray(ramp.T), 16).size == (40, 30)


@pytest.mark.parametrize("colour", [(255, 255, 255), (0, 0, 0), (30, 90, 60)])
def test_uniform_borders_are_trimmed_to_the_pixel(colour):
    """Margins of four widths in any colour are cut, and nothing else."""
    picture = noise(1, 40)
    framed = Image.new("RGB", (40 + 3 + 11, 40 + 7 + 0), colour)
    framed.paste(picture, (3, 7))
    assert trim(framed, 16).tobytes() == picture.tobytes()
    assert trim(framed, 16, bleed=2).size == (36, 38)


def test_what_has_no_border_or_nothing_else_is_left_alone():
    """Noise, a uniform picture, and one whose middle is too small to be the picture."""
    for image in (noise(2, 30), Image.new("L", (30, 30), 7)):
        assert trim(image, 16).size == (30, 30)
    speck = Image.new("L", (30, 30), 255)
    speck.paste(0, (14, 14, 18, 18))
    assert trim(speck, 16).size == (30, 30)


def test_a_nearly_uniform_border_is_a_border():
    """Compression noise within the tolerance."""
    framed = np.full((60, 60), 250, np.uint8) - np.random.default_rng(0).integers(0, 8, (60, 60), np.uint8)
    framed[10:50, 10:50] = np.asarray(noise(3, 40, "L"))
    assert trim(Image.fromarray(framed), 16).size == (40, 40)


def test_a_figure_on_plain_ground_keeps_its_head():
    """A narrow figure takes back of the ground what a square needs; at an edge of the picture it is not in the middle."""
    for shift, expected in ((0, (5, 5, 95, 95)), (30, (10, 5, 100, 95))):
        image = Image.new("RGB", (100, 100), "white")
        image.paste("black", (48 + shift, 5, 52 + shift, 95))
        image.paste("black", (35 + shift, 40, 65 + shift, 44))
        assert widen_to_square(image, find_content_box(image, 16), 16) == expected
        turned = image.transpose(Image.Transpose.TRANSPOSE)
        across = expected[1], expected[0], expected[3], expected[2]
        assert widen_to_square(turned, find_content_box(turned, 16), 16) == across
    fitted = np.asarray(fit_to_squares(image, PictureParams(size=90, trim=True, trim_bleed=0)))
    assert (fitted[[0, -1]] == 0).any(axis=1).all()  # head and feet


def test_bars_beside_a_picture_stay_away():
    """A film's picture between black bars is cropped to a square, as before."""
    framed = Image.new("RGB", (60, 60), "black")
    framed.paste(noise(4, 60).crop((0, 0, 60, 30)), (0, 15))
    box = find_content_box(framed, 16)
    assert box == (0, 15, 60, 45)
    assert widen_to_square(framed, box, 16) == box


def test_crop_takes_the_middle_and_pad_keeps_all():
    """A wide picture of three squares: crop is the middle one, pad has the background above and below."""
    wide = Image.new("RGB", (96, 32), "red")
    wide.paste("lime", (32, 0, 64, 32))
    crop = np.asarray(fit_to_squares(wide, PictureParams(size=32)))
    assert (crop[8:24, 8:24] == [0, 255, 0]).all()
    pad = np.asarray(fit_to_squares(wide, PictureParams(size=48, fit="pad", background="black")))
    assert (pad[0] == 0).all()
    assert (pad[-1] == 0).all()
    assert pad[24, 4].tolist() == [255, 0, 0]


@pytest.mark.parametrize(
    ("size", "tiles", "expected"),
    [
        ((640, 427), 0, (1, 1)),
        ((640, 427), 4, (3, 4)),  # 427 holds three of 128; of the 575 that are left of 640, four
        ((427, 640), 4, (4, 3)),
        ((1411, 1411), 4, (4, 4)),
        ((100, 90), 4, (1, 1)),  # enlarged, as without tiles
        ((1280, 128), 4, (1, 10)),
    ],
)
def test_a_grid_enlarges_nothing(size, tiles, expected):
    """Rows and columns of tiles of 128 pixels."""
    assert tile_grid(size, PictureParams(size=128, tiles=tiles)) == expected


def test_tiles_of_a_work_are_its_pixels_and_stay_together(project):
    """40 x 24 in tiles of 8: five by three; all in one split, under one digest, and whole again pixel by pixel."""
    pictures = [
        Image.fromarray(np.random.default_rng(seed).integers(0, 256, (24, 40, 3), np.uint8)) for seed in range(12)
    ]
    data = [encoded(picture) for picture in pictures]
    shards = project([(one, None, None) for one in data], "{size: 8, tiles: 3, validation: 0.2, test: 0.2}")
    assert sum(shards.card.counts.values()) == 12 * 15
    assert shards.spec.columns == ("images", "labels", "digests", "places")
    split = {split: dict(map(reversed, join_tiles(shards.load(split)))) for split in SPLITS}
    assert sum(len(works) for works in split.values()) == 12
    found = {digest: picture for works in split.values() for digest, picture in works.items()}
    for one, picture in zip(data, pictures, strict=True):
        assert (found[sha256_bytes(one)].numpy() == np.asarray(picture).transpose(2, 0, 1)).all()
    first = shards.load("train")
    assert first["places"][:6].tolist() == [[0, x, 3, 5] for x in range(5)] + [[1, 0, 3, 5]]


def test_a_work_with_a_tile_missing_is_no_whole(project):
    """Rows may come in any order; the work of a lost one is passed over, and so is what nobody asked for."""
    works = [(encoded(noise(seed, 16)), None, None) for seed in range(20)]
    columns = project(works, "{size: 8, tiles: 2}").load("train")
    rows = torch.randperm(len(columns["images"]), generator=torch.Generator().manual_seed(0))
    shuffled = {name: column[rows] for name, column in columns.items()}
    count = len(rows) // 4
    assert len(list(join_tiles(shuffled))) == count
    assert len(list(join_tiles({name: column[1:] for name, column in shuffled.items()}))) == count - 1
    wanted = bytes(columns["digests"][0]).hex()
    assert [digest for _, digest in join_tiles(shuffled, {wanted})] == [wanted]


def test_a_sheet_shows_whole_works_and_counts_both(project):
    """One print a work, whatever its tiles; twice the same bytes."""
    shards = project([(encoded(noise(seed, 16)), None, None) for seed in range(13)], "{size: 8, tiles: 2}")
    first = sha256_file(shards.folder / "contact.png")
    with Image.open(shards.folder / "contact.png") as sheet:
        assert sheet.size == (1304, 32 * 3 + 32 + 2 * 104 - 8)
    preprocess_dataset("mine")
    assert sha256_file(shards.folder / "contact.png") == first


def test_tiles_are_not_padded():
    """What is cut has no margins to fill."""
    with pytest.raises(ValidationError, match="tiles are cut, so `fit` is crop"):
        PictureParams(fit="pad", tiles=2)


def test_big_reductions_do_not_alias():
    """Stripes of one pixel, 1,024 to 16 pixels, become their mean and not a pattern."""
    stripes = np.zeros((1024, 1024), np.uint8)
    stripes[:, ::2] = 255
    small = np.asarray(fit_to_squares(Image.fromarray(stripes), PictureParams(size=16, channels=1)))
    assert np.abs(small.astype(int) - 128).max() <= 1


def test_one_channel_is_luminance():
    """Rec. 601: pure green is 150."""
    assert np.asarray(fit_to_squares(Image.new("RGB", (8, 8), "lime"), PictureParams(size=8, channels=1)))[0, 0] == 150


def test_transparency_is_composited_before_the_resize(project):
    """Transparent red on white leaves white, without a red rim."""
    image = Image.new("RGBA", (32, 32), (255, 0, 0, 0))
    works = [(encoded(image), None, None), *((encoded(noise(n)), None, None) for n in range(9))]
    pixels = rows(project(works, "{size: 16, background: white}"))[sha256_bytes(works[0][0])][2]
    assert (pixels == 255).all()


@pytest.mark.parametrize(
    ("splits", "preprocess", "counts"),
    [
        (["test"] * 9, "{size: 16}", "validation 0, test 9"),
        ([*["test"] * 8, "train"], "{size: 16}", "validation 1, test 8"),
        ([None] * 8, "{size: 16, validation: 0.9899, test: 0.01}", "validation"),
    ],
)
def test_a_dataset_without_training_works_is_one_line(project, splits, preprocess, counts):
    """Whoever split it, nothing can be learned from it, and nothing is written."""
    works = [(encoded(noise(n)), None, split) for n, split in enumerate(splits)]
    with pytest.raises(UserError) as caught:
        project(works, preprocess)
    message = str(caught.value)
    assert message.startswith(f"params.yaml: `datasets.mine.preprocess`: none of {len(splits)} works is left to train")
    assert counts in message
    assert "\n" not in message
    assert not paths.shards("mine").exists()
