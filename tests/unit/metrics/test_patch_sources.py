"""Patch sources judged: copies fail, mosaics are seen, untouched pieces are as sharp as their works."""

from types import SimpleNamespace

import torch

from artpipe.config.verdict_bounds import VerdictBounds
from artpipe.language.sentences import make_sentence
from artpipe.metrics.patch_sources import METRIC, measure
from artpipe.numerics.source_map import Composition

IDENTITY = torch.arange(400).view(20, 20)


class Painter:
    """Pictures as they are given."""

    def __init__(self, *source_maps: torch.Tensor) -> None:
        self.works = torch.rand(1, 3, 20, 20, generator=torch.Generator().manual_seed(0)) * 2 - 1
        self.source_maps = source_maps

    def compositions(self):
        return [Composition(self.works, source_map) for source_map in self.source_maps]


def measured(*source_maps):
    evidence = SimpleNamespace(learner=Painter(*source_maps), params=SimpleNamespace(verdicts=VerdictBounds()))
    assert METRIC.applies(evidence)
    return measure(evidence)


def test_copies_are_weak_and_called_memorised():
    """Three copies; they are as sharp as the work and have no joint."""
    measurement = measured(IDENTITY, IDENTITY, IDENTITY)
    finding = next(finding for finding in measurement.findings if finding.score == "share_in_place")
    assert (finding.grade, finding.fault) == ("weak", "memorised")
    assert (
        make_sentence(finding)
        == "100% of a picture, on average, lies where it lies in a work; pass mark 90% at most, good up to 60%."
    )
    assert {score.name: score.value for score in measurement.scores} == {
        "share_in_place": 1.0,
        "joint_contrast": 1.0,
        "work_sharpness": 1.0,
        "joints": 0.0,
    }


def test_moved_works_are_good():
    """They lie nowhere in place, and noise differs from noise across a joint as it does within."""
    measurement = measured(IDENTITY.roll(7, 1), IDENTITY.roll(9, 0), IDENTITY.roll(5, 0))
    grades = {finding.score: finding.grade for finding in measurement.findings}
    assert (grades["share_in_place"], grades["work_sharpness"]) == ("good", "good")
    assert [row["shares"] for row in measurement.tables["patch_sources"]] == [[1.0]] * 3


def test_one_colour_is_not_sharp():
    """All pixels are one pixel of the work."""
    flat = torch.full((20, 20), 7)
    finding = next(f for f in measured(flat, flat).findings if f.score == "work_sharpness")
    assert finding.grade == "failed"
