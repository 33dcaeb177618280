"""Perceptual losses at values known by hand, and L-BFGS on problems whose answer is known."""

import copy

import pytest
import torch
from pydantic import TypeAdapter, ValidationError

from artpipe.nn.style.perceptual import (
    PerceptualLoss,
    PerceptualNetwork,
    TrainedWeights,
    content_dissimilarity,
    gram_matrix,
    resize,
    total_variation,
)
from artpipe.nn.style.row_lbfgs import RowLBFGS
from tests.support.vgg_weights import write_vgg_weights


@pytest.fixture(scope="session")
def network(tmp_path_factory):
    """A network of VGG16's shape with random weights."""
    return PerceptualNetwork.open(write_vgg_weights(tmp_path_factory.mktemp("weights") / "eye"))[0]


def test_the_gram_matrix_of_a_known_map():
    """Two channels at two places: mean products over the places."""
    features = torch.tensor([[[[1.0, 2.0]], [[3.0, 4.0]]]])  # (1, 2, 1, 2)
    assert torch.equal(gram_matrix(features), torch.tensor([[[2.5, 5.5], [5.5, 12.5]]]))


def test_the_gram_matrix_forgets_places():
    """The same values at other places, or all of them twice, have the same Gram matrix."""
    features = torch.randn(2, 5, 4, 6, dtype=torch.float64)
    elsewhere = features.flatten(2)[:, :, torch.randperm(24)].view(2, 5, 4, 6)
    assert torch.allclose(gram_matrix(features), gram_matrix(elsewhere))
    assert torch.allclose(gram_matrix(features), gram_matrix(features.repeat(1, 1, 2, 1)))


def test_the_total_variation_of_known_pictures():
    """A checkerboard of -1 and 1 has 2, stripes half of it, a grey picture none."""
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(6), indexing="ij")
    board = ((rows + columns) % 2 * 2.0 - 1).expand(1, 3, 8, 6)
    stripes = (rows % 2 * 2.0 - 1).expand(1, 3, 8, 6)
    found = total_variation(torch.cat([board, stripes, torch.zeros(1, 3, 8, 6)]))
    assert torch.equal(found, torch.tensor([2.0, 1.0, 0.0]))


def test_distances_are_relative(network):
    """A picture is at 0 from itself; features twice as large are at 1, and their Gram matrices at 9."""
    eye = PerceptualLoss(network, ("conv2_1",), ("conv1_1", "conv2_1"))
    images = torch.rand(2, 3, 32, 32) * 2 - 1
    content, style = eye.content_features(images), eye.style_grams(images)
    for distance in eye.distances(images, content, style):
        assert torch.equal(distance, torch.zeros(2))
    halves = {layer: seen / 2 for layer, seen in content.items()}, {layer: seen / 4 for layer, seen in style.items()}
    far, strange = eye.distances(images, *halves)
    assert torch.allclose(far, torch.ones(2))
    assert torch.allclose(strange, torch.full((2,), 9.0))


def test_unrelated_content_is_about_1_from_plain_content_too():
    """0 of the same, whatever its contrast; 1 of independent maps, 2 of the negative; the loss is far above 1 where content is plain."""
    generator = torch.Generator().manual_seed(1)
    plain, busy = 0.1 * torch.randn(3, 8, 20, 20, generator=generator), torch.randn(3, 8, 20, 20, generator=generator)
    content = {"a": plain, "b": plain}
    assert content_dissimilarity(content, content).abs().max() < 1e-6
    assert content_dissimilarity({"a": 5 * plain + 2, "b": plain}, content).abs().max() < 1e-5
    assert (content_dissimilarity({"a": busy, "b": busy}, content) - 1).abs().max() < 0.1
    assert (content_dissimilarity({"a": -plain, "b": -plain}, content) - 2).abs().max() < 1e-6
    assert ((busy - plain).square().sum() / plain.square().sum()) > 50


def test_the_network_is_that_of_the_paper(network):
    """Layer by layer the same as convolutions, ReLU and poolings written out; no deeper than asked, each stage half the size."""
    images = torch.rand(1, 3, 32, 32) * 2 - 1
    found = network(images, ["conv1_2", "conv2_1", "conv4_1"])
    assert {layer: tuple(seen.shape) for layer, seen in found.items()} == {
        "conv1_2": (1, 64, 32, 32),
        "conv2_1": (1, 128, 16, 16),
        "conv4_1": (1, 512, 4, 4),
    }
    seen = ((images + 1) / 2 - 0.5) / 0.25  # mean and deviation of the card
    for layer in ("conv1_1", "conv1_2"):
        seen = network.convolutions[layer](seen).relu()
    assert torch.allclose(found["conv1_2"], seen, atol=1e-5)
    seen = network.convolutions["conv2_1"](torch.nn.functional.avg_pool2d(seen, 2)).relu()
    assert torch.allclose(found["conv2_1"], seen, atol=1e-5)


def test_untrained_weights_are_refused_with_the_reason():
    """`pretrained` of such a kind names weights; the line says why nothing else will do."""
    assert TypeAdapter(TrainedWeights).validate_python("data/weights/eye") == "data/weights/eye"
    with pytest.raises(ValidationError, match="under random ones the style loss falls even lower, and no style"):
        TypeAdapter(TrainedWeights).validate_python("data/shards/studio")


def test_resizing_keeps_a_grey_picture_grey():
    """Neither smoothing nor borders change what is the same everywhere; the same size changes nothing at all."""
    grey = torch.full((1, 3, 16, 16), 0.25)
    assert torch.allclose(resize(grey, (5, 7)), torch.full((1, 3, 5, 7), 0.25))
    assert resize(grey, (16, 16)) is grey


def descend(rows, loss, steps, history=10, max_step=1.0):
    """Minimise and return the losses of every step."""
    optimiser, told = RowLBFGS(rows, history, max_step), []
    for _ in range(steps):
        optimiser.zero_grad()
        value = loss(rows)
        value.sum().backward()
        optimiser.step()
        told.append(value.detach())
    return torch.stack(told)


def test_lbfgs_solves_a_quadratic():
    """Rows of very different curvature reach their minima in as many steps as a quadratic needs, and a few more."""
    torch.manual_seed(0)
    scale = torch.tensor([[1.0, 10.0, 100.0], [0.01, 1.0, 3.0]], dtype=torch.float64)
    goal = torch.randn(2, 3, dtype=torch.float64)
    rows = torch.nn.Parameter(torch.zeros(2, 3, dtype=torch.float64))
    descend(rows, lambda x: (scale * (x - goal) ** 2).sum(1), 30)
    assert torch.allclose(rows, goal, atol=1e-6)


def test_a_row_does_not_feel_its_neighbours():
    """Alone or beside others, a row goes the same way."""
    torch.manual_seed(0)
    starts = torch.randn(3, 4, dtype=torch.float64)

    def loss(x):
        return ((x[:, 1:] - x[:, :-1] ** 2) ** 2).sum(1) + (1 - x).square().sum(1)

    together = torch.nn.Parameter(starts.clone())
    descend(together, loss, 12, history=5, max_step=0.1)
    for row in range(3):
        alone = torch.nn.Parameter(starts[row : row + 1].clone())
        descend(alone, loss, 12, history=5, max_step=0.1)
        assert torch.allclose(alone[0], together[row], rtol=1e-12)


def test_no_step_is_longer_than_the_reach():
    """Neither the first one, along a huge gradient, nor a later one."""
    rows = torch.nn.Parameter(torch.full((2, 5), 3.0))
    optimiser = RowLBFGS(rows, 4, 0.25)
    for _ in range(6):
        before = rows.detach().clone()
        optimiser.zero_grad()
        (1000 * rows.pow(4).sum()).backward()
        optimiser.step()
        assert ((rows - before).square().mean(1).sqrt() <= 0.25 + 1e-6).all()


def test_no_gradient_is_no_step():
    """At a minimum nothing moves, and nothing becomes no number."""
    rows = torch.nn.Parameter(torch.zeros(2, 3))
    descend(rows, lambda x: x.square().sum(1), 3)
    assert torch.equal(rows, torch.zeros(2, 3))


def test_lbfgs_goes_on_bit_by_bit():
    """With its state it takes the very step that it would have taken."""
    torch.manual_seed(0)
    start = torch.randn(2, 6)

    def loss(x):
        return (x.cos() + 0.1 * x.square()).sum(1)

    rows = torch.nn.Parameter(start.clone())
    first = RowLBFGS(rows, 3, 0.1)
    for number in range(9):
        if number == 5:
            other = torch.nn.Parameter(rows.detach().clone())
            second = RowLBFGS(other, 3, 0.1)
            second.load_state_dict(copy.deepcopy(first.state_dict()))
        first.zero_grad()
        loss(rows).sum().backward()
        first.step()
    for _ in range(5, 9):
        second.zero_grad()
        loss(other).sum().backward()
        second.step()
    assert torch.equal(rows, other)
