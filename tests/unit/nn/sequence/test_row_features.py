"""Features of whole rows are computed once and moved into the key of a row, to the bit."""

import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from artpipe.contracts.special_tokens import PAD
from artpipe.modalities.music.tokens import HELD, Step, encode_steps
from artpipe.nn.sequence.music_context import MusicFeatures, transpose
from artpipe.nn.sequence.row_features import RowFeatureCache
from tests.unit.nn.sequence.test_music_context import small

_CONTEXT = small().ear


def encode_piece(seed: int) -> list[int]:
    """Return a piece of two voices with held notes, silence, all marks, and a phrase that comes again."""
    generator = torch.Generator().manual_seed(seed)
    steps = [Step(0, [60, 48])]
    for _ in range(12):
        draws = torch.randint(0, 100, (2,), generator=generator).tolist()
        cells = [
            HELD + cell % HELD if draw < 30 and cell else 0 if draw < 40 else 40 + draw % 30
            for draw, cell in zip(draws, steps[-1].cells, strict=True)
        ]
        steps.append(Step(sum(draws) % 4, cells))
    return encode_steps(steps + steps[1:8])


def same(one: MusicFeatures, other: MusicFeatures) -> bool:
    return all(torch.equal(a, b) and a.dtype == b.dtype for a, b in zip(one[:5], other[:5], strict=True))


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_a_row_moved_has_the_features_it_would_have(seed):
    """Whatever its key: those of the states after each of its tokens."""
    torch.manual_seed(seed)
    rows = torch.tensor([encode_piece(seed), encode_piece(seed + 1)])
    rows[1, 30:] = PAD
    for _ in range(4):
        moved = transpose(rows, 11)
        assert same(_CONTEXT.extract_row_features(moved), _CONTEXT.extract_features(moved))


def test_a_row_is_computed_once_in_all_keys(monkeypatch):
    """The second time, in another key too, no state is asked."""
    cache, row = RowFeatureCache(), encode_piece(1)
    cache.extract(row)
    asked = []
    monkeypatch.setattr("artpipe.nn.sequence.row_features._compute", asked.append)
    torch.manual_seed(0)
    for _ in range(5):
        cache.extract(transpose(torch.tensor([row]), 5)[0].tolist())
    assert asked == []


def test_what_was_not_read_for_long_is_forgotten(monkeypatch):
    """Memory is bounded."""
    monkeypatch.setattr("artpipe.nn.sequence.row_features._MAX_ROWS", 3)
    cache = RowFeatureCache()
    for seed in range(5):
        cache.extract(encode_piece(seed))
    assert len(cache._by_row) == 3
