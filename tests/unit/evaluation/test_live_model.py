"""What a report keeps so that a visitor can paint: of whatever walks, within its size, else nothing and a reason."""

from types import SimpleNamespace

import pytest
import torch

from artpipe.artifacts.shards import Spec
from artpipe.config.params import EvaluationParams
from artpipe.contracts.metric import Evidence
from artpipe.contracts.model import Prompt
from artpipe.evaluation.latent_directions import find_directions
from artpipe.evaluation.live_model import write_live_model
from artpipe.system.hashing import sha256_file

SPEC = Spec(dataset="d", channels=1, height=4, width=4, classes=("a", "b"), count=9)


class Linear(torch.nn.Module):
    """Paints with a matrix, in which the first number of the noise counts most and the second next."""

    noise_size = 6

    def __init__(self):
        super().__init__()
        self.patches = torch.nn.Parameter(
            torch.linalg.qr(torch.randn(16, 6)).Q.T * torch.tensor([[9, 5, 1, 1, 1, 1]]).T
        )

    def walk(self, noise, mix):
        return (noise @ self.patches + 3 * (mix @ torch.ones(mix.shape[1], 16))).view(-1, 1, 4, 4)

    def sample(self, prompt):
        return self.walk(prompt.noise(6), torch.zeros(len(prompt.seeds), 2))


class Sorting(Linear):
    """Needs an operation that the page lacks."""

    def walk(self, noise, mix):
        return super().walk(noise.sort(1).values, mix)


def gather(learner, **params):
    digests = torch.arange(9, dtype=torch.uint8)[:, None].expand(9, 32)
    return Evidence(
        learner=learner, card=SimpleNamespace(spec=SPEC, name="d-linear"), params=EvaluationParams(metrics=(), **params), seed=1,
        train={"digests": digests}, held_out={}, test={}, feature_cache=None, prompt=Prompt([1], torch.tensor([0])),
    )  # fmt: skip


def test_whatever_walks_has_a_program(tmp_path):
    """Its file is there under its hash, with the classes that can be asked for and works of the training."""
    live = write_live_model(gather(Linear()), tmp_path)
    assert live.sha256 == sha256_file(tmp_path / live.file)
    assert live.classes == ("a", "b")
    assert live.works == tuple(f"{i:02x}" * 32 for i in range(9))


@pytest.mark.parametrize("params", [{"live_kilobytes": 0}, {"live_kilobytes": 110}])
def test_without_room_for_it_there_is_none(tmp_path, params):
    """Where the script may have no size, nothing is written."""
    assert write_live_model(gather(Linear(), **params), tmp_path) is None
    assert not list(tmp_path.iterdir())


def test_what_the_page_cannot_compute_is_named(tmp_path, capsys):
    """The evaluation goes on without a room and says why in one line."""
    assert write_live_model(gather(Sorting()), tmp_path) is None
    assert capsys.readouterr().out == "d-linear: no live room: the page cannot compute aten::sort\n"


def test_the_directions_are_those_that_change_most():
    """Of a matrix with known weights they are its first two numbers, whatever a class adds."""
    directions = find_directions(Linear(), 2).abs()
    assert directions[0, 0] > 0.98
    assert directions[1, 1] > 0.95
