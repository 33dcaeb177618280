"""Stylisation: distance of pictures to their style and their photograph, noise."""

from collections.abc import Sequence

import torch

from artpipe.artifacts.report import Finding, Score
from artpipe.config.verdict_bounds import VerdictBounds
from artpipe.contracts.fine_detail import judge_noise
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.nn.style.perceptual import PerceptualLoss, StyleTransfer, StylisedPictures, content_dissimilarity
from artpipe.numerics.image_quality import noise_level
from artpipe.numerics.intervals import positive_mean_interval
from artpipe.numerics.pixels import to_float


def measure(evidence: Evidence) -> Measurement:
    """Compare every picture with its photograph and its style.

    The network is the one that it was painted with.
    """
    assert isinstance(evidence.learner, StyleTransfer)  # noqa: S101 - `applies` has seen to it
    loss = evidence.learner.perceptual_loss
    if loss is None:
        return Measurement()
    works = {name: to_float(c) if name == "images" else c for name, c in evidence.held_out.items()}
    with torch.no_grad():
        pictures = evidence.learner.stylise(works)
        rows = [_measure_picture(loss, stylised) for stylised in _split_pictures(pictures)]
    content, style, before = (list(column) for column in zip(*rows, strict=True))
    style_ratios = [after / max(start, 1.0e-12) for after, start in zip(style, before, strict=True)]
    scores = [
        _make_score("style_distance", style, code="score_style_distance"),
        _make_score("content_distance", content, code="score_content_distance"),
        _make_score("style_left", style_ratios, code="score_style_left"),
    ]
    noise, bounds = _score_noise(pictures), evidence.params.verdicts
    return Measurement(scores=[*scores, noise], findings=[*_judge_style(bounds, *scores), judge_noise(noise, bounds)])


def _score_noise(stylised: StylisedPictures) -> Score:
    """Return the noise of pictures, beside that of photograph or style."""
    pictures, *origins = (noise_level(part) for part in (stylised.pictures, stylised.contents, stylised.styles))
    score = _make_score("stylised_noise", pictures.tolist(), code="score_noise_level")
    return score.model_copy(update={"real": float(torch.maximum(*origins).mean())})


def _judge_style(bounds: VerdictBounds, style: Score, content: Score, style_left: Score) -> list[Finding]:
    """Judge that the style came and that what is seen stayed."""
    del style
    return [
        judge_score(
            style_left, passing=bounds.under_trained_style, good=bounds.good_style, wanted="most", code="style_remains",
            values={"share": style_left.value, "wanted": bounds.under_trained_style},
        ),
        judge_score(
            content, passing=bounds.lost_content, good=bounds.good_content, wanted="most", code="content_lost",
            values={"share": content.value, "wanted": bounds.lost_content},
        ),
    ]  # fmt: skip


def _split_pictures(stylised: StylisedPictures) -> list[StylisedPictures]:
    rows = range(len(stylised.pictures))
    return [StylisedPictures(stylised.pictures[[i]], stylised.contents[[i]], stylised.styles[[i]]) for i in rows]


def _measure_picture(loss: PerceptualLoss, stylised: StylisedPictures) -> tuple[float, float, float]:
    """Return content distance, style distance and style distance before.

    Before is that of the photograph; there is one picture. The content distance is `content_dissimilarity`.
    """
    content, style = loss.content_features(stylised.contents), loss.style_grams(stylised.styles)
    _, after = loss.distances(stylised.pictures, content, style)
    _, before = loss.distances(stylised.contents, content, style)
    lost = content_dissimilarity(loss.content_features(stylised.pictures), content)
    return float(lost), float(after), float(before)


def _make_score(name: str, values: Sequence[float], code: str) -> Score:
    tensor = torch.tensor(values, dtype=torch.float64)
    score = Score(name=name, value=float(tensor.mean()), n=len(values), better="lower", code=code)
    return score.with_interval(positive_mean_interval(tensor))


METRIC = Metric(
    applies=lambda evidence: isinstance(evidence.learner, StyleTransfer),
    measure=measure,
    headline=("style_left", "content_distance"),
)
