"""Memorisation: are samples nearer to training works than new works are.

FID and precision cannot see it.
"""

from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, EvidencePart, Measurement, Metric, has_samples, share_spread
from artpipe.contracts.plugin_info import MetricInfo, WallText

_PARTS: tuple[EvidencePart, EvidencePart] = ("samples", "held_out")


def measure(evidence: Evidence) -> Measurement:
    """Measure the distance of samples to the nearest training works.

    It is compared with that of held-out works; the nearest pairs are listed.
    """
    distances, rows = evidence.nearest_train("samples")
    held_out_distance = evidence.held_out_distance
    share, by_chance = (float(copies.double().mean()) for copies in map(evidence.copy_mask, _PARTS))
    ratio = float(distances[:, 0].double().median()) / held_out_distance
    return Measurement(
        scores=_make_scores(evidence, ratio, share, by_chance),
        findings=_find_memorisation(evidence, share, by_chance),
        tables={
            "memorisation": {"pairs": _list_pairs(evidence, distances, rows), "held_out_distance": held_out_distance}
        },
        samples={"nearest pair": _find_nearest_samples(distances, evidence.params.pairs)},
    )


def _find_nearest_samples(distances: Tensor, count: int) -> list[int]:
    return [int(i) for i in distances[:, 0].argsort(stable=True)[:count]]


def _list_pairs(evidence: Evidence, distances: Tensor, rows: Tensor) -> list[dict[str, object]]:
    digests = evidence.train.get("digests")
    return [
        {
            "sample": i,
            "seed": int(evidence.prompt.seeds[i]) if evidence.prompt else None,
            "digest": bytes(digests[rows[i, 0]].tolist()).hex() if digests is not None else None,
            "distance": float(distances[i, 0]),
        }
        for i in _find_nearest_samples(distances, evidence.params.pairs)
    ]


def _make_scores(evidence: Evidence, ratio: float, share: float, by_chance: float) -> list[Score]:
    count = len(evidence.pictures("samples"))
    return [
        Score(
            name="memorisation",
            value=ratio,
            n=count,
            extractor=evidence.extractor_id,
            code="score_memorisation",
        ),
        Score(
            name="copies",
            value=share,
            n=count,
            spread=share_spread(share, count),
            better="lower",
            extractor=evidence.extractor_id,
            code="score_copies",
            values={"usual": by_chance},
        ),
    ]


def _find_memorisation(evidence: Evidence, share: float, by_chance: float) -> list[Finding]:
    bound = by_chance + evidence.params.verdicts.memorised_share
    if share <= bound:
        return []
    return [
        Finding(
            verdict="memorised", score="copies", value=share, bound=bound,
            code="copies_training_works", values={"share": share, "usual": by_chance},
        )
    ]  # fmt: skip


METRIC = Metric(
    applies=lambda evidence: has_samples(evidence) and len(evidence.pictures("train")) > 1,
    measure=measure,
    headline=("copies",),
)
METRIC_INFO = MetricInfo(
    wall_texts={"nearest pair": WallText(heading="Nearest to a training work")}, copy_scores=("memorisation", "copies")
)
