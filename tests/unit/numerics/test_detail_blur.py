"""The blur of pictures whose blur is known: edges, discs, text, texture, with and without grain."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from artpipe.numerics.blur_and_noise import gaussian_blur
from artpipe.numerics.detail_blur import BLOCK, measure_block_spectra, measure_parts
from artpipe.numerics.resampling_trace import find_repeated_fineness

RNG = np.random.default_rng(5)


def step(side: int = 240) -> np.ndarray:
    """Return one upright edge."""
    return np.where(np.arange(side) < side // 2, 60, 200)[None].repeat(side, 0).astype(np.float32)


def slope(side: int = 240) -> np.ndarray:
    """Return one edge at 45 degrees."""
    y, x = np.mgrid[:side, :side]
    return np.where(x > y, 60, 200).astype(np.float32)


def discs(side: int = 240) -> np.ndarray:
    """Return discs of all sizes, one upon the other, as leaves lie on the ground."""
    picture, (y, x) = np.zeros((side, side), np.float32), np.mgrid[:side, :side]
    rng = np.random.default_rng(0)
    for _ in range(700):
        radius, (top, left) = rng.pareto(2) * 5 + 3, rng.uniform(0, side, 2)
        picture[(y - top) ** 2 + (x - left) ** 2 < radius**2] = rng.uniform(20, 230)
    return picture


def writing(side: int = 240) -> np.ndarray:
    """Return lines of small text, black on white."""
    image = Image.new("L", (side, side), 255)
    for top in range(8, side, 16):
        ImageDraw.Draw(image).text((6, top), "A quick brown fox jumps over lazy dogs", fill=0)
    return np.asarray(image, np.float32)


def blur_of(levels) -> float | None:
    """Return the blur where a picture is sharpest, None where it cannot be told."""
    return min((part.sigma for part in measure_parts(levels) if part.sigma is not None), default=None)


@pytest.mark.parametrize("noise", [0.0, 4.0])
@pytest.mark.parametrize("scene", [step, slope, discs])
@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.0, 3.0, 4.0, 6.0])
def test_a_known_blur_is_measured(sigma, scene, noise):
    """Within a fifth, at one edge as among many, also under a little noise."""
    picture = gaussian_blur(scene(), sigma)
    picture += RNG.normal(0, noise, picture.shape).astype(np.float32)
    assert blur_of(picture) == pytest.approx(sigma, rel=0.2)


@pytest.mark.parametrize("scene", [step, slope, discs, writing])
@pytest.mark.parametrize("noise", [0.0, 4.0])
def test_what_is_sharp_has_hardly_a_blur(scene, noise):
    """Less than half a pixel, with grain and without."""
    picture = scene()
    assert blur_of(picture + RNG.normal(0, noise, picture.shape).astype(np.float32)) < 0.5


def test_writing_is_sharper_before_it_is_blurred():
    """Its thin strokes read a little sharper than they are, by a third at most."""
    assert [blur_of(gaussian_blur(writing(), sigma)) for sigma in (1.0, 1.5)] == [
        pytest.approx(1.0, rel=0.34),
        pytest.approx(1.5, rel=0.34),
    ]


@pytest.mark.parametrize(("factor", "least"), [(2, 0.55), (4, 1.3)])
@pytest.mark.parametrize("method", [Image.Resampling.BICUBIC, Image.Resampling.LANCZOS])
def test_an_enlarged_picture_is_less_sharp(factor, least, method):
    """Its pixels hold less than they could; enlarged as squares it is as sharp as it was."""
    small = Image.fromarray(discs(200))
    size = (factor * small.width, factor * small.height)
    assert blur_of(np.asarray(small.resize(size, method), np.float32)) > least
    assert blur_of(np.asarray(small.resize(size, Image.Resampling.NEAREST), np.float32)) < 0.5


@pytest.mark.parametrize("grain", [2.0, 12.0, 30.0])
def test_grain_alone_is_no_sharpness(grain):
    """Nothing is told of it, white or clotted, on one level and on a slope."""
    noise = RNG.normal(0, grain, (300, 300)).astype(np.float32)
    ground = np.linspace(60, 190, 300, dtype=np.float32)[None]
    for picture in (128 + noise, ground + noise, 128 + 2 * gaussian_blur(noise, 0.6)):
        assert blur_of(picture) is None


def test_without_detail_nothing_is_told():
    """Of one level, of a ramp, of fog."""
    y, x = np.mgrid[:300, :400].astype(np.float32)
    for picture in (np.full((300, 400), 128, np.float32), x * 0.5, 150 + 20 * np.sin(y / 90)):
        assert blur_of(picture) is None


def test_the_spectrum_of_noise_is_its_variance():
    """The rings up to half a cycle hold pi/4 of it."""
    noise = RNG.normal(0, 9.0, (256, 256)).astype(np.float32)
    assert measure_block_spectra(noise).power.sum(1).mean() == pytest.approx(81 * np.pi / 4, rel=0.1)
    with pytest.raises(ValueError, match="does not fit"):
        measure_block_spectra(noise[: BLOCK - 1])


@pytest.mark.parametrize(("factor", "period"), [(1.5, 3.0), (1.25, 5.0)])
def test_a_small_enlargement_leaves_its_period(factor, period):
    """Found where it was enlarged, and not before."""
    small = Image.fromarray(discs(320))
    size = round(factor * small.width)
    repeated = find_repeated_fineness(np.asarray(small.resize((size, size), Image.Resampling.BICUBIC), np.float32))
    assert repeated.period == pytest.approx(period, rel=0.02)
    assert find_repeated_fineness(np.asarray(small, np.float32)) is None
