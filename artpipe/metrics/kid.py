"""Kernel inception distance (Binkowski et al. 2018): how far the samples are from real works, unbiased at any count."""

from artpipe.artifacts.report import Score
from artpipe.metrics import Evidence, Measured, Metric, halves, paints
from artpipe.nn.kernel import kernel_distance, kernel_distance_spread


def measure(evidence: Evidence) -> Measured:
    """Measure samples against held-out works, and two halves of the held-out works against each other."""
    real, painted = evidence.features("held_out"), evidence.features("samples")
    spread = kernel_distance_spread(real, painted, subsets=evidence.params.spread_subsets, seed=evidence.seed)
    scores = [
        Score(
            name="kid",
            value=kernel_distance(painted, real),
            n=len(painted),
            spread=spread,
            better="lower",
            extractor=evidence.extractor,
            explanation="How far these pictures as a whole are from held-out works; 0 is no difference.",
        )
    ]
    first, second = halves(real)
    if len(first) > 1:
        scores.append(
            Score(
                name="kid_real",
                value=kernel_distance(first, second),
                n=len(first),
                spread=kernel_distance_spread(
                    second, first, subsets=evidence.params.spread_subsets, seed=evidence.seed
                ),
                better="neither",
                extractor=evidence.extractor,
                explanation="The same distance between two halves of the real works: what no painter can beat.",
            )
        )
    return Measured(scores=scores)


METRIC = Metric(applies=paints, measure=measure)
