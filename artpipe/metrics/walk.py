"""Walk: a film through the codes and back to where it began, re-timed until its steps look alike to the feature extractor."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from artpipe.artifacts.report import Score
from artpipe.contracts.metric import Evidence, Measured, Metric, paints, small
from artpipe.contracts.model import Content, Exhibit, Walker
from artpipe.contracts.plugin_info import MetricInfo, WallText
from artpipe.evaluation.latent_path import between, evened, spline
from artpipe.evaluation.video import enlarged, film
from artpipe.language.message import Message
from artpipe.numerics.pixels import to_bytes, to_float
from artpipe.training.exhibit_files import encode_png

_FEWEST = 3  # frames of a loop


def measure(evidence: Evidence) -> Measured:
    """Walk past the anchors, even the steps out, measure the largest against the mean one, and hang the film."""
    given = evidence.params.walk
    stops = anchors(evidence, given.anchors)
    frames, ratio = evened(
        lambda times: _pictures(evidence, stops, times),
        [evidence.look, lambda frames: small(to_float(frames))],
        max(_FEWEST, round(given.seconds * given.fps)),
        given.rounds,
    )
    score = Score(
        name="walk_evenness",
        value=ratio,
        n=len(frames),
        better="lower",
        extractor=evidence.extractor,
        code="score_walk_evenness",
    )
    films = {form: data for form in given.forms if (data := film(frames, given, form))}
    if not films:
        return Measured(scores=[score])
    poster = encode_png(enlarged(frames[:1], given.side)[0])
    first, *others = films
    parts: dict[str, Content] = {"poster": poster, **{form: films[form] for form in others}}
    seed = int(evidence.prompt.seeds[stops[0][0]]) if evidence.prompt else None
    exhibit = Exhibit("video", films[first], _caption(evidence, stops), "walk", seed, parts=parts)
    return Measured(scores=[score], exhibits=[exhibit])


def anchors(evidence: Evidence, count: int) -> list[tuple[int, int | None]]:
    """Return the samples (row, label) that the walk passes: of each class in turn those the feature extractor is surest of.

    Where nobody knows classes they are the first ones, without a label.
    """
    known = (
        evidence.feature_extractor is not None
        and evidence.extractor_classes == evidence.classes
        and len(evidence.classes) > 1
    )
    if not known or evidence.prompt is None:
        return [(row, None) for row in range(min(count, len(evidence.pictures("samples"))))]
    judged = evidence.judgements("samples")
    asked = evidence.prompt.labels
    labels = judged.argmax(1) if asked is None else asked
    certainty = judged.gather(1, labels[:, None])[:, 0]
    order = certainty.argsort(descending=True, stable=True).tolist()
    rows = {label: [row for row in order if labels[row] == label] for label in range(len(evidence.classes))}
    present = [label for label, found in rows.items() if found]
    turns = sorted(present[i * len(present) // count] if count < len(present) else present[i % len(present)] for i in range(count))  # fmt: skip
    nth = [turns[:i].count(label) for i, label in enumerate(turns)]
    return [(rows[label][i % len(rows[label])], label) for label, i in zip(turns, nth, strict=True)]


def _pictures(evidence: Evidence, stops: Sequence[tuple[int, int | None]], times: Tensor) -> Tensor:
    """Return the pictures ``(N, C, H, W)``, uint8, at times ``(N,)`` in [0, 1) around the loop."""
    learner: Any = evidence.learner
    prompt, classes = evidence.prompt, len(evidence.classes)
    seeds = [prompt.seeds[row] if prompt else row for row, _ in stops]
    noise = torch.stack([torch.randn(learner.codes, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
    mix = torch.zeros(len(stops), classes)
    for i, (_, label) in enumerate(stops):
        if label is not None:
            mix[i, label] = 1.0
    path = spline(noise, times) * evidence.params.walk.truncation
    with torch.no_grad():
        return to_bytes(learner.walk(path, between(mix, times)))


def _caption(evidence: Evidence, stops: Sequence[tuple[int, int | None]]) -> Message:
    labels = list(dict.fromkeys(label for _, label in stops if label is not None))
    if len(labels) > 1:
        first, last = (evidence.classes[labels[i]] for i in (0, -1))
        return Message(code="walk_between_classes", values={"first": first, "last": last})
    return Message(code="walk_past_works", values={"works": len(stops)})


def _applies(evidence: Evidence) -> bool:
    walks = isinstance(evidence.learner, Walker) and paints(evidence)
    return walks and evidence.params.walk.seconds > 0 and len(evidence.pictures("samples")) >= _FEWEST


METRIC = Metric(applies=_applies, measure=measure)
METRIC_INFO = MetricInfo(
    wall_texts={
        "walk": WallText(
            heading="Walks",
            note="A loop through what the model can paint, in steps that look alike; it ends where it began.",
            own=True,
        )
    }
)
