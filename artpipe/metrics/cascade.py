"""Cascade: pictures painted small and enlarged (Ho et al. 2022).

They are measured against works of the larger size.
"""

from collections.abc import Mapping

from torch import Tensor

from artpipe.artifacts.report import OtherModel, Score
from artpipe.contracts.enlarger import Enlarger
from artpipe.contracts.feature_source import FeatureSource
from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.contracts.model import Exhibit
from artpipe.contracts.plugin_info import MetricInfo, WallText
from artpipe.evaluation.enlarged_samples import EnlargedSamples, has_painter, paint_enlarged
from artpipe.evaluation.extractor_networks import COLOURS
from artpipe.evaluation.saved_exhibits import describe_sample, find_asked_captions
from artpipe.language.message import Message, Value
from artpipe.numerics.kernel_distance import kernel_distance
from artpipe.numerics.kernel_interval import kernel_distance_interval
from artpipe.numerics.nearest_neighbours import find_nearest
from artpipe.numerics.pixels import to_float

_MINIMUM_WORKS = 10  # held-out works, below which a distance tells nothing


def measure(evidence: Evidence) -> Measurement:
    """Measure KID of what the painter painted, enlarged by the model and without it.

    The pictures hang where the model brings them nearer to held-out works.
    """
    source = _open_source(evidence)
    samples = paint_enlarged(evidence, evidence.params.extractor_pictures)
    real = evidence.features("held_out", source)
    assert isinstance(evidence.learner, Enlarger)  # noqa: S101 - `applies` has seen to it
    baseline, painter = evidence.learner.baseline_name, samples.painter.card
    features = evidence.extract_features(samples.enlarged, source)
    cascade = _score_distance(
        "cascade_kid", real, features, source, code="score_cascade_kid",
        values={"side": painter.spec.height, "painter": painter.name, "enlarger": evidence.card.name},
    )  # fmt: skip
    plain = _score_distance(
        f"cascade_kid_{baseline}", real, evidence.extract_features(samples.baseline, source), source,
        code="score_of_baseline", values={"baseline": baseline},
    )  # fmt: skip
    is_nearer = cascade.value < plain.value
    return Measurement(
        scores=[cascade, plain],
        exhibits=_make_exhibits(evidence, samples, find_nearest(features, real, 1)[0][:, 0]) if is_nearer else [],
        other_models=[OtherModel(name=painter.name, kind=painter.kind, checkpoint=evidence.card.pretrained or "")],
    )


def _open_source(evidence: Evidence) -> FeatureSource:
    """Return what measures: a pretrained network where there is one for colours.

    Else the dataset's own.
    """
    names = evidence.params.extractors if evidence.card.spec.channels == COLOURS else ()
    if not names:
        return evidence.own_source
    network, sha256 = evidence.open_network(names[0])
    return FeatureSource(names[0], sha256, network.features, evidence.params.extractor_pictures, evidence.feature_cache)


def _score_distance(
    name: str, real: Tensor, generated: Tensor, source: FeatureSource, *, code: str, values: Mapping[str, Value]
) -> Score:
    value = kernel_distance(generated, real)
    score = Score(
        name=name, value=value, n=len(generated), better="lower", extractor=source.sha256, code=code, values=dict(values)
    )  # fmt: skip
    return score.with_interval(kernel_distance_interval(generated, real, value))


def _make_exhibits(evidence: Evidence, samples: EnlargedSamples, distances: Tensor) -> list[Exhibit]:
    """Return the first pictures, the plain enlargement before each.

    They stand by their distances ``(N,)`` to the nearest work, since the first of a wall hangs large.
    """
    rows = distances[: evidence.params.exhibits].argsort(stable=True).tolist()
    asked, painter = find_asked_captions(samples.painter, rows), samples.painter.card
    exhibits = []
    for row in rows:
        seed, label, work, _ = describe_sample(samples.painter, row, asked)
        caption = Message(
            code="painted_small_enlarged",
            values={
                "work": work, "side": painter.spec.height, "painter": painter.name, "enlarger": evidence.card.name,
            },
        )  # fmt: skip
        parts = {"before": to_float(samples.baseline[row])}
        exhibits.append(Exhibit("image", to_float(samples.enlarged[row]), caption, "cascade", seed, label, parts=parts))
    return exhibits


def _applies(evidence: Evidence) -> bool:
    return len(evidence.pictures("held_out")) >= _MINIMUM_WORKS and has_painter(evidence)


METRIC = Metric(applies=_applies, measure=measure, headline=("cascade_kid",))
METRIC_INFO = MetricInfo(
    wall_texts={
        "cascade": WallText(
            heading="Painted small, enlarged",
            note="New pictures of one model, enlarged by this one; behind each frame the plain enlargement lies beside it.",
            own=True,
        )
    },
)
