"""What is said of pictures whose answer is known; nothing is said where the evidence is weak."""

import numpy as np
import pytest
from PIL import Image

from artpipe import plugins
from artpipe.critique.colour_names import EXAMPLES, colour_name, name_colours
from artpipe.critique.critiqued_picture import CritiquedPicture
from artpipe.numerics.blur_and_noise import gaussian_blur
from artpipe.numerics.colour_space import to_oklab

RNG = np.random.default_rng(0)
NOTHING = object()  # of models: these observations ask none


def observe(name, pixels):
    """Return the only result of an observation, None where it says nothing."""
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(np.asarray(pixels, np.uint8))
    results = plugins.load_plugin("observations", name).observe(CritiquedPicture("x.png", "0" * 64, image), NOTHING)
    return results[0] if results else None


def codes(result):
    """Return the codes of a result's sentences with their values."""
    return {sentence.code: sentence.values for sentence in result.sentences} if result else {}


def grey(values):
    """Return levels ``(H, W)`` as a picture."""
    return np.repeat(np.clip(values, 0, 255)[:, :, None], 3, 2)


def stack(*colours, shares=None, side=120):
    """Return bands of colours, one above the other."""
    heights = [round(side * share) for share in shares or [1 / len(colours)] * len(colours)]
    return np.concatenate([np.full((height, side, 3), colour) for height, colour in zip(heights, colours, strict=True)])


@pytest.mark.parametrize(
    ("code", "name"),
    [
        ("ffffff", "white"), ("000000", "black"), ("808080", "grey"), ("ff0000", "red"), ("00ff00", "green"),
        ("0000ff", "blue"), ("ffff00", "yellow"), ("ffa500", "orange"), ("8b4513", "brown"), ("800080", "purple"),
        ("ffc0cb", "pink"), ("008080", "teal"), ("000080", "dark blue"), ("808000", "olive"), ("f5f5dc", "beige"),
        ("87ceeb", "sky blue"), ("4169e1", "blue"), ("228b22", "green"), ("006400", "dark green"), ("a9a9a9", "light grey"),
        ("dc143c", "red"), ("40e0d0", "turquoise"), ("e6e6fa", "lavender"), ("ffd700", "gold"), ("708090", "grey-blue"),
    ],
)  # fmt: skip
def test_colours_of_the_web_have_the_names_people_give_them(code, name):
    """CSS names them so, or nearly."""
    pixel = np.frombuffer(bytes.fromhex(code), np.uint8)[None]
    assert colour_name(int(name_colours(to_oklab(pixel))[0])) == name


def test_greys_are_called_by_names_of_greys_alone():
    """All 256 of them, and lighter ones never darker."""
    greys = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, 1)
    names = [colour_name(int(number)) for number in name_colours(to_oklab(greys))]
    order = ["black", "dark grey", "grey", "light grey", "off-white", "white"]
    assert [order.index(name) for name in names] == sorted(order.index(name) for name in names)
    assert set(names) == set(order)


def test_an_example_has_its_own_name():
    """No example is nearer to another name, and no two are the same."""
    for name, examples in EXAMPLES.items():
        pixels = np.frombuffer(bytes.fromhex("".join(examples)), np.uint8).reshape(-1, 3)
        assert {colour_name(int(number)) for number in name_colours(to_oklab(pixels))} == {name}


def test_a_palette_has_the_shares_of_the_surface():
    """Three bands of red, white and blue."""
    result = observe("palette", stack((212, 32, 32), (255, 255, 255), (30, 80, 192), shares=[0.5, 0.3, 0.2]))
    assert [(swatch.name, swatch.share) for swatch in result.swatches] == [
        ("red", 0.5), ("white", 0.3), ("blue", 0.2),
    ]  # fmt: skip
    assert codes(result)["palette_of_many"]["total"] == pytest.approx(1)


def test_transparent_pixels_have_no_part_in_the_palette():
    """A red disc on nothing is one colour."""
    picture = Image.new("RGBA", (90, 90))
    picture.paste((212, 32, 32, 255), (20, 20, 70, 70))
    result = observe("palette", picture)
    assert [(swatch.name, swatch.share) for swatch in result.swatches] == [("red", 1)]


@pytest.mark.parametrize(
    ("colours", "expected"),
    [
        (((212, 32, 32), (240, 128, 32)), {"colours_vivid", "colours_warm"}),
        (((30, 80, 192), (32, 138, 52)), {"colours_vivid", "colours_cool"}),
        (((212, 32, 32), (30, 80, 192)), {"colours_vivid", "colours_balanced"}),
        (((90, 90, 90), (200, 200, 200)), {"colours_none"}),
    ],
)
def test_colours_are_called_what_they_are(colours, expected):
    """Vivid or colourless, warm, cool or balanced; greys are neither warm nor cool."""
    assert expected == {code for code in codes(observe("palette", stack(*colours))) if code.startswith("colours_")}


def test_three_values_have_their_shares_and_sum_to_one():
    """Bands of dark, middle and light; the top half is the darker one."""
    result = observe("value_structure", stack((20,) * 3, (120,) * 3, (240,) * 3, shares=[0.5, 0.3, 0.2]))
    shares = [number.value for number in result.numbers[:3]]
    assert shares == [pytest.approx(0.5, abs=0.01), pytest.approx(0.3, abs=0.01), pytest.approx(0.2, abs=0.01)]
    assert sum(shares) == pytest.approx(1)
    said = codes(result)
    assert {"values_mixed", "contrast_high"} <= said.keys()
    assert said["half_is_lighter"]["lighter"] == "bottom half"


@pytest.mark.parametrize(("level", "code"), [(20, "values_dark"), (120, "values_middle"), (240, "values_light")])
def test_one_level_sets_the_key_and_has_no_contrast(level, code):
    """Dark, middle, light; no half is lighter than the other."""
    said = codes(observe("value_structure", np.full((40, 60, 3), level)))
    assert set(said) == {code, "contrast_low"}


def test_a_mirrored_picture_is_symmetric_and_noise_is_not():
    """Left and right, or top and bottom, as it was mirrored."""
    noise = gaussian_blur(RNG.normal(0, 1, (80, 80)).astype(np.float32), 4)
    noise = 128 + 40 * noise / noise.std()
    sideways = grey(np.concatenate([noise, noise[:, ::-1]], 1))
    upright = grey(np.concatenate([noise, noise[::-1]], 0))
    assert set(codes(observe("symmetry", sideways))) == {"symmetric_left_right"}
    assert set(codes(observe("symmetry", upright))) == {"symmetric_top_bottom"}
    assert set(codes(observe("symmetry", grey(noise)))) == {"not_symmetric"}
    for strip in (noise[:1], noise[:, :1], noise[:3]):  # its own mirror image, or nearly
        assert observe("symmetry", grey(strip)) is None


def test_dark_above_light_says_nothing_of_left_and_right():
    """A sky does not make a picture symmetric whose left has what its right has not."""
    picture = stack((40, 40, 60), (200, 190, 170), shares=[0.4, 0.6])
    picture[20:100, 10:40] = 120
    assert "not_symmetric" in codes(observe("symmetry", picture))


def test_a_horizon_at_a_third_is_found_and_named():
    """A level line from side to side, with the share it is near to."""
    result = observe("composition", stack((200, 220, 240), (60, 80, 40), shares=[1 / 3, 2 / 3], side=180))
    said = codes(result)["horizon_at"]
    assert (said["share"], said["height"]) == ("one third", pytest.approx(1 / 3, abs=0.01))


def test_two_level_lines_are_no_horizon():
    """They are called lines; so is one at the very top."""
    for shares in ([0.3, 0.4, 0.3], [0.08, 0.92]):
        colours = ((220,) * 3, (90,) * 3, (200,) * 3)[: len(shares)]
        said = codes(observe("composition", stack(*colours, shares=shares, side=180)))
        assert "level_line" in said
        assert not {"horizon", "horizon_at"} & said.keys()


def test_a_line_from_corner_to_corner_is_a_diagonal():
    """Both ways; one beside the corners only slopes."""
    y, x = np.mgrid[:160, :240]
    assert "line_on_diagonal_down" in codes(observe("composition", grey(np.where(y * 240 > x * 160, 60, 190))))
    assert "line_on_diagonal_up" in codes(observe("composition", grey(np.where(y * 240 > (239 - x) * 160, 60, 190))))
    assert "sloping_line_down" in codes(observe("composition", grey(np.where(y * 240 > (x - 90) * 160, 60, 190))))


def test_an_upright_line_in_the_middle_is_found():
    """With the share of the width that it is near to."""
    picture = np.full((150, 150, 3), 200)
    picture[:, 75:] = 80
    said = codes(observe("composition", picture))
    assert said["upright_line_at"]["share"] == "one half"
    assert said["edges_run"]["direction"] == "vertical"


def test_noise_has_no_lines_and_no_direction():
    """Its detail is spread, and no more is said of it."""
    assert set(codes(observe("composition", grey(RNG.normal(128, 40, (160, 200)))))) == {"detail_spread"}


def test_detail_gathers_where_it_is():
    """Texture in the upper right of an even picture."""
    picture = np.full((180, 180), 128.0)
    picture[:55, 125:] = RNG.normal(128, 50, (55, 55))
    assert codes(observe("composition", grey(picture)))["detail_gathers"]["place"] == "upper right"


@pytest.mark.parametrize("name", ["composition", "symmetry"])
def test_an_even_picture_has_no_composition(name):
    """Nothing is said, rather than something of nothing."""
    assert observe(name, np.full((200, 300, 3), 128)) is None


def sharpness_of(blur, noise=0.0):
    """Return what is said of squares under a known blur and noise."""
    board = np.kron(RNG.integers(0, 2, (9, 9)), np.ones((48, 48))).astype(np.float32) * 120 + 60
    board = gaussian_blur(board, blur) if blur else board
    return codes(observe("sharpness_and_noise", grey(board + RNG.normal(0, noise, board.shape)).round()))


@pytest.mark.parametrize(
    ("blur", "code"),
    [(0, "detail_crisp"), (0.8, "detail_nearly_crisp"), (1.5, "detail_slightly_soft"), (4.0, "detail_soft")],
)
def test_sharpness_is_called_by_a_known_blur(blur, code):
    """The number that is shown is the blur."""
    said = sharpness_of(blur)
    assert code in said
    assert blur == 0 or said[code]["width"] == pytest.approx(blur, rel=0.2, abs=0.06)


@pytest.mark.parametrize(
    ("noise", "code"), [(0, "noise_none"), (2.5, "noise_fine"), (6, "noise_visible"), (15, "noise_strong")]
)
def test_noise_is_called_by_a_known_sigma(noise, code):
    """The number that is shown is the sigma."""
    said = sharpness_of(1.0, noise)
    assert said[code]["sigma"] == pytest.approx(noise, rel=0.12, abs=0.3)


def test_a_soft_part_is_named():
    """Sharp on the left, soft on the right."""
    board = np.kron(RNG.integers(0, 2, (9, 9)), np.ones((48, 48))).astype(np.float32) * 120 + 60
    half = np.where(np.arange(432) < 260, gaussian_blur(board, 1.0), gaussian_blur(board, 5.0))
    said = codes(observe("sharpness_and_noise", grey(half)))["blur_differs"]
    assert str(said["place"]).endswith("right")
    assert not str(said["sharpest"]).endswith("right")


def test_an_even_picture_is_neither_sharp_nor_soft():
    """There is no edge, and white has no noise that could be seen."""
    assert set(codes(observe("sharpness_and_noise", np.full((200, 200, 3), 255)))) == {
        "detail_too_faint",
        "noise_untold",
    }


def test_a_small_picture_is_too_small_to_measure():
    """It is said with the sides that are needed."""
    assert codes(observe("sharpness_and_noise", grey(RNG.normal(128, 9, (64, 200))))) == {
        "too_small_for_sharpness": {"width": 200, "height": 64, "least": 96}
    }


def test_thin_ink_is_dark():
    """Lines of two pixels on a large sheet cover a tenth of it: a tenth is dark and black, and nothing is grey."""
    sheet = np.full((1200, 1600, 3), 255, np.uint8)
    sheet[::20], sheet[1::20] = 0, 0
    picture = CritiquedPicture("x.png", "0" * 64, Image.fromarray(sheet))
    (result,) = plugins.load_plugin("observations", "value_structure").observe(picture, None)
    dark, middle, light = (number.value for number in result.numbers[:3])
    assert dark == pytest.approx(0.1, abs=0.04)
    assert light == pytest.approx(0.9, abs=0.06)
    assert middle < 0.06
