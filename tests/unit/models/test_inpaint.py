"""The repairer: known pixels untouched bit by bit, the guess at its start, its gates at known values."""

import pytest
import torch
from pydantic import ValidationError

from artpipe.artifacts.shards import Spec
from artpipe.contracts.model import Prompt, Restorer
from artpipe.errors import UserError
from artpipe.language.sentences import make_sentence
from artpipe.models.inpaint import GatedConvolution, Inpainting, lost_error
from artpipe.nn.restoration.corruption import DAMAGE_KINDS
from artpipe.nn.restoration.hole_filling import fill_harmonic
from artpipe.numerics.pixels import to_bytes, to_float
from artpipe.training.restore import build_learner

ENTRY = {
    "kind": "inpaint",
    "dataset": "d",
    "pretrained": "u",
    "feature_extractor": "i",
    "steps": 20,
    "width": 4,
    "crop": 16,
    "brush": 4,
}


def learner(size=16, channels=3, **changes) -> Inpainting:
    torch.manual_seed(0)
    spec = Spec(dataset="d", channels=channels, height=size, width=size, classes=(), count=9)
    built = build_learner("i", {**ENTRY, **changes}, spec)
    assert isinstance(built, Inpainting)
    return built


def images(count=4, size=16, channels=3, width=None):
    shape = (count, channels, size, width or size)
    return to_float(torch.randint(0, 256, shape, generator=torch.Generator().manual_seed(1), dtype=torch.uint8))


def hole(count, height, width):
    mask = torch.zeros(count, 1, height, width, dtype=torch.bool)
    mask[..., height // 4 : height // 2, width // 4 : width // 2] = True
    return mask


def trained(**changes) -> Inpainting:
    """Return one whose residual is something."""
    built = learner(**changes)
    torch.manual_seed(1)
    for _ in range(3):
        built.step({"images": images()})
        built.steps_done += 1
    return built.eval()


@pytest.mark.parametrize("size", [(16, 16), (17, 23), (40, 33)])
def test_known_pixels_are_untouched_bit_by_bit(size):
    """All 256 levels, as floats and as bytes, at any size; what is lost is painted."""
    some, mask = images(2, size[0], width=size[1]), hole(2, *size)
    whole = trained().repair(some, mask)
    known = ~mask.expand_as(some)
    assert torch.equal(whole[known], some[known])
    assert torch.equal(to_bytes(whole)[known], to_bytes(some)[known])
    assert not torch.equal(whole[~known], some[~known])
    levels = torch.arange(256, dtype=torch.uint8)
    assert torch.equal(to_bytes(to_float(levels)), levels)


def test_what_stands_in_a_hole_is_not_read():
    """Another colour of the damage, the same repair."""
    some, mask, built = images(2), hole(2, 16, 16), trained()
    assert torch.equal(built.repair(some.masked_fill(mask, 1), mask), built.repair(some.masked_fill(mask, -1), mask))


def test_untrained_it_is_the_guess():
    """The residual starts at nothing, the guess is the harmonic fill, not to the last digit."""
    some, mask = images(2), hole(2, 16, 16)
    torch.testing.assert_close(learner().repair(some, mask), fill_harmonic(some, mask), atol=0.05, rtol=0)


def test_a_mask_over_everything_is_one_line():
    """And nothing is painted."""
    with pytest.raises(UserError, match=r"^mask 0: it covers all 16 x 16 pixels; leave some of the picture$"):
        learner().repair(images(1), torch.ones(1, 1, 16, 16, dtype=torch.bool))


@pytest.mark.parametrize(
    ("gates", "expected"),
    [
        ((0.0, 0.0), (0.6, 0.8)),
        ((100.0, 100.0), (0.6, 0.8)),
        ((-100.0, 0.0), (0.0, 1.0)),
        ((-100.0, -100.0), (0.0, 0.0)),
    ],
)
def test_gates_by_hand(gates, expected):
    """Features 3 and 4 keep their ratio and get a mean square of 1; one behind a closed gate is nothing, so are both."""
    gated = GatedConvolution(1, 2)
    torch.nn.init.zeros_(gated.both.weight)
    with torch.no_grad():
        gated.both.bias.copy_(torch.tensor([3.0, 4.0, *gates]))
        found = gated(torch.zeros(1, 1, 3, 3))
    assert found[0, :, 1, 1].tolist() == pytest.approx([2**0.5 * value for value in expected], abs=1e-4)


def test_the_loss_by_hand():
    """An error of 0.5 in one of two lost pixels, 9 in a known one: 0.25; with nothing lost 0."""
    whole, painted = torch.zeros(1, 2, 2, 2), torch.zeros(1, 2, 2, 2)
    painted[..., 0, 0], painted[..., 1, 1] = 0.5, 9.0
    mask = torch.tensor([[True, True], [False, False]]).view(1, 1, 2, 2)
    assert lost_error(painted, whole, mask).item() == pytest.approx(0.25)
    assert lost_error(painted, whole, torch.zeros_like(mask)).item() == 0


def test_a_restoration_keeps_its_promise():
    """Only what was lost is compared; the baseline is the harmonic fill of the same damage; evaluation finds a restorer."""
    built, some = trained(), images(4)
    assert isinstance(built, Restorer)
    found = built.restore(some, range(4))
    known = ~found.mask.expand_as(some)
    assert torch.equal(found.restored[known], some[known])
    torch.testing.assert_close(found.baseline, fill_harmonic(found.damaged, found.mask).clamp(-1, 1))
    again = built.restore(some[1:2], [1])
    torch.testing.assert_close(again.restored[0], found.restored[1])


def test_what_hangs():
    """Each kind in its turn, with what was before, the work itself and the baseline."""
    digests = torch.arange(4, dtype=torch.uint8)[:, None].expand(-1, 32)
    hung = trained().exhibit(Prompt(seeds=range(8, 12), works={"images": images(), "digests": digests}))
    assert [make_sentence(one.caption).split(" ")[0] for one in hung] == list(DAMAGE_KINDS)
    assert {one.role for one in hung} == {"restoration"}
    assert set(hung[0].parts) == {"before", "original", "harmonic fill"}
    assert hung[3].digests == ("03" * 32,)
    assert learner().exhibit(Prompt(seeds=[1])) == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"least_lost": 0.5, "most_lost": 0.2},
        {"most_lost": 0.95},
        {"most_lost": 1.0},
        {"brush": 40.0, "crop": 64},
        {"brush": float("inf")},
        {"damage": ["rust"]},
        {"damage": []},
    ],
)
def test_shares_and_kinds_have_bounds(wrong):
    """Nothing to go by, or nothing to repair."""
    with pytest.raises((ValidationError, UserError)):
        learner(**wrong)


@pytest.mark.nightly
def test_it_learns_what_no_membrane_knows():
    """Stripes go on through a scratch; the harmonic fill blurs them."""
    phases = torch.randint(0, 6, (80, 1, 1, 1), generator=torch.Generator().manual_seed(0))
    stripes = torch.where((torch.arange(16) + phases) % 6 < 3, -1.0, 1.0).expand(80, 1, 16, 16).contiguous()
    built = learner(channels=1, width=8, levels=2, learning_rate=0.005, steps=150, warmup_steps=5, damage=["strokes"])
    for step in range(150):
        torch.manual_seed(step)
        built.step({"images": stripes[step % 4 * 16 : step % 4 * 16 + 16]})
        built.steps_done += 1
    assert built.eval().validate({"images": stripes[64:]})["psnr_gain"] > 1.5
    assert built.validate({}) == {}
