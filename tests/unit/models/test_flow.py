"""The flow kind: its step and resume, words and labels, steering by pictures, and what picks the snapshot."""

import pytest
import torch

from artpipe.artifacts.caption_columns import make_caption_columns
from artpipe.artifacts.shards import Spec
from artpipe.contracts.model import LatentWalker, Prompt, Sampler
from artpipe.contracts.steered_sampler import SteeredSampler, Steering
from artpipe.language.sentences import make_sentence
from artpipe.models.flow import MODEL, Flow, Params
from artpipe.nn.flow_matching.conditions import caption_tokens
from artpipe.nn.flow_matching.straight_path import spread_times

ENTRY = {"kind": "flow", "dataset": "toy", "pretrained": "x", "feature_extractor": "x", "batch_size": 8}
SMALL = {"width": 8, "inner_width": 8, "inner_blocks": 2, "condition_dim": 8, "sampling_steps": 3, "warmup_steps": 0}


def learner(side: int = 8, *, classes: int = 3, channels: int = 1, **entry) -> Flow:
    torch.manual_seed(0)
    names = ("red", "green", "blue")[:classes]
    spec = Spec(dataset="toy", channels=channels, height=side, width=side, classes=names, count=99)
    return Flow(Params(**{**ENTRY, **SMALL, **entry}), spec)


def trained(steps: int = 3, **entry) -> Flow:
    """Some steps on, so that conditions have an effect."""
    flow = learner(learning_rate=1e-2, ema_halflife_pictures=0, **entry)
    for done in range(steps):
        flow.steps_done = done
        flow.step(batch(flow.spec.height, channels=flow.spec.channels))
    return flow.eval()


def batch(side: int = 8, count: int = 8, channels: int = 1) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    images = torch.rand(count, channels, side, side, generator=generator) * 2 - 1
    return {"images": images, "labels": torch.arange(count) % 4 - 1}


def _through_disk(state):
    """What safetensors keeps: contiguous copies, no memory layout."""
    if isinstance(state, torch.Tensor):
        return state.detach().clone(memory_format=torch.contiguous_format)
    if isinstance(state, dict):
        return {key: _through_disk(value) for key, value in state.items()}
    return [_through_disk(value) for value in state] if isinstance(state, list) else state


@pytest.mark.parametrize("side", [8, 20])
def test_steps_and_resumes(side):
    """It goes on bit by bit from a saved state."""
    one, other = (learner(side, flip=True) for _ in range(2))
    losses = one.step(batch(side))
    assert set(losses) == {"velocity"}
    assert losses["velocity"].isfinite()
    one.steps_done = 1
    with torch.no_grad():
        for weight in other.parameters():
            weight.add_(1)
    state = torch.get_rng_state()
    other.load_training_state(_through_disk(one.training_state()))
    one.step(batch(side))
    torch.set_rng_state(state)
    other.step(batch(side))
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_labels_are_words_of_their_classes():
    """Asked for label 1 or for the word "green" it paints the same; another word, another picture."""
    flow = trained()
    by_label = flow.sample(Prompt([5], torch.tensor([1])))
    by_word, other = (flow.steer(_noise(flow, 5), Steering(captions=[word])) for word in ("green", "blue"))
    assert torch.equal(by_label, by_word)
    assert not torch.equal(by_label, other)
    assert torch.equal(flow.sample(Prompt([4])), flow.sample(Prompt([4], torch.tensor([1]))))


def _noise(flow: Flow, *seeds: int) -> torch.Tensor:
    return Prompt(seeds).noise(flow.noise_size)


def test_captions_take_the_place_of_labels():
    """Where a batch has captions, they are learned from; a tenth of the rows, all with a share of 1, have none."""
    flow, works = learner(unconditional=0, class_words=0), batch()
    captions = caption_tokens(("a cat",) * 8)
    assert torch.equal(flow.prepare_batch({**works, "captions": captions})["tokens"], captions)
    assert not learner(unconditional=1).prepare_batch(works)["tokens"].any()
    assert not learner(conditional=False, unconditional=0).prepare_batch(works)["tokens"].any()
    assert not learner(classes=0, unconditional=0).prepare_batch(works)["tokens"].any()


def test_guidance_and_negative_words_change_the_picture():
    """More guidance, and words to lead away from, give other pictures; with a guidance of 1 such words say nothing."""
    flow = trained(guidance=1.0)
    noise = _noise(flow, 1)
    plain = flow.steer(noise, Steering(captions=["red"]))
    guided = flow.steer(noise, Steering(captions=["red"], guidance=4.0))
    away = flow.steer(noise, Steering(captions=["red"], guidance=4.0, negative="green"))
    assert not torch.equal(plain, guided)
    assert not torch.equal(guided, away)
    assert torch.equal(plain, flow.steer(noise, Steering(captions=["red"], negative="green")))


def test_a_strength_of_zero_is_the_picture_and_of_one_is_none_of_it():
    """Between them a picture is the nearer to what was given, the less strength there is."""
    flow = trained()
    noise, like = _noise(flow, 1, 2), torch.rand(1, 8, 8) * 2 - 1
    made = [flow.steer(noise, Steering(like=like, strength=strength)) for strength in (0.0, 0.3, 0.8, 1.0)]
    assert torch.equal(made[0], like.expand(2, -1, -1, -1))
    distances = [(pictures - like).norm().item() for pictures in made]
    assert distances == sorted(distances)
    torch.testing.assert_close(made[3], flow.steer(noise, Steering()))


def test_outside_of_the_mask_every_pixel_stays():
    """What is not painted is the given picture bit by bit; what is painted depends on the seed."""
    flow = trained()
    like, painted = torch.rand(1, 8, 8) * 2 - 1, torch.zeros(1, 8, 8)
    painted[:, :, 4:] = 1
    one, other = flow.steer(_noise(flow, 1, 2), Steering(like=like, painted=painted))
    assert torch.equal(one[:, :, :4], like[:, :, :4])
    assert torch.equal(other[:, :, :4], like[:, :, :4])
    assert not torch.equal(one[:, :, 4:], other[:, :, 4:])


def test_a_walk_passes_what_is_sampled():
    """At a sample's noise and class, in as many steps, a walk paints the sample."""
    flow = trained(walk_steps=3)
    assert isinstance(flow, LatentWalker)
    sample = flow.sample(Prompt([3], torch.tensor([2])))
    torch.testing.assert_close(flow.walk(_noise(flow, 3), torch.eye(3)[2:]), sample)
    free = learner(classes=0)
    torch.testing.assert_close(free.walk(_noise(free, 3), torch.zeros(1, 0)), free.sample(Prompt([3])))


def test_a_walk_passes_what_words_ask_for():
    """All of one caption's share paints that caption; half of two paints neither."""
    flow, captions = trained(walk_steps=3), ["a green thing", "blue"]
    noise = _noise(flow, 3).expand(3, -1)
    first, last, between = flow.walk_captions(noise, captions, torch.tensor([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5]]))
    asked = flow.steer(noise[:2], Steering(captions=captions, steps=3, guidance=1.0))
    torch.testing.assert_close(torch.stack([first, last]), asked)
    assert not torch.allclose(between, first)
    assert not torch.allclose(between, last)


def test_validation_is_the_error_of_the_velocity():
    """It is the same twice, and that of a network which predicts nothing is known: the mean of x^2 / (1 - t)^2."""
    flow = learner()
    state = torch.get_rng_state()
    first = flow.validate(batch(count=64))
    assert first == flow.validate(batch(count=64))
    assert torch.equal(state, torch.get_rng_state())
    left = (1 - spread_times(64, flow.params.time_mean, flow.params.time_std)).clamp(min=0.05)
    expected = (batch(count=64)["images"].square().flatten(1).mean(1) / left.square()).mean().item()
    assert first["velocity_error"] == pytest.approx(expected, rel=1e-5)
    assert flow.validate({}) == {}
    assert flow.selection_measure == ("velocity_error", "min")


def test_exhibits_say_what_was_asked():
    """A caption names the asked label; a seed alone decides its picture, whatever stands beside it."""
    flow = trained()
    three = flow.exhibit(Prompt([4, 5, 6], torch.tensor([2, 0, -1])))
    assert [make_sentence(work.caption) for work in three] == ["blue, asked for", "red, asked for", "untitled"]
    torch.testing.assert_close(flow.exhibit(Prompt([5], torch.tensor([0])))[0].data, three[1].data)


def test_learns_two_pictures_and_their_words():
    """Shown a light picture as "red" and a dark one as "green", it paints what it is asked for."""
    flow = learner(steps=80, learning_rate=1e-2, ema_halflife_pictures=50, guidance=1.0)
    labels = torch.arange(8) % 2
    works = {"images": (0.6 - 1.2 * labels)[:, None, None, None].expand(8, 1, 8, 8).contiguous(), "labels": labels}
    for done in range(80):
        flow.steps_done = done
        flow.step(works)
    flow.eval()
    light, dark = (flow.steer(_noise(flow, *range(8)), Steering(captions=[word] * 8)) for word in ("red", "green"))
    assert (light - 0.6).abs().mean() < 0.2
    assert (dark + 0.6).abs().mean() < 0.2


def test_bf16_steps():
    """Under bf16 autocast losses stay finite and weights stay fp32."""
    flow = learner()
    flow.amp_dtype = torch.bfloat16
    assert flow.step(batch())["velocity"].isfinite()
    assert all(weight.dtype == torch.float32 for weight in flow.parameters())


def test_is_a_model():
    """The kind reads pictures and labels, and is steered."""
    assert MODEL.reads == {"images", "labels"}
    assert MODEL.params is Params
    assert isinstance(learner(), Sampler)
    assert isinstance(learner(), SteeredSampler)


def test_captions_of_held_out_works_are_asked_for():
    """Given works with captions it paints these, by seed, and shows them; some of the learned ones are class words."""
    flow, texts = trained(), ("a red cat", "two dogs")
    works = {name: torch.from_numpy(column) for name, column in make_caption_columns(texts).items()}
    made = flow.exhibit(Prompt([4, 5], torch.tensor([0, 0]), works))
    assert [work.caption for work in made] == list(texts)
    torch.testing.assert_close(made[1].data, flow.steer(_noise(flow, 5), Steering(captions=["two dogs"]))[0])
    learned = learner(unconditional=0, class_words=1).prepare_batch(
        {**batch(), "captions": works["captions"].repeat(4, 1, 1)}
    )
    assert torch.equal(learned["tokens"][1], caption_tokens(("red",))[0])
    assert torch.equal(learned["tokens"][0], works["captions"][0])  # it has no label
