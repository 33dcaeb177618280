"""The gan kind: both players, every loss, labels, resume."""

import itertools

import pytest
import torch
from pydantic import ValidationError

from artpipe.artifacts.shards import Spec
from artpipe.contracts.model import FeatureExtractor, Prompt, Sampler
from artpipe.language.sentences import make_sentence
from artpipe.models.gan import GAN, MODEL, Params
from artpipe.nn.gan.losses import ADVERSARIAL_LOSSES
from artpipe.numerics.kernel_distance import kernel_distance

ENTRY = {"kind": "gan", "dataset": "toy", "pretrained": "x", "feature_extractor": "x", "batch_size": 8}
SMALL = {"latent_dim": 8, "generator_width": 8, "discriminator_width": 8, "least_width": 4}


def learner(
    side: int = 8, *, classes: int = 3, count: int = 20_000, channels: int = 1, feature_extractor=None, **entry
) -> GAN:
    torch.manual_seed(0)
    names = tuple(str(label) for label in range(classes))
    spec = Spec(dataset="toy", channels=channels, height=side, width=side, classes=names, count=count)
    return GAN(Params(**{**ENTRY, **SMALL, **entry}), spec, feature_extractor)


def batch(side: int = 8, count: int = 8, channels: int = 1) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    images = torch.rand(count, channels, side, side, generator=generator) * 2 - 1
    return {"images": images, "labels": torch.arange(count) % 4 - 1}


@pytest.mark.parametrize(
    ("side", "architecture", "loss"),
    list(itertools.product([8, 28], ["dcgan", "residual"], ADVERSARIAL_LOSSES)),
    ids=str,
)
def test_steps_and_resumes(side, architecture, loss):
    """Every architecture takes a step on every loss, and goes on bit by bit from a saved state."""
    one, other = (learner(side, architecture=architecture, loss=loss, critic_steps=1) for _ in range(2))
    losses = one.step(batch(side))
    assert set(losses) == {"generator", "discriminator", "d_real", "d_fake", "penalty"}
    assert all(value.isfinite() and not value.requires_grad for value in losses.values())
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


def test_the_share_of_augmented_pictures_resumes():
    """The share of augmented pictures is state: a training goes on as if it had not stopped."""
    entry = {
        "augment": ("flip", "cutout"),
        "augment_target": 0.6,
        "augment_pictures": 16,
    }
    one, other = (learner(16, channels=3, **entry) for _ in range(2))
    assert one.step(batch(16, channels=3))["augmented"] == one.augment.share
    one.augment.share.fill_(0.5)
    one.steps_done = 1
    state = torch.get_rng_state()
    other.load_training_state(_through_disk(one.training_state()))
    one.step(batch(16, channels=3))
    torch.set_rng_state(state)
    other.step(batch(16, channels=3))
    assert one.augment.share.item() in {0.0, 1.0}
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), other.state_dict().values(), strict=True))


def test_without_a_target_no_share_is_kept():
    """Where all pictures are augmented, a checkpoint holds what it always held."""
    assert set(learner(augment_target=0.5).state_dict()) - set(learner().state_dict()) == {"augment.share"}


@pytest.mark.parametrize(("loss", "expected"), [("relativistic", [1.0, -2.0]), ("nonsaturating", [3.0, 1.0])])
def test_margins(loss, expected):
    """Of pairs only the difference counts; elsewhere a real picture's own logit does."""
    assert ADVERSARIAL_LOSSES[loss].margin(torch.tensor([3.0, 1.0]), torch.tensor([2.0, 3.0])).tolist() == expected


def _through_disk(state):
    """What safetensors keeps: contiguous copies, no memory layout."""
    if isinstance(state, torch.Tensor):
        return state.detach().clone(memory_format=torch.contiguous_format)
    if isinstance(state, dict):
        return {key: _through_disk(value) for key, value in state.items()}
    return [_through_disk(value) for value in state] if isinstance(state, list) else state


@pytest.mark.parametrize("architecture", ["dcgan", "residual"])
@pytest.mark.parametrize("side", [8, 15, 33])
def test_any_size(architecture, side):
    """Pictures of any size are painted and judged, odd ones and colour too."""
    gan = learner(side, architecture=architecture, channels=3)
    gan.step(batch(side, channels=3))
    assert gan.sample(Prompt(seeds=[1])).shape == (1, 3, side, side)


@pytest.mark.parametrize("loss", [name for name, game in ADVERSARIAL_LOSSES.items() if game.one_pass])
def test_one_pass_gives_the_gradients_of_two(loss):
    """One pass through the discriminator gives both players the gradients of separate passes."""
    gan, images = learner(16, loss=loss, r1=0, r2=0, gradient_penalty=0), batch(16)
    gan.train()
    gan.steps_done = gan.params.critic_steps - 1  # the generator moves too
    found = []
    for one_pass in (True, False):
        gan.one_pass = one_pass
        torch.manual_seed(3)
        gan.compute_gradients(images)
        found.append([weight.grad.clone() for weight in gan.parameters() if weight.requires_grad])
    for once, twice in zip(*found, strict=True):
        torch.testing.assert_close(once, twice, rtol=1e-4, atol=1e-6)


def test_one_pass_only_where_it_is_exact():
    """With batch norm in the discriminator, or beyond hinge's margin, each player has a pass of its own."""
    assert learner().one_pass
    assert not learner(architecture="dcgan").one_pass
    assert learner(architecture="dcgan", r1=1.0).one_pass
    assert not learner(loss="hinge").one_pass
    assert not learner(one_pass=False).one_pass


def test_presets_give_way_to_the_entry():
    """`dcgan` and `wasserstein` bring their papers' numbers; what the entry says stands."""
    classic = learner(architecture="dcgan").params
    assert (classic.loss, classic.learning_rate, classic.beta1, classic.r1) == ("nonsaturating", 2e-4, 0.5, 0)
    assert Params(**ENTRY, architecture="dcgan").latent_dim == 100
    assert learner(architecture="dcgan", learning_rate=1e-3).params.learning_rate == 1e-3
    critic = learner(loss="wasserstein").params
    assert (critic.critic_steps, critic.gradient_penalty, critic.r1) == (5, 10, 0)
    with pytest.raises(ValidationError):
        learner(architecture="stylegan")


def test_the_generator_waits_for_the_critic():
    """With five critic steps the generator moves at every fifth step only."""
    gan = learner(loss="wasserstein")
    moved = []
    for done in range(10):
        gan.steps_done = done
        before = [weight.clone() for weight in gan.generator.parameters()]
        gan.step(batch())
        moved.append(any(not torch.equal(a, b) for a, b in zip(before, gan.generator.parameters(), strict=True)))
    assert moved == [False, False, False, False, True] * 2


def test_penalties_are_lazy_and_right_on_average():
    """Every fourth step is penalised, four times as heavily."""
    gan = learner(r1=1.0, r2=0.0, penalty_every_steps=4)
    penalties = []
    for done in range(4):
        gan.steps_done = done
        penalties.append(gan.step(batch())["penalty"].item())
    assert penalties[0] > 0
    assert penalties[1:] == [0, 0, 0]
    every = learner(r1=1.0, r2=0.0, penalty_every_steps=1)
    assert penalties[0] == pytest.approx(4 * every.step(batch())["penalty"].item(), rel=1e-5)


def test_a_label_changes_the_picture():
    """The same noise asked for another label paints another picture; without labels all are the same."""
    gan = learner()
    for done in range(2):
        gan.steps_done = done
        gan.step(batch())
    one, other, free = (gan.sample(Prompt([5], torch.tensor([label]))) for label in (0, 1, -1))
    assert not torch.equal(one, other)
    assert not torch.equal(one, free)
    assert learner(conditional=False).classes == learner(classes=0).classes == 0


def test_the_label_reaches_the_judgement():
    """The discriminator gives the same picture another logit under another label."""
    gan = learner()
    images = batch()["images"][:1].repeat(2, 1, 1, 1)
    first, second = gan.discriminate(images, torch.tensor([0, 1]))
    assert first != second


def test_exhibits_say_what_was_asked():
    """A caption names the asked label; a seed alone decides its picture, whatever stands beside it."""
    gan = learner()
    three = gan.exhibit(Prompt([4, 5, 6], torch.tensor([2, 0, -1])))
    assert [make_sentence(work.caption) for work in three] == [f"{name}, asked for" for name in ("two", "zero")] + [
        "untitled"
    ]
    assert [(work.seed, work.label) for work in three] == [(4, 2), (5, 0), (6, None)]
    torch.testing.assert_close(gan.exhibit(Prompt([5], torch.tensor([0])))[0].data, three[1].data)
    assert [work.label for work in gan.exhibit(Prompt([0, 4]))] == [0, 1]
    assert make_sentence(learner(classes=0).exhibit(Prompt([1]))[0].caption) == "untitled"


def test_augmentation_is_automatic_for_small_datasets():
    """Under 10,000 works all policies are on unless the entry says otherwise."""
    assert learner(count=9_999).augment.policies == ("color", "translation", "cutout")
    assert learner(count=10_000).augment.policies == ()
    assert learner(count=9_999, augment=()).augment.policies == ()
    assert learner(augment=("cutout",)).augment.policies == ("cutout",)


def test_colour_is_enlarged_smoothly():
    """`auto` is bilinear for colour and nearest for grey; an entry may say otherwise."""
    assert learner(channels=3).generator.paint.smooth
    assert not learner(channels=1).generator.paint.smooth
    assert learner(channels=1, upsampling="bilinear").generator.paint.smooth
    assert not learner(channels=3, upsampling="nearest").generator.paint.smooth


class _Pixels(torch.nn.Module):
    """A feature extractor whose features are the pixels."""

    def __init__(self):
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def features(self, images):
        return images.flatten(1) * self.weight

    def logits(self, images):
        return self.features(images)[:, :3]


def test_validation_is_kid_on_the_feature_extractor():
    """With a feature extractor KID picks the best weights, the same each time; the feature extractor's weights are not the learner's."""
    gan = learner(feature_extractor=_Pixels(), validation_samples=16)
    assert isinstance(gan, Sampler)
    assert isinstance(_Pixels(), FeatureExtractor)
    assert gan.selection_measure == ("kid", "min")
    state = torch.get_rng_state()
    first = gan.validate(batch())
    assert torch.equal(state, torch.get_rng_state())
    assert first == gan.validate(batch())
    assert first["kid"] > 0
    assert set(gan.state_dict()) == set(learner().state_dict())


def test_without_a_feature_extractor_nothing_is_selected():
    """Without a feature extractor, or with a single work to compare with, there is no measure."""
    assert learner().selection_measure is None
    assert learner().validate(batch()) == {}
    assert learner(feature_extractor=_Pixels()).validate(batch(count=1)) == {}


def test_kid_of_known_features():
    """For real (0, 0) and fake (1, 1) in one dimension: k(0,.) = 1, k(1,1) = 8, so KID = 1 + 8 - 2."""
    assert kernel_distance(torch.zeros(2, 1), torch.ones(2, 1)) == pytest.approx(7.0)


def test_clipping_bounds_the_gradient():
    """A clipped player's gradient is no longer than `gradient_clip_norm` when its optimiser moves."""
    gan = learner(gradient_clip_norm=1e-3)
    gan.step(batch())
    norm = torch.stack([weight.grad.norm() for weight in gan.discriminator.parameters()]).norm()
    assert norm.item() <= 1.001e-3


def test_bf16_steps():
    """Under bf16 autocast losses stay finite and weights stay fp32."""
    gan = learner()
    gan.amp_dtype = torch.bfloat16
    assert all(loss.isfinite() for loss in gan.step(batch()).values())
    assert all(weight.dtype == torch.float32 for weight in gan.parameters())


@pytest.mark.parametrize("architecture", ["dcgan", "residual"])
@pytest.mark.nightly
def test_moves_toward_a_constant_picture(architecture):
    """Shown one grey only, the generator comes near to it."""
    gan = learner(architecture=architecture, steps=150, learning_rate=2e-3, ema_halflife_pictures=50)
    works = {"images": torch.full((8, 1, 8, 8), 0.6), "labels": torch.zeros(8, dtype=torch.long)}
    prompt = Prompt(range(16), torch.zeros(16, dtype=torch.long))
    before = (gan.sample(prompt) - 0.6).abs().mean()
    for done in range(150):
        gan.steps_done = done
        gan.step(works)
    after = (gan.sample(prompt) - 0.6).abs().mean()
    assert after < 0.5 * before


def test_is_a_model():
    """The kind reads pictures and labels."""
    assert MODEL.reads == {"images", "labels"}
    assert MODEL.params is Params
