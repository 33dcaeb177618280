"""A work of the project's own is known as such, scaled, encoded anew or cropped; a blank sheet is like nothing."""

import io

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.works import Works
from artpipe.critique.critiqued_picture import CritiquedPicture
from artpipe.critique.project_models import ProjectModels
from artpipe.critique.same_work import find_same_work
from artpipe.ingest import ingest_dataset
from artpipe.numerics.overlaid_pictures import measure_overlaid_difference, shrink_for_overlay
from artpipe.preprocess import preprocess_dataset


def draw_scene(seed: int, side: int = 120) -> Image.Image:
    """Return a picture of shapes at random."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (side, side), tuple(rng.integers(0, 256, 3).tolist()))
    pen = ImageDraw.Draw(picture)
    for _ in range(9):
        left, top = rng.integers(0, side - 30, 2).tolist()
        width, height = rng.integers(12, 60, 2).tolist()
        pen.ellipse((left, top, left + width, top + height), fill=tuple(rng.integers(0, 256, 3).tolist()))
    return picture


def encode(picture: Image.Image, quality: int) -> Image.Image:
    """Return a picture as JPEG has it."""
    stream = io.BytesIO()
    picture.save(stream, "JPEG", quality=quality)
    return Image.open(stream).convert("RGB")


@pytest.fixture
def scenes(studio):
    """Return a project with sixteen works of 120 pixels."""
    folder = studio / "datasets" / "shapes"
    for path in folder.rglob("*.png"):
        path.unlink()
    for seed in range(16):
        draw_scene(seed).save(folder / "circle" / f"{seed:02d}.png")
    ingest_dataset("shapes")
    preprocess_dataset("shapes")
    return studio


def find(picture: Image.Image):
    """Return which work of the project a picture is."""
    return find_same_work(CritiquedPicture("x.png", "0" * 64, picture), ProjectModels.open(), "shapes")


def test_a_work_is_known_under_changes(scenes):
    """Larger, as JPEG, and without a twentieth at each side it is the same one; a new picture is none."""
    digests = {row.sha256 for row in Works.open(paths.works("shapes")).rows()}
    work = draw_scene(5)
    same = find(work)
    assert same is not None
    assert same.sha256 in digests
    for changed in (work.resize((300, 300)), encode(work, 60), work.crop((6, 6, 114, 114))):
        found = find(changed)
        assert found is not None
        assert found.sha256 == same.sha256
        assert found.difference <= found.bound
    assert [find(draw_scene(seed)) for seed in range(100, 110)] == [None] * 10


def test_the_work_is_named_and_nothing_else_is_near(scenes):
    """One sentence with both numbers and their bounds; of a blank page that nothing is near."""
    observe = plugins.load_plugin("observations", "nearest_works").observe
    (result,) = observe(CritiquedPicture("x.png", "0" * 64, draw_scene(5).resize((240, 240))), ProjectModels.open())
    assert [sentence.code for sentence in result.sentences] == ["is_same_work"]
    assert [number.code for number in result.numbers] == ["measure_hash", "measure_difference"]
    blank = CritiquedPicture("x.png", "0" * 64, Image.new("RGB", (200, 100), "white"))
    (result,) = observe(blank, ProjectModels.open())
    assert [sentence.code for sentence in result.sentences] == ["too_plain_to_compare"]
    for name in ("recognition", "lost_by_autoencoder"):
        assert plugins.load_plugin("observations", name).observe(blank, ProjectModels.open()) == []


def test_pictures_laid_upon_each_other():
    """Nothing differs from itself, little from a part of it, nearly all from another picture."""
    own, other = (torch.from_numpy(np.array(draw_scene(seed))).permute(2, 0, 1)[None] / 127.5 - 1 for seed in (1, 2))
    small = shrink_for_overlay(own)
    assert measure_overlaid_difference(small, small) < 1e-6
    assert measure_overlaid_difference(shrink_for_overlay(own[..., 8:112, 10:114]), small) < 0.05
    assert measure_overlaid_difference(shrink_for_overlay(other), small) > 0.4
