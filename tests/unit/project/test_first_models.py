"""Which models a new dataset begins with."""

import pytest

from artpipe.contracts.plugin_info import NewDatasets
from artpipe.project import first_models
from artpipe.project.first_models import NewWorks, SizedModels, choose_first_models

RULES = {
    "collage": NewDatasets(size=256, sizes=(128, 512), promise="collages of a few works"),
    "dream": NewDatasets(least_works=1000, size=64, sizes=(8, 128), promise="dreams"),
    "judge": NewDatasets(least_works=1000, size=64, sizes=(8, 128)),
}
ASKED = NewDatasets(least_works=1000, least_captioned_works=400, size=32, sizes=(16, 128))


@pytest.fixture(autouse=True)
def rules(monkeypatch):
    monkeypatch.setattr(first_models, "_find_rules", lambda medium: dict(RULES))


@pytest.mark.parametrize(
    ("works", "size", "named", "kinds", "side"),
    [
        (100, None, None, ("collage",), 256),
        (999, None, None, ("collage",), 256),
        (1000, None, None, ("dream", "judge"), 64),
        (5000, 256, None, ("collage",), 256),
        (100, 32, None, ("dream", "judge"), 32),  # who asks for a small size gets what can do with it
        (100, None, ["dream"], ("dream",), 64),
        (100, None, [], (), 64),
        (100, 48, ["collage"], ("collage",), 48),
    ],
)
def test_kinds_and_size(works, size, named, kinds, side):
    """The number of works decides, and what a person said goes first."""
    chosen = choose_first_models(NewWorks("picture", works, "picture"), size, named)
    assert (chosen.kinds, chosen.large.size, chosen.small) == (kinds, side, None)


def test_each_is_told_in_a_line():
    """What is there and why, and what is not there and what it would need."""
    few = choose_first_models(NewWorks("picture", 100, "picture"), None, None)
    assert few.lines == (
        "collage: collages of a few works",
        "not dream and judge: 100 pictures are too few to learn from nothing, 1,000 of one kind or more are wanted",
    )
    many = choose_first_models(NewWorks("picture", 2000, "picture"), None, None)
    assert many.lines == ("dream: dreams", "not collage: of pictures of 256 pixels, `--size 256`")
    named = choose_first_models(NewWorks("picture", 100, "picture"), None, ["dream"])
    assert named.lines == ("dream: dreams", "dream: 100 pictures are few to learn from, 1,000 or more are wanted")


def test_without_weights(monkeypatch):
    """A kind that needs trained weights is not chosen where there are none."""
    monkeypatch.setattr(first_models, "_needs_weights", lambda kind: kind == "dream")
    assert choose_first_models(NewWorks("picture", 2000, "picture"), None, None, weights=False).kinds == ("judge",)


@pytest.mark.parametrize(
    ("works", "captioned", "size", "kinds", "side"),
    [
        (399, True, None, ("collage",), 256),
        (400, True, None, ("asked",), 32),
        (400, False, None, ("collage",), 256),
        (400, True, 256, ("collage",), 256),
        (1000, False, None, ("dream", "judge", "asked"), 32),  # one size: the least that these want
        (1000, True, None, ("dream", "judge", "asked"), 32),
    ],
)
def test_captions_need_fewer_works(monkeypatch, works, captioned, size, kinds, side):
    """A kind that is asked in words does with fewer works, where they have captions."""
    monkeypatch.setattr(first_models, "_find_rules", lambda medium: {**RULES, "asked": ASKED})
    chosen = choose_first_models(NewWorks("picture", works, "picture", captioned), size, None)
    assert (chosen.kinds, chosen.large.size, chosen.small) == (kinds, side, None)


def test_captions_are_told(monkeypatch):
    """Without captions a line says that fewer works would do with them."""
    monkeypatch.setattr(first_models, "_find_rules", lambda medium: {**RULES, "asked": ASKED})
    lines = choose_first_models(NewWorks("picture", 100, "picture"), None, None).lines
    assert lines[-1].startswith("not asked: 100 pictures are too few")
    assert lines[-1].endswith("1,000 of one kind or more are wanted, 400 with captions")
    captioned = choose_first_models(NewWorks("picture", 100, "picture", captioned=True), None, None).lines
    assert captioned[1] == (
        "not asked: 100 pictures with captions are too few to learn from nothing, 400 of one kind or more are wanted"
    )


@pytest.mark.parametrize(
    ("works", "captioned", "short_side", "large", "small"),
    [
        (399, True, 512, ("collage",), None),
        (400, True, 127, ("asked",), None),  # too small for the collage
        (400, True, 256, ("collage",), ("asked",)),
        (400, False, 512, ("collage",), None),
        (1000, False, 512, ("collage",), ("dream", "judge", "asked")),
        (4001, False, 512, ("dream", "judge", "asked"), None),  # large pictures of so many take too much disk
    ],
)
def test_large_works_stay_large(monkeypatch, works, captioned, short_side, large, small):
    """What needs few works keeps its size beside what learns from many at fewer pixels."""
    rules = {**RULES, "collage": RULES["collage"].model_copy(update={"most_works": 4000}), "asked": ASKED}
    monkeypatch.setattr(first_models, "_find_rules", lambda medium: rules)
    chosen = choose_first_models(NewWorks("picture", works, "picture", captioned, lambda: short_side), None, None)
    assert chosen.large == SizedModels(large, 256 if "collage" in large else 32)
    assert chosen.small == (SizedModels(small, 32) if small else None)


@pytest.mark.parametrize(
    ("works", "side", "kinds", "size", "is_own_size"),
    [
        (100, 0, ("collage",), 256, False),  # not known
        (100, 255, ("collage",), 252, True),
        (100, 300, ("collage",), 256, False),
        (2000, 60, ("dream", "judge"), 60, True),
        (2000, 64, ("dream", "judge"), 64, False),
        (2000, 5, ("dream", "judge"), 16, True),
    ],
)
def test_small_works_are_not_enlarged(works, side, kinds, size, is_own_size):
    """Works that are smaller than their kinds want have their own size, a multiple of 4."""
    chosen = choose_first_models(NewWorks("picture", works, "picture", measure_side=lambda: side), None, None)
    assert chosen.large == SizedModels(kinds, size, is_own_size)


def test_what_small_works_are_too_small_for():
    """Of works smaller than a kind can do with, a line says so; what a person named or a size is left alone."""
    rules = {**RULES, "pieces": NewDatasets(size=256, sizes=(24, 512), promise="pieces")}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(first_models, "_find_rules", lambda medium: rules)
        works = NewWorks("picture", 100, "picture", measure_side=lambda: 60)
        small = choose_first_models(works, None, None)
        assert small.large == SizedModels(("pieces",), 60, True)
        assert "not collage: of pictures of 256 pixels; most of these have 60 or little more" in small.lines
        assert choose_first_models(works, 256, None).large == SizedModels(("collage", "pieces"), 256)
        assert choose_first_models(works, None, ["collage"]).large == SizedModels(("collage",), 256)


def test_works_of_middle_size_stay_at_it():
    """Beside what learns at 32 pixels, works of 255 keep 252, and are not enlarged to 256; of 47 there is one size."""
    rules = {**RULES, "pieces": NewDatasets(size=256, sizes=(24, 512), most_works=4000), "asked": ASKED}
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(first_models, "_find_rules", lambda medium: rules)
        sides = {255: SizedModels(("collage", "pieces"), 252, True), 60: SizedModels(("pieces",), 60, True)}
        for side, large in sides.items():
            chosen = choose_first_models(NewWorks("picture", 400, "picture", True, lambda side=side: side), None, None)
            assert (chosen.large, chosen.small) == (large, SizedModels(("asked",), 32))
        chosen = choose_first_models(NewWorks("picture", 400, "picture", True, lambda: 47), None, None)
        assert (chosen.large, chosen.small) == (SizedModels(("asked",), 32), None)
