"""The sampler visits everything, its place is its state, and bytes become the numbers they should."""

import torch
from hypothesis import given
from hypothesis import strategies as st

from artpipe.training.data import Batches, BatchSampler, Columns, first_rows, sample_indices

CPU = torch.device("cpu")


@given(count=st.integers(1, 60), batch=st.integers(1, 70), seed=st.integers(0, 2**31 - 1))
def test_an_epoch_visits_each_index_at_most_once(count, batch, seed):
    """Within an epoch no index comes twice, and only a last partial batch is left out."""
    sampler = BatchSampler(count, batch, seed)
    if count < batch:
        found = sampler.draw()
        assert len(found) == batch
        assert torch.bincount(found, minlength=count).min() >= batch // count
    else:
        found = torch.cat([sampler.draw() for _ in range(count // batch)])
        assert len(set(found.tolist())) == len(found) == count - count % batch
        assert sampler.epoch == 0
    sampler.draw()
    assert sampler.epoch == 1 + (count < batch)


@given(count=st.integers(1, 40), batch=st.integers(1, 50), before=st.integers(0, 12))
def test_position_is_the_whole_state(count, batch, before):
    """A fresh sampler with the state of another one goes on exactly as that one."""
    old = BatchSampler(count, batch, 7)
    for _ in range(before):
        old.draw()
    new = BatchSampler(count, batch, 7)
    new.load_state(old.state())
    for _ in range(5):
        assert torch.equal(new.draw(), old.draw())


def test_epochs_and_seeds_differ():
    """Each epoch and each seed has an order of its own."""
    sampler = BatchSampler(100, 100, 1)
    assert not torch.equal(sampler.draw(), sampler.draw())
    assert not torch.equal(BatchSampler(100, 100, 1).draw(), BatchSampler(100, 100, 2).draw())


def test_the_sampler_draws_nothing_from_the_global_generator():
    """Sampling leaves torch's global generator where it was."""
    before = torch.get_rng_state()
    BatchSampler(10, 4, 1).draw()
    assert torch.equal(torch.get_rng_state(), before)


def test_bytes_become_numbers_per_batch():
    """Images 0 and 255 become -1 and 1 in float32; labels stay int64 with -1 for unlabelled."""
    images = torch.tensor([0, 255], dtype=torch.uint8).view(2, 1, 1, 1)
    columns = Columns({"images": images, "labels": torch.tensor([-1, 4])}, CPU)
    batch = columns.take(torch.tensor([1, 0]))
    assert batch["images"].flatten().tolist() == [1.0, -1.0]
    assert batch["labels"].tolist() == [4, -1]
    assert batch["images"].dtype == torch.float32
    assert images.flatten().tolist() == [0, 255]


def test_a_batch_follows_the_sampler():
    """Batches are the rows that the sampler names, in its order."""
    batches = Batches(Columns({"labels": torch.arange(9) * 10}, CPU), BatchSampler(9, 4, 3))
    assert torch.equal(batches.draw()["labels"], BatchSampler(9, 4, 3).draw() * 10)


def test_drawn_is_without_repetition():
    """Held-out works are drawn by seed, none twice, never more than there are."""
    assert sorted(sample_indices(5, 2000, 1).tolist()) == [0, 1, 2, 3, 4]
    assert torch.equal(sample_indices(50, 7, 1), sample_indices(50, 7, 1))
    assert len(first_rows({"labels": sample_indices(50, 7, 1)}, 3)["labels"]) == 3
