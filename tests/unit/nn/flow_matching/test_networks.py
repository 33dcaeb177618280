"""The network of a flow and its conditions: any size, and what words change."""

import pytest
import torch

from artpipe.nn.flow_matching.conditions import CaptionEncoder, caption_tokens
from artpipe.nn.flow_matching.unet import ConditionalUNet, count_halvings


def unet(size: tuple[int, int], fold: int = 2) -> ConditionalUNet:
    torch.manual_seed(0)
    return ConditionalUNet(
        3, size, fold=fold, width=8, inner_width=16, blocks=1, inner_blocks=2, condition_dim=8
    )  # fmt: skip


@pytest.mark.parametrize("size", [(8, 8), (28, 28), (15, 33), (40, 20)])
def test_any_size(size):
    """Pictures keep their size, odd ones and long ones too, and every weight gets a gradient."""
    network = unet(size)
    made = network(torch.randn(2, 3, *size), torch.tensor([0.1, 0.9]), torch.randn(2, 8))
    assert made.shape == (2, 3, *size)
    torch.nn.init.normal_(network.last.weight)
    network(torch.randn(2, 3, *size), torch.tensor([0.1, 0.9]), torch.randn(2, 8)).square().sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())


@pytest.mark.parametrize(
    ("size", "fold", "halvings"),
    [((28, 28), 2, 1), ((32, 32), 2, 1), ((64, 64), 4, 1), ((128, 96), 4, 2), ((8, 8), 2, 0)],
)
def test_maps_are_halved_to_eight(size, fold, halvings):
    """Digits and pictures of 32 pixels are halved once, of 128 pixels twice."""
    assert count_halvings(size, fold) == halvings


def test_a_picture_depends_on_its_own_row_alone():
    """Beside other pictures, at other times, a picture is predicted as if it were alone."""
    network = unet((16, 16)).eval()
    torch.nn.init.normal_(network.last.weight, std=0.1)
    points, times, conditions = torch.randn(3, 3, 16, 16), torch.tensor([0.1, 0.5, 0.9]), torch.randn(3, 8)
    whole, alone = network(points, times, conditions), network(points[1:2], times[1:2], conditions[1:2])
    torch.testing.assert_close(whole[1:2], alone)


def test_words_their_order_and_their_number_count():
    """Another word, another order and one word more give other vectors; no word gives that of nothing."""
    torch.manual_seed(0)
    encoder = CaptionEncoder(8, 16)
    torch.nn.init.normal_(encoder.pieces)
    texts = ("red circle", "red square", "circle red", "red circle small", "", "  ,")
    vectors = encoder(caption_tokens(texts))
    assert vectors.shape == (6, 8)
    assert torch.cdist(vectors[:5], vectors[:5]).fill_diagonal_(1).min() > 1e-3
    assert torch.equal(vectors[4], encoder.nothing)
    assert torch.equal(vectors[4], vectors[5])


def test_a_word_never_learned_speaks_by_its_trigrams():
    """Once `smiling` was learned, `smile` is nearer to it than `purple` is; both words themselves were never seen."""
    torch.manual_seed(0)
    encoder = CaptionEncoder(8, 16)
    goal, optimiser = torch.ones(1, 8), torch.optim.Adam(encoder.parameters(), 1e-2)
    for _ in range(100):
        optimiser.zero_grad()
        (encoder(caption_tokens(("smiling", "angry"))) - torch.cat([goal, -goal])).square().sum().backward()
        optimiser.step()
    smile, purple = (encoder(caption_tokens((word,))) for word in ("smile", "purple"))
    assert (smile - goal).norm() < (purple - goal).norm()


def test_shares_of_pieces_say_what_tokens_say():
    """What the page of a live room computes from shares is what a lookup of the tokens gives."""
    torch.manual_seed(0)
    encoder = CaptionEncoder(8, 16)
    torch.nn.init.normal_(encoder.pieces)
    tokens = caption_tokens(("a red circle", "x", "", "antidisestablishmentarianism 红心"))
    is_piece = tokens[:, :, 1:] > 0
    counts = torch.cat(
        [torch.ones_like(tokens[:, :, :1]), is_piece.sum(2, keepdim=True).clamp(min=1).expand_as(is_piece)], 2
    )
    shares = torch.zeros(4, tokens.shape[1], 4096).scatter_add_(2, tokens.long(), (tokens > 0) / counts)
    spoken = (tokens[:, :, 0] > 0).float()
    words = spoken / spoken.sum(1, keepdim=True).clamp(min=1).sqrt()
    made = encoder.encode_pieces(shares, words[:, None], spoken.amax(1, keepdim=True))
    torch.testing.assert_close(made, encoder(tokens))
