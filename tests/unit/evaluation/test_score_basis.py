"""What a score was measured on: works, size, and the settings that decide scores of feature extractors."""

from types import SimpleNamespace

import torch

from artpipe.artifacts.report import Score
from artpipe.config.params import EvaluationParams
from artpipe.contracts.metric import Evidence
from artpipe.evaluation.score_basis import add_basis

SCORES = (Score(name="coverage", value=0.5, n=4, extractor="r" * 64), Score(name="elbo", value=-9.0, n=4))


def keys(samples: int = 6, works: int = 4, side: int = 8, **settings: int) -> dict[str, str]:
    """The comparison key of each score, measured so."""
    spec = SimpleNamespace(channels=1, height=side, width=side, grid=0)
    digests = torch.arange(works, dtype=torch.uint8)[:, None].expand(works, 32)
    evidence = Evidence(
        learner=None, card=SimpleNamespace(spec=spec), params=EvaluationParams(metrics=(), **settings), seed=1, train={},
        held_out={"digests": digests}, samples=torch.zeros(samples, 1, side, side),
    )  # fmt: skip
    return {score.name: score.comparison_key for score in add_basis(SCORES, evidence)}


def test_another_measurement_has_another_key():
    """Other works or another size for all scores; fewer samples, or another k, for those of feature extractors."""
    known = keys()
    assert keys() == known
    assert [name for name, key in keys(works=5).items() if key == known[name]] == []
    assert [name for name, key in keys(side=9).items() if key == known[name]] == []
    assert [name for name, key in keys(samples=5).items() if key == known[name]] == ["elbo"]
    assert [name for name, key in keys(coverage_neighbours=3).items() if key == known[name]] == ["elbo"]
    assert [name for name, key in keys(importance_works=3).items() if key == known[name]] == ["coverage", "elbo"]
