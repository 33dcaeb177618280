"""The enlarger: bicubic at its start, its blocks at known values, any size, its judge."""

import pytest
import torch
from torch import nn

from artpipe.artifacts.shards import Spec
from artpipe.contracts.model import Exhibit, Prompt, Restorer
from artpipe.language.sentences import make_sentence
from artpipe.models.superres import SuperResolution
from artpipe.nn.gan.patch_discriminator import PatchDiscriminator
from artpipe.nn.restoration.resize import crop_to_multiple, downscale, draw_crops, resize_bicubic, upscale
from artpipe.numerics.image_quality import psnr
from artpipe.numerics.pixels import to_bytes, to_float
from artpipe.training.restore import build_learner

ENTRY = {
    "kind": "superres",
    "dataset": "d",
    "pretrained": "u",
    "feature_extractor": "s",
    "steps": 20,
    "blocks": 2,
    "width": 8,
    "crop": 16,
}


def learner(size=16, channels=3, **changes) -> SuperResolution:
    torch.manual_seed(0)
    spec = Spec(dataset="d", channels=channels, height=size, width=size, classes=(), count=9)
    built = build_learner("s", {**ENTRY, **changes}, spec)
    assert isinstance(built, SuperResolution)
    return built


def images(count=4, size=16, channels=3, width=None):
    return torch.rand(count, channels, size, width or size, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.mark.parametrize("upsample", ["shuffle", "nearest"])
@pytest.mark.parametrize("scale", [2, 4])
def test_untrained_it_is_bicubic(scale, upsample):
    """The residual starts at nothing, whatever the way up."""
    built, small = learner(scale=scale, upsample=upsample), images(size=5, width=7)
    large = built.enlarge(small)
    assert large.shape == (4, 3, 5 * scale, 7 * scale)
    torch.testing.assert_close(large, upscale(small, scale))


def test_bicubic_by_hand():
    """Half a pixel between -1 and 1 on both sides: a = -0.5 gives weights -1/16, 9/16; a plane stays a plane."""
    line = torch.tensor([-1.0, -1.0, 1.0, 1.0]).view(1, 1, 1, 4)
    up = resize_bicubic(line, 1, 8)[0, 0, 0]
    quarter = torch.tensor([-0.0703125, 0.8671875, 0.2265625, -0.0234375])  # at 1/4, by the kernel
    assert up[3].item() == pytest.approx(-quarter[0] - quarter[1] + quarter[2] + quarter[3], abs=1e-6)
    torch.testing.assert_close(up, -up.flip(0))
    ramp = torch.arange(16.0).view(1, 1, 1, 16) / 8 - 1
    inner = resize_bicubic(ramp, 1, 32)[0, 0, 0, 4:-4]
    torch.testing.assert_close(inner.diff(), torch.full_like(inner.diff(), 1 / 16))


def test_a_reduction_does_not_alias_and_is_what_a_file_holds():
    """Stripes of one pixel become their mean; every value is one of 256 levels."""
    stripes = torch.ones(1, 1, 16, 16)
    stripes[..., ::2] = -1
    small = downscale(stripes, 2)
    assert small[..., 2:-2].abs().max() < 0.02
    some = downscale(images(), 2)
    assert torch.equal(some, to_float(to_bytes(some)))


def test_pixel_shuffle_puts_each_channel_in_its_place():
    """A head that says its channel's number paints it at row n // 2, column n % 2 of each square."""
    built = learner(channels=1)
    head = built.network.last[1]
    with torch.no_grad():
        head.bias.copy_(torch.tensor([0.0, 0.1, 0.2, 0.3]))
    residual = built.network.last(torch.zeros(1, 8, 2, 2))
    torch.testing.assert_close(residual[0, 0, :2, :2], torch.tensor([[0.0, 0.1], [0.2, 0.3]]))


def test_crops_are_pieces_of_their_pictures():
    """Every value comes from its own picture, every orientation comes up, and a seed repeats them."""
    marked = torch.arange(3.0).view(3, 1, 1, 1).expand(3, 2, 9, 12) + torch.rand(3, 2, 9, 12) * 0.5
    torch.manual_seed(3)
    cut = draw_crops(marked, 7, 2)
    assert cut.shape == (3, 2, 6, 6)
    assert cut.floor().flatten(1).unique(dim=1).flatten().tolist() == [0, 1, 2]
    torch.manual_seed(3)
    assert torch.equal(draw_crops(marked, 7, 2), cut)
    corner = torch.arange(16.0).view(1, 1, 4, 4)
    assert len({tuple(draw_crops(corner, 4, 1).flatten().tolist()) for _ in range(200)}) == 8


def test_the_first_loss_is_that_of_bicubic():
    """Mean absolute error by hand, before anything was learned."""
    built, batch = learner(), images()
    torch.manual_seed(5)
    large = draw_crops(batch, 16, 2)
    expected = (upscale(downscale(large, 2), 2) - large).abs().mean()
    torch.manual_seed(5)
    assert built.step({"images": batch})["l1"].item() == pytest.approx(expected.item(), rel=1e-5)


def test_a_judge_that_sees_no_difference_is_undecided():
    """Of equal pictures both losses are log 2; it judges patches, a quarter of the size."""
    judge, some = PatchDiscriminator(3, 4), images(size=17)
    assert judge(some).shape == (4, 1, 5, 5)
    judge.eval()  # the power iteration rests
    assert judge.generator_loss(some, some).item() == pytest.approx(0.693147, rel=1e-5)


def test_a_judge_learns_to_tell():
    """Noise from a flat grey, in a few steps: its loss falls, the painter's rises."""
    torch.manual_seed(0)
    judge = PatchDiscriminator(3, 8)
    optimiser = torch.optim.Adam(judge.parameters(), 0.01)
    flat, noise = torch.zeros(4, 3, 16, 16), images()
    losses = []
    for _ in range(30):
        optimiser.zero_grad()
        losses.append(judge.learn(noise, flat).item())
        optimiser.step()
    assert losses[-1] < 0.5 * losses[0]
    assert judge.generator_loss(noise, flat).item() > losses[0]


def test_a_restoration_keeps_its_promise():
    """Odd lines are cut off, the border is not compared, the baseline is bicubic; evaluation finds a restorer."""
    built, work = learner(), images(1, 17, width=20)
    assert isinstance(built, Restorer)
    found = built.restore(work, [1])
    assert torch.equal(found.original, crop_to_multiple(work, 2))
    assert found.mask.sum() == (16 - 4) * (20 - 4)
    assert torch.equal(found.baseline, upscale(downscale(found.original, 2), 2))
    assert torch.equal(found.restored, found.baseline)


def test_what_hangs():
    """A small work larger than it is, a large one beside itself; both with what was before, and their digests."""
    digests = torch.arange(2, dtype=torch.uint8)[:, None].expand(-1, 32)
    works = {"images": images(2), "digests": digests}
    small = learner(show=64).exhibit(Prompt(seeds=[1, 2], works=works))
    assert [one.digests for one in small] == [("00" * 32,), ("01" * 32,)]
    assert {tuple(picture.shape) for picture in pictures(small[0])} == {(3, 64, 64)}
    assert make_sentence(small[0].caption).startswith("4 times its size; back from half its size, ")
    large = learner(show=16).exhibit(Prompt(seeds=[1], works=works))
    assert len(large) == 1
    assert large[0].role == "enlargement"
    assert {tuple(picture.shape) for picture in pictures(large[0])} == {(3, 16, 16)}
    assert torch.equal(large[0].parts["original"], works["images"][0])
    assert learner().exhibit(Prompt(seeds=[1])) == []


def pictures(exhibit: Exhibit):
    return [exhibit.data, exhibit.parts["before"], exhibit.parts["original"]]


def test_it_learns_what_bicubic_does_not_know():
    """Hard edges at random places: better than bicubic on new ones, and `validate` says so."""
    generator = torch.Generator().manual_seed(0)
    edges = torch.rand(80, 1, 1, 1, generator=generator) * 10 + 3
    all_of_them = torch.where(torch.arange(16.0) < edges, -1.0, 1.0).expand(80, 1, 16, 16).contiguous()
    built = learner(channels=1, learning_rate=0.005, steps=150, warmup_steps=5)
    for step in range(150):
        torch.manual_seed(step)
        built.step({"images": all_of_them[step % 4 * 16 : step % 4 * 16 + 16]})
        built.steps_done += 1
    found = built.eval().validate({"images": all_of_them[64:]})
    assert found["psnr_gain"] > 1.5
    restored = built.restore(all_of_them[64:], range(16))
    assert found["psnr"] == pytest.approx(psnr(restored.restored, restored.original, restored.mask).mean().item())
    assert built.validate({}) == {}


def test_its_networks_are_of_plain_convolutions():
    """No statistics of a batch: a picture is enlarged the same in any company."""
    assert not any(isinstance(part, nn.BatchNorm2d) for part in learner(adversarial_from_step=0).modules())
    built, some = learner(), images()
    torch.testing.assert_close(built.enlarge(some)[2:3], built.enlarge(some[2:3]), rtol=0, atol=0)
