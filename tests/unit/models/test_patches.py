"""Patch synthesis as a kind: its pictures, their sources, resuming at every step, what it refuses and its metric."""

import copy
import re

import pytest
import torch

from artpipe.artifacts.shards import Spec
from artpipe.contracts.composer import Composer
from artpipe.contracts.model import Prompt
from artpipe.contracts.steered_sampler import Steering
from artpipe.errors import UserError
from artpipe.evaluation.steered_samples import SteeringRequest, check_request, fill_holes
from artpipe.language.sentences import make_sentence
from artpipe.models.patches import Patches
from artpipe.numerics.pixels import to_bytes, to_float
from artpipe.training.restore import build_learner

ENTRY = {"kind": "patches", "dataset": "d", "pretrained": "u", "feature_extractor": "s"}
SMALL = {"steps": 6, "patch": 3, "coarsest": 8, "analogy_coarsest": 12, "variations": 1, "mixtures": 1, "components": 9}
CLASSES = ("waves", "stars")


def works(size=16):
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (2, 3, size, size), dtype=torch.uint8, generator=generator)
    digests = torch.arange(64).view(2, 32).to(torch.uint8)
    return {"images": images, "labels": torch.tensor([0, 1]), "digests": digests}


def learner(size=16, channels=3, **changes) -> Patches:
    spec = Spec(dataset="d", channels=channels, height=size, width=size, classes=CLASSES, count=2)
    built = build_learner("s", {**ENTRY, **SMALL, "works": CLASSES, "formats": (2.0, 0.5), **changes}, spec)
    assert isinstance(built, Patches)
    return built


def train(built: Patches, steps: int) -> None:
    for _ in range(steps):
        torch.manual_seed(built.steps_done)
        built.step({})
        built.steps_done += 1


@pytest.fixture(scope="module")
def trained() -> Patches:
    built = learner()
    built.prepare_training(works())
    train(built, 6)
    return built


def test_pictures_and_captions(trained):
    """A variation of each work, a mixture, an analogy, and each format of another work, in the works' own size."""
    exhibits = trained.exhibit(Prompt(seeds=[0]))
    shown = [(exhibit.role, make_sentence(exhibit.caption), tuple(exhibit.data.shape[1:])) for exhibit in exhibits]
    assert shown[2:] == [
        ("mixture", "waves and stars, mixed", (16, 16)),
        ("analogy", "waves, out of the pieces of stars", (16, 16)),
        ("format", "waves, 2 times as wide", (16, 32)),
        ("format", "stars, 2 times as tall", (32, 16)),
    ]
    assert [role for role, *_ in shown[:2]] == ["variation", "variation"]
    assert all(exhibit.parts["map"].shape == exhibit.data.shape for exhibit in exhibits)


def test_every_pixel_is_one_of_a_work(trained):
    """To the byte; shares add up to 1 and stand beside the digests of the works."""
    colours = {tuple(row) for row in works()["images"].permute(0, 2, 3, 1).reshape(-1, 3).tolist()}
    for exhibit in trained.exhibit(Prompt(seeds=[0])):
        assert {tuple(row) for row in to_bytes(exhibit.data).flatten(1).T.tolist()} <= colours
        assert sum(exhibit.shares) == pytest.approx(1)
        assert len(exhibit.shares) == len(exhibit.digests)


def test_the_work_of_a_layout_is_named(trained):
    """With no share of the pixels; it hangs beside the picture."""
    analogy = next(exhibit for exhibit in trained.exhibit(Prompt(seeds=[0])) if exhibit.role == "analogy")
    assert analogy.shares == (1.0, 0.0)
    assert analogy.digests == tuple(bytes(works()["digests"][row].tolist()).hex() for row in (1, 0))
    assert torch.equal(analogy.parts["before"], to_float(works()["images"][0]))


@pytest.mark.parametrize("stop", [1, 3, 5])
def test_a_resumed_training_ends_with_the_same_bytes(trained, stop):
    """Whichever step it was stopped after; the global generator decides what is random."""
    first, second = learner(), learner()
    first.prepare_training(works())
    train(first, stop)
    second.load_training_state(copy.deepcopy(first.training_state()))
    train(second, 6 - stop)
    assert all(torch.equal(second.state_dict()[name], tensor) for name, tensor in trained.state_dict().items())


def test_a_copy_is_said_to_be_one():
    """Without noise, and of one piece that was not moved, all of a work lies where it lay."""
    built = learner(variations=1, mixtures=0, analogies=0, formats=(), steps=1, coarsest=16)
    built.prepare_training(works())
    shape = (14, 14)
    built.get_buffer("matches_0")[:14, :14] = torch.arange(196).view(shape)
    built.done.fill_(1)
    exhibit = built.exhibit(Prompt(seeds=[0]))[0]
    assert make_sentence(exhibit.caption) == "waves, a copy: 100% of it lies where it lies in the work"
    assert torch.equal(exhibit.data, to_float(works()["images"][0]))


def test_captions_of_works_without_a_class():
    """No work is called untitled: it is a work, and two of them are two works."""
    built = learner(works=(), count=2)
    built.prepare_training({key: column for key, column in works().items() if key != "labels"})
    train(built, 1)
    captions = [make_sentence(exhibit.caption) for exhibit in built.exhibit(Prompt(seeds=[0]))]
    assert captions[0] == "variation on a work"
    assert {"two works, mixed", "a work, out of the pieces of another"} < set(captions)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"works": ("wave",)}, "dataset `d` has no class `wave`, did you mean `waves`?"),
        ({"coarsest": 17}, "`coarsest` is 17; more than `patch` 3 and at most 16 is wanted"),
        ({"formats": (9.0,)}, "`formats` has 9; 0.2 to 5 is wanted"),
        ({"variations": 0, "mixtures": 0, "analogies": 0, "formats": ()}, "nothing to make"),
    ],
)
def test_refusals(changes, message):
    """One line each."""
    with pytest.raises(UserError) as refused:
        learner(**changes)
    assert message in str(refused.value)


def test_it_is_a_composer(trained):
    """So the metric `patch_sources` applies."""
    assert isinstance(trained, Composer)


def masked(size=16):
    """A picture that the composer never saw, and a mask of its middle as a command line gives it."""
    picture = torch.rand(3, size, size, generator=torch.Generator().manual_seed(9)) * 2 - 1
    painted = torch.zeros(1, size, size)
    painted[:, 7:9, 7:9] = 1
    return picture, painted


def test_a_hole_of_a_given_picture_is_filled(trained):
    """What is not masked stays bit by bit, each seed is a filling of its own, and works that gave pixels are named."""
    picture, painted = masked()
    filled = list(fill_holes(trained, 3, 5, Steering(like=picture, painted=painted)))
    assert [exhibit.seed for exhibit in filled] == [5, 6, 7]
    known = {bytes(digest.tolist()).hex() for digest in trained.digests}
    for exhibit in filled:
        assert torch.equal(exhibit.data[:, painted[0] == 0], picture[:, painted[0] == 0])
        assert {*exhibit.digests} <= known
        assert len(exhibit.shares) == len(exhibit.digests)
        assert all(0 < share <= 4 / 256 for share in exhibit.shares)  # the hole has four pixels of 256


WRONG = {
    "no mask": (SteeringRequest(Steering(like=masked()[0]), given={"like": "a"}), "--like: mine is of the kind patches, which fills"),
    "words": (SteeringRequest(prompt="a heart"), "--prompt: mine is of the kind patches, which takes no more than"),
    "steps": (
        SteeringRequest(Steering(like=masked()[0], painted=masked()[1], steps=4), given={"like": "a", "keep": "b"}),
        "--steps: mine is of the kind patches, which takes no more than --like and --keep",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("request_", "line"), WRONG.values(), ids=WRONG)
def test_what_fills_no_hole_is_refused(trained, request_, line):
    """A picture without a mask, and whatever steers others, is refused in one line."""
    with pytest.raises(UserError, match=re.escape(line)):
        check_request(trained, "mine", request_, [])
