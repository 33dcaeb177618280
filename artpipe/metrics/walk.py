"""Walk: a film through latent codes and back to the first.

It is re-timed until its steps look alike to the feature extractor.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from artpipe.artifacts.caption_columns import decode_texts
from artpipe.artifacts.report import Score
from artpipe.contracts.feature_source import downscale_to_vectors
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_samples
from artpipe.contracts.model import Content, Exhibit, LatentWalker
from artpipe.contracts.plugin_info import MetricInfo, WallText
from artpipe.contracts.steered_sampler import CaptionWalker, select_rows
from artpipe.evaluation.latent_path import even_out_steps, interpolate_linear, interpolate_spline
from artpipe.evaluation.video import encode_video, enlarge_frames
from artpipe.language.message import Message
from artpipe.numerics.many_colours import MOST_PICTURES, have_many_colours
from artpipe.numerics.pixels import to_bytes, to_float
from artpipe.training.exhibit_files import encode_png

_MINIMUM_FRAMES = 3  # frames of a loop
_DIMENSIONS, _COLOURS = 4, 3  # of pictures (N, C, H, W), and channels of colour


def measure(evidence: Evidence) -> Measurement:
    """Render the walk, measure its largest against its mean step, hang the film."""
    walk = evidence.params.walk
    waypoints = choose_waypoints(evidence, walk.anchors)
    frames, ratio = even_out_steps(
        lambda times: _render_frames(evidence, waypoints, times),
        [
            lambda frames: evidence.extract_features(frames, evidence.own_source),
            lambda frames: downscale_to_vectors(to_float(frames)),
        ],
        max(_MINIMUM_FRAMES, round(walk.seconds * walk.fps)),
        walk.rounds,
        walk.evenness,
    )
    score = Score(
        name="walk_evenness",
        value=ratio,
        n=len(frames),
        better="lower",
        extractor=evidence.own_source.sha256,
        code="score_walk_evenness",
    )
    soft = are_shrunk(evidence.pictures("held_out"))
    films = {form: data for form in walk.forms if (data := encode_video(frames, walk, form, soft=soft))}
    if not films:
        return Measurement(scores=[score])
    poster = encode_png(enlarge_frames(frames[:1], walk.side, soft=soft)[0])
    first, *others = films
    parts: dict[str, Content] = {"poster": poster, **{form: films[form] for form in others}}
    seed = int(evidence.prompt.seeds[waypoints[0][0]]) if evidence.prompt else None
    exhibit = Exhibit("video", films[first], _make_caption(evidence, waypoints), "walk", seed, parts=parts)
    return Measurement(scores=[score], exhibits=[exhibit])


def are_shrunk(works: Tensor) -> bool:
    """Return whether works were shrunk, so that their pixels are nobody's squares.

    Grey ones are shown as squares, as on the walls.
    """
    if works.dim() != _DIMENSIONS or works.shape[1] < _COLOURS:
        return False
    pixels = [work.flatten(1).T for work in works[:MOST_PICTURES]]
    return have_many_colours(len(one.unique(dim=0)) / len(one) for one in pixels)


def choose_waypoints(evidence: Evidence, count: int) -> list[tuple[int, int | None]]:
    """Return the samples (row, label) that the walk passes.

    Of each class in turn they are those the feature extractor is surest of. Where nobody knows classes they are
    spread over those that hang, without a label.
    """
    knows_classes = (
        evidence.feature_extractor is not None
        and evidence.extractor_classes == evidence.classes
        and len(evidence.classes) > 1
    )
    if not knows_classes or evidence.prompt is None:
        hung = min(evidence.params.exhibits, len(evidence.pictures("samples")))
        count = min(count, hung)
        return [(place * hung // count, None) for place in range(count)]
    probabilities = evidence.class_probabilities("samples")
    requested = evidence.prompt.labels
    labels = probabilities.argmax(1) if requested is None else requested
    certainty = probabilities.gather(1, labels[:, None])[:, 0]
    order = certainty.argsort(descending=True, stable=True).tolist()
    rows = {label: [row for row in order if labels[row] == label] for label in range(len(evidence.classes))}
    present = [label for label, label_rows in rows.items() if label_rows]
    turns = sorted(present[i * len(present) // count] if count < len(present) else present[i % len(present)] for i in range(count))  # fmt: skip
    nth = [turns[:i].count(label) for i, label in enumerate(turns)]
    return [(rows[label][i % len(rows[label])], label) for label, i in zip(turns, nth, strict=True)]


def _render_frames(evidence: Evidence, waypoints: Sequence[tuple[int, int | None]], times: Tensor) -> Tensor:
    """Return frames ``(N, C, H, W)``, uint8, at times ``(N,)`` around the loop.

    Times are in [0, 1).
    """
    learner: Any = evidence.learner
    prompt, classes = evidence.prompt, len(evidence.classes)
    seeds = [prompt.seeds[row] if prompt else row for row, _ in waypoints]
    noise = torch.stack(
        [torch.randn(learner.noise_size, generator=torch.Generator().manual_seed(seed)) for seed in seeds]
    )
    path = interpolate_spline(noise, times) * evidence.params.walk.truncation
    with torch.no_grad():
        if captions := _read_captions(evidence, seeds):
            return to_bytes(learner.walk_captions(path, captions, interpolate_linear(torch.eye(len(seeds)), times)))
        mix = torch.zeros(len(waypoints), classes)
        for i, (_, label) in enumerate(waypoints):
            if label is not None:
                mix[i, label] = 1.0
        return to_bytes(learner.walk(path, interpolate_linear(mix, times)))


def _read_captions(evidence: Evidence, seeds: Sequence[int]) -> list[str]:
    """Return the captions that samples of seeds were asked for, if any."""
    texts = evidence.prompt.works.get("caption_texts") if evidence.prompt else None
    if texts is None or not isinstance(evidence.learner, CaptionWalker):
        return []
    return list(decode_texts(texts[select_rows(seeds, len(texts))].tolist()))


def _make_caption(evidence: Evidence, waypoints: Sequence[tuple[int, int | None]]) -> Message:
    labels = list(dict.fromkeys(label for _, label in waypoints if label is not None))
    if len(labels) > 1:
        first, last = (evidence.classes[labels[i]] for i in (0, -1))
        return Message(code="walk_between_classes", values={"first": first, "last": last})
    return Message(code="walk_past_works", values={"works": len(waypoints)})


def _applies(evidence: Evidence) -> bool:
    walks = isinstance(evidence.learner, LatentWalker) and has_samples(evidence)
    return walks and evidence.params.walk.seconds > 0 and len(evidence.pictures("samples")) >= _MINIMUM_FRAMES


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
