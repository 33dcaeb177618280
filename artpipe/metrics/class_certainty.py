"""Class certainty: is the dataset's own classifier as sure of samples as of works."""

from artpipe.artifacts.report import Score
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_classifiable_samples
from artpipe.numerics.intervals import share_interval

_SURE_OF_REAL = 0.2  # of real works; less, and its doubts say nothing of samples


def measure(evidence: Evidence) -> Measurement:
    """Measure the share of samples that it is sure of, beside that of held-out works.

    One without skill, or sure of hardly any real work, is asked nothing.
    """
    bounds = evidence.params.verdicts
    samples, real = (evidence.class_probabilities(part).amax(1) >= bounds.certain for part in ("samples", "held_out"))
    share, of_real = (float(sure.double().mean()) for sure in (samples, real))
    score = Score(
        name="class_certainty", value=share, n=len(samples), better="higher", extractor=evidence.extractor_sha256, real=of_real,
        code="score_class_certainty", values={"certain": bounds.certain, "real": of_real},
    ).with_interval(share_interval(share, len(samples)))  # fmt: skip
    skill = evidence.extractor_skill
    if of_real < _SURE_OF_REAL or (skill is not None and not skill.is_shown):
        return Measurement(scores=[score])
    passing = bounds.under_trained_certainty * of_real
    finding = judge_score(
        score, passing=passing, good=bounds.good_certainty * of_real, code="sure_of_samples",
        values={"share": share, "real": of_real, "wanted": passing},
    )  # fmt: skip
    return Measurement(scores=[score], findings=[finding])


METRIC = Metric(applies=has_classifiable_samples, measure=measure)
