"""Structure within labels, and of pictures that were asked for by captions."""

from types import SimpleNamespace

import pytest
import torch

from artpipe.config.params import EvaluationParams
from artpipe.contracts.metric import Evidence
from artpipe.metrics import structure


def test_a_caption_asked_for_again_is_no_repetition():
    """Forty works, and samples that paint twenty of them twice: as varied as works if each was asked for twice, repeated if not."""
    works = torch.randint(0, 256, (40, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    values = {}
    for name, asked in (("by captions", {"captions": torch.zeros(20, 16, 12)}), ("by nothing", {})):
        evidence = Evidence(
            learner=None, card=SimpleNamespace(spec=SimpleNamespace(classes=())), params=EvaluationParams(metrics=()),
            seed=1, train={"images": works}, held_out={"images": works}, samples=works[:20].repeat(2, 1, 1, 1),
            prompt=SimpleNamespace(labels=None, works=asked),
        )  # fmt: skip
        values[name] = {score.name: score.value for score in structure.measure(evidence).scores}["next_structure"]
    assert values["by captions"] == pytest.approx(1, abs=0.1)
    assert values["by nothing"] < 0.5
