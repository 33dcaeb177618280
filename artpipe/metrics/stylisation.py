"""Stylisation: how near a picture has come to the manner it is painted in, and how far it went from its photograph."""

from collections.abc import Sequence

import torch

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, Measured, Metric
from artpipe.nn.style.perceptual import PerceptualLoss, StyleTransfer, StylisedPictures
from artpipe.numerics.pixels import to_float


def measure(evidence: Evidence) -> Measured:
    """Compare every picture with its photograph and its style, through the eyes it was painted with."""
    assert isinstance(evidence.learner, StyleTransfer)  # noqa: S101 - `applies` has seen to it
    loss = evidence.learner.perceptual_loss
    if loss is None:
        return Measured()
    works = {name: to_float(c) if name == "images" else c for name, c in evidence.held_out.items()}
    with torch.no_grad():
        rows = [_judged(loss, made) for made in _one_by_one(evidence.learner.stylise(works))]
    content, style, before = (list(column) for column in zip(*rows, strict=True))
    left = [after / max(start, 1.0e-12) for after, start in zip(style, before, strict=True)]
    scores = [
        _score("style_distance", style, code="score_style_distance"),
        _score("content_distance", content, code="score_content_distance"),
        _score("style_left", left, code="score_style_left"),
    ]
    value, bound = sum(left) / len(left), evidence.params.verdicts.under_trained_style
    remains = value > bound
    finding = Finding(
        verdict="under-trained" if remains else "healthy",
        score="style_left",
        value=value,
        bound=bound,
        code="style_remains" if remains else "style_reached",
        values={"share": value},
    )
    return Measured(scores=scores, findings=[finding] if remains else (), healthy=None if remains else finding)


def _one_by_one(made: StylisedPictures) -> list[StylisedPictures]:
    rows = range(len(made.pictures))
    return [StylisedPictures(made.pictures[[i]], made.contents[[i]], made.styles[[i]]) for i in rows]


def _judged(loss: PerceptualLoss, made: StylisedPictures) -> tuple[float, float, float]:
    """Return content distance, style distance, and the style distance of the photograph, of one picture."""
    content, style = loss.content_features(made.contents), loss.style_grams(made.styles)
    after = loss.distances(made.pictures, content, style)
    before = loss.distances(made.contents, content, style)
    return float(after[0]), float(after[1]), float(before[1])


def _score(name: str, values: Sequence[float], code: str) -> Score:
    found = torch.tensor(values, dtype=torch.float64)
    spread = float(found.std()) if len(values) > 1 else None
    return Score(name=name, value=float(found.mean()), n=len(values), spread=spread, better="lower", code=code)


METRIC = Metric(
    applies=lambda evidence: isinstance(evidence.learner, StyleTransfer),
    measure=measure,
    headline=("style_left", "content_distance"),
)
