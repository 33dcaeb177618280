"""State comes back bit for bit, and damaged state never does."""

import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from artpipe.training.resume_state import (
    FlatState,
    StateStore,
    flatten,
    load_random_state,
    random_state,
    seed_everything,
    unflatten,
)

CPU = torch.device("cpu")
_DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.int64, torch.uint8, torch.bool]


@st.composite
def tensors(draw):
    shape = draw(st.lists(st.integers(0, 3), max_size=4))
    generator = torch.Generator().manual_seed(draw(st.integers(0, 99)))
    made = torch.randint(0, 200, shape, generator=generator).to(draw(st.sampled_from(_DTYPES)))
    return made.contiguous(memory_format=torch.channels_last) if made.dim() == 4 and draw(st.booleans()) else made


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | tensors()
NESTED = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.lists(inner, max_size=4).map(tuple)
        | st.dictionaries(st.text(max_size=8) | st.integers(), inner, max_size=4)
    ),
    max_leaves=20,
)


def same(one, other):
    """Compare in type, order and every bit."""
    if type(one) is not type(other):
        return False
    if isinstance(one, torch.Tensor):
        equal = torch.equal(one, other) and one.dtype == other.dtype
        return equal and (0 in one.shape or one.dim() != 4 or one.stride() == other.stride())
    if isinstance(one, float):
        return one.hex() == other.hex()
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


@given(NESTED)
def test_flatten_round_trip(value):
    """What was taken apart comes together equal in type, order and every bit, inf and nan included."""
    assert same(unflatten(flatten(value)), value)


@settings(max_examples=15, deadline=None)
@given(NESTED)
def test_disk_round_trip(tmp_path_factory, value):
    """So it does through files."""
    folder = tmp_path_factory.mktemp("state")
    StateStore(folder).save(flatten(value))
    assert same(unflatten(StateStore(folder).load()), value)


def test_flatten_copies():
    """A state does not change when the training goes on."""
    weight = torch.zeros(3)
    flat = flatten({"weight": weight})
    weight += 1
    assert unflatten(flat)["weight"].tolist() == [0, 0, 0]


def test_unknown_things_are_refused():
    """What cannot come back exactly is refused when it is saved, not lost when it is loaded."""
    with pytest.raises(TypeError, match="object cannot be part"):
        flatten({"thing": object()})


def test_optimiser_state_round_trip():
    """The state of Adam, with its step counts and integer keys, continues in another Adam bit for bit."""
    made = []
    for resume in (False, True):
        torch.manual_seed(1)
        weight = torch.nn.Parameter(torch.randn(4))
        optimiser = torch.optim.Adam([weight], lr=0.1)
        for turn in range(4):
            if resume and turn == 2:
                state = unflatten(flatten(optimiser.state_dict()))
                optimiser = torch.optim.Adam([weight], lr=0.7)
                optimiser.load_state_dict(state)
            optimiser.zero_grad()
            (weight**2).sum().backward()
            optimiser.step()
        made.append(weight.detach().clone())
    assert torch.equal(*made)


def test_all_generators_come_back():
    """Python's, numpy's and torch's generators go on where they were, half-used Gaussians included."""
    seed_everything(5)
    random.gauss(0, 1), np.random.standard_normal(), torch.randn(3)  # noqa: NPY002
    kept = unflatten(flatten(random_state(CPU)))
    first = [random.gauss(0, 1), np.random.standard_normal(), torch.randn(3).tolist()]  # noqa: NPY002
    seed_everything(6)
    load_random_state(kept, CPU)
    assert [random.gauss(0, 1), np.random.standard_normal(), torch.randn(3).tolist()] == first  # noqa: NPY002


def filled(folder, count):
    """Return a store with `count` states; the n-th is ``{"n": n, "t": tensor(n)}``."""
    store = StateStore(folder)
    for number in range(count):
        store.save(flatten({"n": number, "t": torch.tensor(number)}))
    return store


def test_two_are_kept(tmp_path):
    """Two states and LATEST stand in the folder, nothing else."""
    filled(tmp_path, 5)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == ["", ".json", ".json", ".safetensors", ".safetensors"]
    assert unflatten(StateStore(tmp_path).load())["n"] == 4


def test_a_kill_while_old_ones_go_leaves_no_card_without_its_tensors(tmp_path, monkeypatch):
    """Whatever the order in which a folder lists its files: the card goes first."""
    store, gone, unlink, glob = StateStore(tmp_path), list[str](), Path.unlink, Path.glob
    monkeypatch.setattr(Path, "unlink", lambda path, **more: (gone.append(path.name), unlink(path, **more)))
    for backwards in (False, True):
        monkeypatch.setattr(Path, "glob", lambda *asked, way=backwards: sorted(glob(*asked), reverse=way))
        for step in range(4):
            store.save(flatten({"step": step}))
    numbered = [Path(name).suffix for name in gone if name[0].isdigit() and ".tmp." not in name]
    assert numbered == [".json", ".safetensors"] * 6


@pytest.mark.parametrize("suffix", ["json", "safetensors"])
@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
def test_a_damaged_newest_is_passed_over(tmp_path, suffix, harm):
    """A flipped bit, a cut and a lost file are noticed; the state before is used and the damage is told."""
    filled(tmp_path, 3)
    path = max(tmp_path.glob(f"*.{suffix}"))
    data = path.read_bytes()
    if harm == "remove":
        path.unlink()
    else:
        path.write_bytes(data[:-3] if harm == "cut" else data[:-3] + bytes([data[-3] ^ 4]) + data[-2:])
    store = StateStore(tmp_path)
    assert unflatten(store.load())["n"] == 1
    assert bool(store.damage_messages) == (suffix == "safetensors" or harm != "remove")


def test_every_bit_is_guarded(tmp_path):
    """No single flipped bit of the newest state, wherever it is, is ever loaded."""
    filled(tmp_path, 2)
    chance = random.Random(1)
    for path in (max(tmp_path.glob("*.json")), max(tmp_path.glob("*.safetensors"))):
        data = path.read_bytes()
        for _ in range(25):
            place, bit = chance.randrange(len(data)), 1 << chance.randrange(8)
            path.write_bytes(data[:place] + bytes([data[place] ^ bit]) + data[place + 1 :])
            assert unflatten(StateStore(tmp_path).load())["n"] == 0
        path.write_bytes(data)


def test_none_whole_is_none(tmp_path):
    """Where every state is damaged, or there is none, nothing is loaded."""
    filled(tmp_path, 2)
    for path in tmp_path.glob("*.safetensors"):
        path.write_bytes(b"")
    store = StateStore(tmp_path)
    assert store.load() is None
    assert len(store.damage_messages) == 2
    assert StateStore(tmp_path / "new").load() is None


def test_a_torn_pointer_does_not_matter(tmp_path):
    """With LATEST lost or torn the newest whole state is used."""
    filled(tmp_path, 3)
    (tmp_path / "LATEST").write_bytes(b"\xff\x00")
    assert unflatten(StateStore(tmp_path).load())["n"] == 2
    (tmp_path / "LATEST").unlink()
    assert unflatten(StateStore(tmp_path).load())["n"] == 2


def test_flat_is_plain():
    """Scalars need no tensor file."""
    assert flatten([1, (2.5, None)]) == FlatState({"list": [1, {"tuple": [{"float": (2.5).hex()}, None]}]}, {})


@pytest.mark.parametrize("harm", ["flip", "cut", "remove"])
@pytest.mark.parametrize(("file", "whole"), [("journal.jsonl", 0), ("progress/step-00000001.txt", None)])
def test_what_stands_beside_a_state_is_part_of_it(tmp_path, file, whole, harm):
    """A damaged journal or exhibit of progress is noticed: the state before it is used, where that rests on nothing damaged."""
    store = StateStore(tmp_path)
    (tmp_path / "progress").mkdir()
    (tmp_path / "progress/step-00000001.txt").write_text("a poem")
    for number in range(2):
        with (tmp_path / "journal.jsonl").open("a") as journal:
            journal.write(f'{{"step": {number}, "time": 1.0}}\n')
        store.save(flatten({"n": number}))
    with (tmp_path / "journal.jsonl").open("a") as journal:
        journal.write('{"step": 9')  # a later row, torn by a kill: no part of a state
    assert unflatten(store.load())["n"] == 1
    path = tmp_path / file
    data, at = bytearray(path.read_bytes()), 30 if whole == 0 else 3  # in the second row
    data[at] ^= 1
    if harm == "flip":
        path.write_bytes(data)
    elif harm == "cut":
        path.write_bytes(data[:at])
    else:
        path.unlink()
    store = StateStore(tmp_path)
    found = store.load()
    expected = whole if harm != "remove" else None
    assert (found if found is None else unflatten(found)["n"]) == expected
    assert str(path) in store.damage_messages[0]
