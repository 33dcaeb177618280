"""Whether pictures look like works of the words asked for."""

import pytest
import torch

from artpipe.metrics.caption_agreement import draw_candidates, pick_nearest, share_words
from artpipe.numerics.caption_tokens import tokenise_captions


def tokens(*captions):
    return torch.from_numpy(tokenise_captions(captions))


def test_words_shared_by_hand():
    """A red heart and a heart share two of three words, whatever their order; nothing shares nothing."""
    shared = share_words(tokens("a red heart", ""), tokens("heart a", "a red heart", "blue", ""))
    assert shared.tolist() == [pytest.approx([2 / 3, 1, 0, 0]), [0, 0, 0, 0]]


def test_the_first_candidate_has_the_likest_caption_and_no_other_is_as_like():
    """Of works that are as like the first stands for all; where fewer than nine are less like, nobody is asked."""
    likeness = torch.tensor([[0.2, 1.0, 1.0] + [0.1] * 9, [0.5] * 12])
    rows = draw_candidates(likeness, torch.Generator().manual_seed(1))
    assert rows[0, 0] == 1
    assert 2 not in rows[0]
    assert len(set(rows[0].tolist())) == 10
    assert rows[1].tolist() == [-1] * 10


def test_pictures_of_the_words_are_picked_and_others_by_chance():
    """Works are one direction each; pictures near theirs are always picked, pictures near anyone one time in ten."""
    generator = torch.Generator().manual_seed(2)
    works = torch.eye(50)
    asked = torch.randint(50, (2000,), generator=generator)
    likeness = (asked[:, None] == torch.arange(50)).float()
    candidates = draw_candidates(likeness, generator)
    near = works[asked] + 0.1 * torch.randn(2000, 50, generator=generator)
    anyone = works[torch.randint(50, (2000,), generator=generator)] + 0.1 * torch.randn(2000, 50, generator=generator)
    assert pick_nearest(near, works, candidates).float().mean() > 0.99
    assert pick_nearest(anyone, works, candidates).float().mean().item() == pytest.approx(0.1, abs=0.03)
