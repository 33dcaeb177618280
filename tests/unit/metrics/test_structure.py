"""Structure within labels, and of pictures that were asked for by captions."""

from types import SimpleNamespace

import pytest
import torch

from artpipe.config.params import EvaluationParams
from artpipe.contracts.metric import Evidence
from artpipe.metrics import structure


def test_a_caption_asked_for_again_is_no_repetition():
    """Twenty captions asked for three times each paint twenty works three times: as varied as the works."""
    works = torch.randint(0, 256, (20, 3, 16, 16), dtype=torch.uint8, generator=torch.Generator().manual_seed(1))
    samples, captions = works.repeat(3, 1, 1, 1), {"captions": torch.zeros(20, 16, 12)}
    values = {}
    for name, asked in (("by captions", captions), ("by nothing", {})):
        evidence = Evidence(
            learner=None, card=SimpleNamespace(spec=SimpleNamespace(classes=())), params=EvaluationParams(metrics=()),
            seed=1, train={"images": works}, held_out={"images": works}, samples=samples if asked else works.repeat_interleave(3, 0),
            prompt=SimpleNamespace(labels=None, works=asked),
        )  # fmt: skip
        values[name] = {score.name: score.value for score in structure.measure(evidence).scores}["next_structure"]
    assert values["by captions"] == pytest.approx(1)
    assert values["by nothing"] < 0.5
