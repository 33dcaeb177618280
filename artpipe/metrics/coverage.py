"""Precision, recall, density and coverage, by nearest neighbours.

Kynkaanniemi et al. 2019 (the first two), Naeem et al. 2020 (the others).
"""

from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_samples, share_spread, split_halves
from artpipe.nn.classifier.rotation_pretext import ROTATIONS
from artpipe.numerics.prdc import measure_prdc


def measure(evidence: Evidence) -> Measurement:
    """Measure samples against held-out works.

    Coverage of one half of the held-out works by the other is the ceiling. As many samples as works, because more
    of them would reach more; the verdict compares halves with halves.
    """
    real, generated = evidence.features("held_out"), evidence.features("samples")
    generated = generated[: len(real)]
    k = evidence.params.coverage_neighbours
    shares = evidence.compare_samples(len(generated)).shares
    samples, works, extractor = len(generated), len(real), evidence.extractor_id
    scores = [
        _make_share_score("precision", shares.precision, samples, extractor, code="score_precision"),
        _make_share_score("recall", shares.recall, works, extractor, code="score_recall"),
        Score(name="density", value=shares.density, n=samples, extractor=extractor, code="score_density"),
        _make_share_score("coverage", shares.coverage, works, extractor, code="score_coverage"),
    ]
    half_coverage, ceiling = _measure_halves(real, generated, k) or (shares.coverage, 1.0)
    scores += _make_ceiling_scores(evidence, ceiling, len(real) // 2)
    return _judge_coverage(evidence, scores, half_coverage / max(ceiling, 1e-9))


def _make_share_score(name: str, share: float, n: int, extractor: str, code: str) -> Score:
    spread = share_spread(share, n)
    return Score(name=name, value=share, n=n, spread=spread, better="higher", extractor=extractor, code=code)


def _measure_halves(real: Tensor, generated: Tensor, k: int) -> tuple[float, float] | None:
    """Return coverage of one half of real works by samples and by the other half.

    There are as many samples as works; None with too few works.
    """
    first, second = split_halves(real)
    if len(first) <= k:
        return None
    return measure_prdc(first, generated[: len(second)], k).coverage, measure_prdc(first, second, k).coverage


def _make_ceiling_scores(evidence: Evidence, value: float, count: int) -> list[Score]:
    extractor = evidence.extractor_id
    return [Score(name="coverage_real", value=value, n=count, extractor=extractor, code="score_coverage_real")]


def _judge_coverage(evidence: Evidence, scores: list[Score], relative: float) -> Measurement:
    held_out, fewest = len(evidence.features("held_out")), evidence.params.verdicts.fewest_works
    if held_out < fewest:
        few = Finding(
            verdict="undecided", score="held_out_works", value=held_out, bound=fewest,
            code="held_out_too_few", values={"works": held_out, "fewest": fewest},
        )  # fmt: skip
        return Measurement(scores=scores, findings=(few,))
    bound = evidence.params.verdicts.under_trained_coverage
    is_covered = relative >= bound
    if is_covered and (doubt := _doubt_extractor(evidence)) is not None:
        return Measurement(scores=scores, findings=(doubt,))
    finding = Finding(
        verdict="healthy" if is_covered else "under-trained",
        score="coverage_of_ceiling",
        value=relative,
        bound=bound,
        code="covers_variety",
        values={"share": relative, "wanted": bound},
    )
    return Measurement(
        scores=scores, healthy=finding if is_covered else None, findings=() if is_covered else (finding,)
    )


def _doubt_extractor(evidence: Evidence) -> Finding | None:
    """Find a feature extractor that recognises little more than guessing would.

    Works unlike each other look alike to it.
    """
    accuracy, bound = evidence.extractor_accuracy, evidence.params.verdicts.extractor_skill
    if accuracy is None or evidence.feature_extractor is None:
        return None
    guess = 1 / len(evidence.extractor_classes or ROTATIONS)
    skill = (accuracy - guess) / (1 - guess)
    if skill >= bound:
        return None
    return Finding(
        verdict="undecided", score="extractor_skill", value=max(0.0, skill), bound=bound,
        code="extractor_near_guessing", values={"share": accuracy, "guess": guess},
    )  # fmt: skip


METRIC = Metric(applies=has_samples, measure=measure, headline=("coverage",))
