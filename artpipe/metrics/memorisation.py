"""Memorisation: is a sample nearer to a training work than a new work ever is (FID and precision cannot see it)."""

from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, Measured, Metric, Part, paints, share_spread
from artpipe.contracts.plugin_info import MetricInfo, WallText

_PARTS: tuple[Part, Part] = ("samples", "held_out")


def measure(evidence: Evidence) -> Measured:
    """Measure the samples' nearest training works against those of held-out works, and list the nearest pairs."""
    near, rows = evidence.nearest_train("samples")
    level = evidence.usual_distance
    share, by_chance = (float(found.double().mean()) for found in map(evidence.copies, _PARTS))
    ratio = float(near[:, 0].double().median()) / level
    return Measured(
        scores=_scores(evidence, ratio, share, by_chance),
        findings=_memorised(evidence, share, by_chance),
        tables={"memorisation": {"pairs": _pairs(evidence, near, rows), "held_out_distance": level}},
        samples={"nearest pair": _nearest_samples(near, evidence.params.pairs)},
    )


def _nearest_samples(near: Tensor, count: int) -> list[int]:
    return [int(i) for i in near[:, 0].argsort(stable=True)[:count]]


def _pairs(evidence: Evidence, near: Tensor, rows: Tensor) -> list[dict[str, object]]:
    digests = evidence.train.get("digests")
    return [
        {
            "sample": i,
            "seed": int(evidence.prompt.seeds[i]) if evidence.prompt else None,
            "digest": bytes(digests[rows[i, 0]].tolist()).hex() if digests is not None else None,
            "distance": float(near[i, 0]),
        }
        for i in _nearest_samples(near, evidence.params.pairs)
    ]


def _scores(evidence: Evidence, ratio: float, share: float, by_chance: float) -> list[Score]:
    count = len(evidence.pictures("samples"))
    return [
        Score(
            name="memorisation",
            value=ratio,
            n=count,
            extractor=evidence.extractor,
            code="score_memorisation",
        ),
        Score(
            name="copies",
            value=share,
            n=count,
            spread=share_spread(share, count),
            better="lower",
            extractor=evidence.extractor,
            code="score_copies",
            values={"usual": by_chance},
        ),
    ]


def _memorised(evidence: Evidence, share: float, by_chance: float) -> list[Finding]:
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
    applies=lambda evidence: paints(evidence) and len(evidence.pictures("train")) > 1,
    measure=measure,
    headline=("copies",),
)
METRIC_INFO = MetricInfo(wall_texts={"nearest pair": WallText(heading="Nearest to a training work")})
