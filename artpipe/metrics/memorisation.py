"""Memorisation: are samples nearer to training works than new works are.

FID and precision cannot see it.
"""

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.feature_source import map_batches
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, EvidencePart, Measurement, Metric, has_samples
from artpipe.contracts.plugin_info import MetricInfo, WallText
from artpipe.numerics.copy_search import copy_maps, list_variants, nearest_edges
from artpipe.numerics.half_samples import measure_halves
from artpipe.numerics.intervals import share_interval

_DRAWS = 200  # of held-out works, again and again
_MOST_WORKS, _MOST_SAMPLES = 2000, 300  # among which copies of edges are looked for
_SMALLEST_SIDE = 8  # pixels

_PARTS: tuple[EvidencePart, EvidencePart] = ("samples", "held_out")


def measure(evidence: Evidence) -> Measurement:
    """Measure the distance of samples to the nearest training works.

    It is compared with that of held-out works; the nearest pairs are listed.
    """
    distances, rows = evidence.nearest_train("samples")
    share, by_chance = (float(copies.double().mean()) for copies in map(evidence.copy_mask, _PARTS))
    ratio, copies = _score_ratio(evidence, distances[:, 0]), _score_copies(evidence, share, by_chance)
    varied = _score_varied_copies(evidence)
    return Measurement(
        scores=[ratio, copies, *varied],
        findings=[_judge_copies(evidence, copies, by_chance), *(_judge_varied_copies(evidence, score) for score in varied)],
        tables={
            "memorisation": {
                "pairs": _list_pairs(evidence, distances, rows), "held_out_distance": evidence.held_out_distance,
            }
        },
        samples={"nearest pair": _find_nearest_samples(distances, evidence.params.pairs)},
    )  # fmt: skip


def _find_nearest_samples(distances: Tensor, count: int) -> list[int]:
    """Return the samples nearest to one training work, compared with the next one.

    By distance alone the simplest class, whose works all lie close together, would be all that is found.
    """
    ratios = distances[:, 0] / distances[:, 1].clamp(min=1e-9)
    return [int(i) for i in ratios.argsort(stable=True)[:count]]


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


def _score_ratio(evidence: Evidence, distances: Tensor) -> Score:
    """Return the median distance as a share of that of held-out works."""
    real = evidence.nearest_train("held_out")[0][:, 0]
    halves = measure_halves(
        lambda rows, columns: distances[rows].double().median() / real[columns].double().median().clamp(min=1e-9),
        len(distances), len(real), evidence.seed, evidence.params.spread_subsets,
    )  # fmt: skip
    value = float(distances.double().median()) / evidence.held_out_distance
    score = Score(
        name="memorisation", value=value, n=len(distances), extractor=evidence.training_source.sha256, real=1.0,
        code="score_memorisation",
    )  # fmt: skip
    return score.with_interval(None if halves is None else halves.ratio_interval(value))


def _score_copies(evidence: Evidence, share: float, by_chance: float) -> Score:
    count = len(evidence.copy_mask("samples"))
    score = Score(
        name="copies", value=share, n=count, better="lower", extractor=evidence.training_source.sha256, real=by_chance,
        code="score_copies", values={"usual": by_chance},
    )  # fmt: skip
    return score.with_interval(share_interval(share, count))


def _score_varied_copies(evidence: Evidence) -> list[Score]:
    """Return the share of samples whose edges are those of a training work.

    Works are cropped and mirrored; pictures that are too small have no edges.
    """
    train, bounds = evidence.pictures("train")[:_MOST_WORKS], evidence.params.verdicts
    if min(train.shape[2:]) < _SMALLEST_SIDE:
        return []
    batch_size = evidence.params.batch_size
    variants = list_variants(train)
    samples, real = (
        nearest_edges(map_batches(evidence.pictures(part)[:_MOST_SAMPLES], copy_maps, batch_size), variants)
        for part in _PARTS
    )
    ratio = bounds.varied_copy_ratio
    usual = real[:, 0].median()
    shares = [float(_are_copies(part, ratio, usual).double().mean()) for part in (samples, real)]
    score = Score(
        name="varied_copies", value=shares[0], n=len(samples), better="lower", extractor="edges", real=shares[1],
        code="score_varied_copies", values={"usual": shares[1]},
    )  # fmt: skip
    # what is usual among few held-out works is not known to the last digit: it scatters as that of works drawn again
    drawn = torch.randint(len(real), (_DRAWS, len(real)), generator=torch.Generator().manual_seed(evidence.seed))
    by_draw = _are_copies(samples, ratio, real[:, 0][drawn].median(1, keepdim=True).values).double().mean(1)
    variance = shares[0] * (1 - shares[0]) / len(samples) + float(by_draw.var())
    return [score.with_interval(share_interval(shares[0], len(samples), variance))]


def _are_copies(nearest: Tensor, ratio: float, usual: Tensor) -> Tensor:
    """Return which ``(N, 2)`` distances to the nearest two works are of copies.

    They are far nearer to the first than to the second, and than what is usual ``(..., 1)`` or a number.
    """
    return (nearest[:, 0] < ratio * nearest[:, 1]) & (nearest[:, 0] < ratio * usual)


def _judge_varied_copies(evidence: Evidence, score: Score) -> Finding:
    usual = score.real or 0.0
    bound = usual + evidence.params.verdicts.memorised_share
    return judge_score(
        score, failing=bound, passing=bound, good=bound, wanted="most", fault="memorised", code="copies_varied_works",
        values={"share": score.value, "usual": usual, "wanted": bound},
    )  # fmt: skip


def _judge_copies(evidence: Evidence, copies: Score, by_chance: float) -> Finding:
    """Judge the share of copies, beyond what new works would be called."""
    bounds = evidence.params.verdicts
    bound = by_chance + bounds.memorised_share
    return judge_score(
        copies, failing=bound, passing=bound, good=bound, wanted="most", fault="memorised",
        code="copies_training_works", values={"share": copies.value, "usual": by_chance, "wanted": bound},
    )  # fmt: skip


METRIC = Metric(
    applies=lambda evidence: has_samples(evidence) and len(evidence.pictures("train")) > 1,
    measure=measure,
    headline=("copies",),
)
METRIC_INFO = MetricInfo(
    wall_texts={
        "nearest pair": WallText(
            heading="Nearest to a training work",
            note="Of all its pictures, these lie nearest to one single work of the training, compared with the next nearest one. A copy would hang here first; the page behind each frame shows both.",
        )
    },
    copy_scores=("memorisation", "copies"),
)
