"""The autoencoder: its terms at known values, its samples by seed, and that it is whole at any size."""

import math

import pytest
import torch

from artpipe.artifacts.shards import Spec
from artpipe.contracts.model import Autoencoder, Prompt, Sampler
from artpipe.errors import UserError
from artpipe.models.vae import VAE
from artpipe.nn.vae import elbo_terms
from artpipe.nn.vae.elbo_terms import kl_to_unit_normal
from artpipe.training.restore import build_learner
from tests.conftest import assert_resumes

ENTRY = {
    "kind": "vae",
    "dataset": "d",
    "pretrained": "u",
    "feature_extractor": "c",
    "steps": 20,
    "width": 4,
    "hidden": 8,
    "latent_dim": 3,
    "flow_width": 8,
}


def _learner(size=8, channels=1, width=None, **changes) -> VAE:
    torch.manual_seed(0)
    spec = Spec(dataset="d", channels=channels, height=size, width=width or size, classes=(), count=9)
    learner = build_learner("v", {**ENTRY, **changes}, spec)
    assert isinstance(learner, VAE)
    return learner


def _images(count=6, size=8, channels=1):
    return torch.rand(count, channels, size, size, generator=torch.Generator().manual_seed(1)) * 2 - 1


def _silent(learner: VAE) -> VAE:
    """Make encoder and decoder say 0: q is N(0, I), and every value has logit 0."""
    for module in (learner.encoder[-1], learner.decoder[-2]):
        torch.nn.init.zeros_(module.weight)
        torch.nn.init.zeros_(module.bias)
    return learner


@pytest.mark.parametrize("size", [8, 28, 64])
@pytest.mark.parametrize("channels", [1, 3])
def test_it_steps_and_its_state_goes_round(size, channels):
    """A second learner with the first one's state takes the same next step, bit for bit; samples are in range."""
    batch = {"images": _images(4, size, channels)}
    first, second = _learner(size, channels, blocks=1), _learner(size, channels, blocks=1)
    assert_resumes(first, second, batch)
    samples = first.eval().sample(Prompt(seeds=[1, 2]))
    assert samples.shape == (2, channels, size, size)
    assert samples.abs().max() <= 1


def test_odd_and_oblong_pictures_keep_their_size():
    """What does not divide by the strides is padded within and cut again."""
    learner = _learner(size=30, width=37).eval()
    images = torch.rand(2, 1, 30, 37) * 2 - 1
    learner.step({"images": images})
    assert learner.reconstruct(images).shape == images.shape


def test_it_keeps_its_protocols():
    """The evaluation finds a sampler and an autoencoder."""
    assert isinstance(_learner(), Sampler)
    assert isinstance(_learner(), Autoencoder)


def test_elbo_of_a_silent_model_by_hand():
    """With q = N(0, I) and logits 0 the KL is 0 and each of 64 values costs log 2."""
    learner = _silent(_learner(likelihood="bernoulli")).eval()
    terms = learner.elbo_terms(_images())
    torch.testing.assert_close(terms["kl"], torch.zeros(6))
    torch.testing.assert_close(terms["reconstruction"], torch.full((6,), 64 * math.log(2)))
    found = learner.validate({"images": _images()})
    assert found["elbo"] == pytest.approx(-64 * math.log(2), rel=1e-6)
    assert found["active_units"] == 0


def test_the_kl_is_that_of_the_posterior():
    """`elbo_terms` and `posterior` speak of the same distribution."""
    learner, images = _learner().eval(), _images()
    torch.testing.assert_close(learner.elbo_terms(images)["kl"], kl_to_unit_normal(*learner.posterior(images)).sum(1))


def test_the_importance_bound_of_a_silent_model_is_exact():
    """Where the code says nothing, q is the true posterior and k does not matter."""
    learner = _silent(_learner(likelihood="bernoulli")).eval()
    for k in (1, 5):
        torch.testing.assert_close(learner.importance_bound(_images(), k), torch.full((6,), -64 * math.log(2)))


def test_measuring_leaves_the_random_state_alone():
    """A validation in the midst of a training does not change it."""
    learner = _learner().eval()
    torch.manual_seed(1)
    before = torch.get_rng_state()
    learner.validate({"images": _images()})
    learner.exhibit(Prompt(seeds=[1, 2], works={"images": _images()}))
    assert torch.equal(torch.get_rng_state(), before)


def test_free_bits_leave_a_small_kl_alone():
    """With all nats free the encoder's variance is pressed by the reconstruction alone: beta changes nothing."""
    learners = [_learner(free_nats=100.0, beta=beta, kl_warmup=0) for beta in (0.0, 1.0)]
    for learner in learners:
        torch.manual_seed(2)
        learner.step({"images": _images()})
    for one, other in zip(*(learner.state_dict().values() for learner in learners), strict=True):
        assert torch.equal(one, other)


def test_beta_counts_after_its_warm_up():
    """At the first of very many warm-up steps beta hardly matters, after them it does."""
    gaps = []
    for done in (0, 10**6):
        learners = [_learner(beta=beta, kl_warmup=1.0, steps=10**6, prior="normal") for beta in (0.0, 50.0)]
        for learner in learners:
            learner.steps_done = done
            torch.manual_seed(2)
            learner.step({"images": _images()})
        gradients = [learner.encoder[-1].weight.grad for learner in learners]
        gaps.append(float((gradients[0] - gradients[1]).norm() / gradients[0].norm()))
    assert gaps[0] < 0.01
    assert gaps[1] > 0.1


def test_the_flow_takes_no_part_in_the_elbo():
    """Encoder and decoder take the same step with either prior."""
    learners = [_learner(prior=prior) for prior in ("normal", "flow")]
    for learner in learners:
        torch.manual_seed(2)
        learner.step({"images": _images()})
    for name, value in learners[0].state_dict().items():
        assert name.startswith("flow") or torch.equal(value, learners[1].state_dict()[name]), name


def test_a_sample_depends_on_its_own_seed():
    """The same seed paints the same picture in other company."""
    learner = _learner().eval()
    alone, together = learner.sample(Prompt(seeds=[7])), learner.sample(Prompt(seeds=[3, 7]))
    torch.testing.assert_close(alone[0], together[1])
    assert not torch.equal(together[0], together[1])


def test_what_hangs():
    """A sample and a reconstruction per seed, the latter beside its work and naming it, and one plane."""
    learner, images = _learner(plane=3).eval(), _images(5)
    digests = torch.arange(5, dtype=torch.uint8)[:, None].expand(-1, 32)
    shown = learner.exhibit(Prompt(seeds=[4, 5], works={"images": images, "digests": digests}))
    assert [exhibit.role for exhibit in shown] == ["sample", "sample", "reconstruction", "reconstruction", "plane"]
    assert shown[0].seed == 4
    assert shown[3].digests == ("01" * 32,)
    torch.testing.assert_close(shown[3].data[..., :8], images[1])
    assert shown[4].data.shape == (1, 24, 24)
    assert [exhibit.role for exhibit in learner.exhibit(Prompt(seeds=[4]))] == ["sample"]


def test_one_work_and_one_dimension_are_enough():
    """A plane through a single work of a single dimension is flat, and no error."""
    learner = _learner(latent_dim=1, prior="normal").eval()
    plane = learner.exhibit(Prompt(seeds=[1], works={"images": _images(1)}))[-1]
    assert plane.role == "plane"
    assert torch.isfinite(plane.data).all()
    assert learner.validate({}) == {}


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "logistic"])
@pytest.mark.nightly
def test_it_learns_to_reconstruct(likelihood):
    """Two pictures told apart by their code: the error falls below a fifth of what a constant makes."""
    learner = _learner(likelihood=likelihood, steps=200, learning_rate=0.01, prior="normal", warmup_steps=5, beta=0.1)
    images = torch.ones(8, 1, 8, 8)
    images[::2, :, :, 4:] = -1
    for _ in range(200):
        learner.step({"images": images})
        learner.steps_done += 1
    assert (learner.eval().reconstruct(images) - images).square().mean() < 0.1


def test_binarised_works_are_drawn_by_their_brightness():
    """Grey becomes white as often as it is bright, anew in each batch; black and white stay."""
    torch.manual_seed(0)
    greys = torch.tensor([-1.0, -0.5, 0.5, 1.0])[:, None, None, None].expand(4, 1, 64, 64)
    learner = _learner(size=64, binarised=True)
    first, second = (learner.prepare_batch({"images": greys})["images"] for _ in range(2))
    assert set(first.unique().tolist()) == {-1.0, 1.0}
    assert ((first + 1) / 2).mean((1, 2, 3)).tolist() == pytest.approx([0, 0.25, 0.75, 1], abs=0.03)
    assert not torch.equal(first, second)
    assert torch.equal(_learner(size=64).prepare_batch({"images": greys})["images"], greys)


def test_only_a_bernoulli_likelihood_is_of_black_and_white():
    """Colours are no draws of two values."""
    with pytest.raises(UserError, match="`binarised` is for `likelihood: bernoulli`, found `gaussian`"):
        _learner(channels=3, binarised=True)


def test_a_joint_flow_is_the_prior_of_the_bound():
    """Its KL is the sample of q(z|x) against the flow's density, and codes and flow learn from it."""
    learner = _learner(prior="joint_flow", beta=1.0)
    mean, logvar = torch.randn(6, learner.params.latent_dim), torch.randn(6, learner.params.latent_dim)
    noise = torch.randn_like(mean)
    code = mean + noise * (0.5 * logvar).exp()
    inside = torch.distributions.Normal(mean, (0.5 * logvar).exp()).log_prob(code).sum(1)
    expected = inside - learner.flow.log_density(code)
    torch.testing.assert_close(learner._kl(mean, logvar, noise, code)[:, 0], expected)
    assert elbo_terms.apply_free_bits(torch.tensor([[-2.0], [1.0]]), 0.0) == -0.5  # a sampled KL may be negative
    for _ in range(2):
        learner.step({"images": _images()})
    for part in (learner.flow, learner.encoder):
        assert any(parameter.grad.abs().sum() > 0 for parameter in part.parameters())
    learner.eval()
    terms = learner.elbo_terms(_images())
    elbo = -terms["reconstruction"] - terms["kl"]
    torch.testing.assert_close(elbo, learner.importance_bound(_images(), 1, seed=0))  # of the same noise


@pytest.mark.parametrize("wrong", [{"free_nats": 0.1}, {"beta": 0.0}])
def test_a_joint_flow_learns_from_the_whole_bound(wrong):
    """Its KL is of a code, not of its dimensions, and without the KL the flow learns nothing."""
    with pytest.raises(UserError, match="`prior: joint_flow` needs `free_nats: 0` and a `beta` above 0"):
        _learner(prior="joint_flow", **wrong)
