"""Features of real works are computed once for an extractor, pictures and code; damage is computed again."""

from pathlib import Path

import pytest
import torch

from artpipe.evaluation import extractor_networks
from artpipe.evaluation.extractor_networks import load_or_compute

PICTURES = torch.arange(2 * 3 * 4 * 4, dtype=torch.uint8).view(2, 3, 4, 4)


@pytest.fixture
def asked(tmp_path, monkeypatch):
    """Return how often features were computed, in a folder of its own."""
    monkeypatch.chdir(tmp_path)
    times = []

    def ask(extractor="a", pictures=PICTURES):
        def compute():
            times.append(extractor)
            return pictures.flatten(1).float()

        assert torch.equal(load_or_compute(extractor, pictures, compute), pictures.flatten(1).float())
        return len(times)

    return ask


def test_they_are_computed_once(asked):
    """Other pictures, another extractor and other code are computed anew, and none again."""
    assert [asked(), asked()] == [1, 1]
    assert [asked(pictures=PICTURES + 1), asked(extractor="b"), asked()] == [2, 3, 3]
    Path("code.yaml").write_text("code: {evaluate: new}\n")
    assert [asked(), asked()] == [4, 4]


@pytest.mark.parametrize("suffix", [".sha256", ".safetensors"])
def test_what_is_damaged_is_computed_again(asked, suffix):
    """A flipped byte of either file."""
    asked()
    (file,) = Path(".state/features").glob(f"*{suffix}")
    data = bytearray(file.read_bytes())
    data[-1] ^= 1
    file.chmod(0o644)
    file.write_bytes(data)
    assert [asked(), asked()] == [2, 2]


def test_the_oldest_go(asked, monkeypatch):
    """Two are kept."""
    monkeypatch.setattr(extractor_networks, "_MOST_KEPT", 2)
    for extractor in "abc":
        asked(extractor)
    assert len(list(Path(".state/features").iterdir())) == 4
