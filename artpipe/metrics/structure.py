"""Structure: do the pictures of one label differ in more than their colours.

A model may paint one template for each label in ever other colours, which distances of features take for variety.
"""

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.feature_source import map_batches
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_samples
from artpipe.evaluation.sample_labels import find_sample_labels
from artpipe.numerics.edge_structure import edge_distances, edge_maps, mean_distances
from artpipe.numerics.half_samples import measure_halves

_MOST_OF_A_LABEL = 300  # works
_FEWEST_OF_A_LABEL = 8
_SMALLEST_SIDE = 8  # pixels

DistancePair = tuple[Tensor, Tensor]  # among samples and among as many works of one label


def measure(evidence: Evidence) -> Measurement:
    """Measure distances of edges within each label against real works' own."""
    labels = dict(_iterate_labels(evidence))
    if not labels:
        return Measurement()
    pairs = list(labels.values())
    ratios = _measure_ratios(pairs)
    n = sum(len(samples) for samples, _ in pairs)
    fewest = min(len(samples) for samples, _ in pairs)
    halves = measure_halves(lambda rows, columns: _measure_rows(pairs, rows, columns), fewest, fewest, evidence.seed, evidence.params.spread_subsets)  # fmt: skip
    scores = [
        Score(
            name=name,
            value=float(ratios[i]),
            n=n,
            extractor="edges",
            real=1.0,
            code={"structure": "score_structure", "next_structure": "score_next_structure"}[name],
        ).with_interval(None if halves is None else halves.ratio_interval(float(ratios[i]), i))
        for i, name in enumerate(("structure", "next_structure"))
    ]
    table = {name: [round(float(ratio), 4) for ratio in _measure_ratios([pair])] for name, pair in labels.items()}
    findings = _judge_structure(evidence, scores, is_labelled={*labels} != {""})
    return Measurement(scores=scores, findings=findings, tables={"structure": table})


def _iterate_labels(evidence: Evidence) -> Iterator[tuple[str, DistancePair]]:
    """Yield each label with distances among samples and among works of it.

    There are as many works as samples; where labels are unknown, all are of one. Of pictures asked for by captions each
    caption has one: further ones are alike because the same was asked for.
    """
    samples = map_batches(evidence.pictures("samples"), edge_maps, evidence.params.batch_size)
    images, works_labels = evidence.pictures("train"), evidence.train.get("labels")
    labels = find_sample_labels(evidence)
    groups: dict[str, tuple[Tensor, Tensor]] = {"": (torch.arange(len(samples)), torch.arange(len(images)))}
    if labels is not None and works_labels is not None:
        groups = {
            name: ((labels == i).nonzero()[:, 0], (works_labels == i).nonzero()[:, 0])
            for i, name in enumerate(evidence.classes)
        }
    captions = evidence.prompt.works.get("captions") if evidence.prompt is not None else None
    for name, (rows, works) in groups.items():
        if captions is not None:
            rows = rows[rows < len(captions)]  # noqa: PLW2901
        count = min(len(rows), len(works), _MOST_OF_A_LABEL)
        if count >= _FEWEST_OF_A_LABEL:
            maps = map_batches(images[works[:count]], edge_maps, evidence.params.batch_size), samples[rows[:count]]
            yield name, (edge_distances(maps[1], maps[1]), edge_distances(maps[0], maps[0]))


def _measure_ratios(pairs: Sequence[DistancePair]) -> Tensor:
    """Return ratios ``(2,)`` of mean distances of pairs and of nearest."""
    sums = [torch.stack([mean_distances(pair[side]) for pair in pairs]).sum(0) for side in (0, 1)]
    return sums[0] / sums[1].clamp(min=1e-9)


def _measure_rows(pairs: Sequence[DistancePair], rows: Tensor, columns: Tensor) -> Tensor:
    """Return the ratios of a half of each label."""
    return _measure_ratios(
        [(samples[rows[:, None], rows], works[columns[:, None], columns]) for samples, works in pairs]
    )


def _judge_structure(evidence: Evidence, scores: Sequence[Score], *, is_labelled: bool) -> list[Finding]:
    bounds, (pairs, nexts) = evidence.params.verdicts, scores
    failing, passing = bounds.collapsed_structure, bounds.under_trained_structure
    return [
        judge_score(
            pairs, failing=failing, passing=passing, good=bounds.good_structure, failure="collapsed",
            code="edges_differ" if is_labelled else "unlabelled_edges_differ", values={"share": pairs.value, "wanted": passing},
        ),
        judge_score(
            nexts, failing=failing, passing=passing, good=bounds.good_structure, failure="collapsed",
            code="next_edges_differ" if is_labelled else "unlabelled_next_edges_differ", values={"share": nexts.value, "wanted": passing},
        ),
    ]  # fmt: skip


def _applies(evidence: Evidence) -> bool:
    return (
        has_samples(evidence)
        and len(evidence.pictures("train")) >= _FEWEST_OF_A_LABEL
        and min(evidence.pictures("samples").shape[2:]) >= _SMALLEST_SIDE
    )


METRIC = Metric(applies=_applies, measure=measure, headline=("structure",))
