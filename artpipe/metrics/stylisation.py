"""Stylisation: how near a picture has come to the manner it is painted in, and how far it went from its photograph."""

from collections.abc import Sequence

import torch

from artpipe.artifacts.report import Finding, Score, Verdict
from artpipe.contracts.metric import Evidence, Measured, Metric
from artpipe.nn.style.perceptual import PerceptualLoss, StyleTransfer, StylisedPictures
from artpipe.numerics.pixels import to_float

_RELATIVE = "0 is the same, about 1 something unrelated."


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
        _score("style_distance", style, f"How far the strokes are from those of the style: {_RELATIVE}"),
        _score("content_distance", content, f"How far what is seen is from the photograph: {_RELATIVE}"),
        _score("style_left", left, "The style distance as a share of the one that the photograph itself has."),
    ]
    value, bound = sum(left) / len(left), evidence.params.verdicts.under_trained_style
    kept = f"{value:.0%} of the distance that the photographs have to their styles"
    if value > bound:
        sentence = f"{kept} is still there: more steps are wanted, or a larger `beta`."
        return Measured(scores=scores, findings=[_finding("under-trained", value, bound, sentence)])
    return Measured(scores=scores, healthy=_finding("healthy", value, bound, f"Only {kept} is left."))


def _finding(verdict: Verdict, value: float, bound: float, sentence: str) -> Finding:
    return Finding(verdict=verdict, score="style_left", value=value, bound=bound, sentence=sentence)


def _one_by_one(made: StylisedPictures) -> list[StylisedPictures]:
    rows = range(len(made.pictures))
    return [StylisedPictures(made.pictures[[i]], made.contents[[i]], made.styles[[i]]) for i in rows]


def _judged(loss: PerceptualLoss, made: StylisedPictures) -> tuple[float, float, float]:
    """Return content distance, style distance, and the style distance of the photograph, of one picture."""
    content, style = loss.content_features(made.contents), loss.style_grams(made.styles)
    after = loss.distances(made.pictures, content, style)
    before = loss.distances(made.contents, content, style)
    return float(after[0]), float(after[1]), float(before[1])


def _score(name: str, values: Sequence[float], explanation: str) -> Score:
    found = torch.tensor(values, dtype=torch.float64)
    spread = float(found.std()) if len(values) > 1 else None
    return Score(
        name=name, value=float(found.mean()), n=len(values), spread=spread, better="lower", explanation=explanation
    )


METRIC = Metric(
    applies=lambda evidence: isinstance(evidence.learner, StyleTransfer),
    measure=measure,
    headline=("style_left", "content_distance"),
)
