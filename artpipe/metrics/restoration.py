"""Restoration: how near a restorer comes to held-out works.

Beside it stands a baseline that needs no learning.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.fine_detail import judge_detail
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.contracts.model import Restoration, Restorer
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.errors import UnreachableError
from artpipe.evaluation.extractor_networks import COLOURS
from artpipe.evaluation.lpips_weights import PATCH_SIDE, SMALLEST_SIDE, open_lpips
from artpipe.language.message import Message, Value
from artpipe.modalities.picture.tiles import join_tiles
from artpipe.nn.pretrained.lpips_network import LpipsNetwork
from artpipe.numerics.image_quality import laplacian_energy, psnr, ssim
from artpipe.numerics.intervals import mean_interval, ratio_interval
from artpipe.numerics.pixels import to_float

_BATCH_PIXELS = 2**20  # restored at once
_MINIMUM_RESTORATIONS = 32  # restorations, where there are fewer works
_MOST_LOOKED_AT = 16  # works, of which LPIPS is measured: 0.15 core-s each
_GOOD_GAIN, _GOOD_SHARE = 0.5, 0.9  # dB, and works that are nearer than by the baseline
_GOOD_LIKENESS = 0.01  # of SSIM, beyond the baseline's
_SMALLEST_WINDOW = 3  # pixels a side, of the Laplacian

ValuePair = tuple[Tensor, Tensor]  # of ours and of the baseline, a value for each work


def measure(evidence: Evidence) -> Measurement:
    """Measure PSNR in dB, SSIM and LPIPS of the lost pixels of whole held-out works.

    All are measured of the restorer and of the baseline; fine detail of windows of the lost pixels. A work's value is the mean over its damages; the spread
    is that of works.
    """
    learner: Any = evidence.learner  # a Restorer, which `applies` has seen
    name = str(learner.baseline_name)
    draws = _count_damages(evidence, learner)
    windows: list[Tensor] = []
    (psnr_restored, psnr_baseline), (ssim_restored, ssim_baseline) = _measure_quality(
        evidence, learner, draws, windows.append
    )
    gain = psnr_restored - psnr_baseline
    scores = [
        _make_score("psnr", psnr_restored, "dB", code="score_psnr"),
        _make_score(f"psnr_{name}", psnr_baseline, "dB", code="score_of_baseline", values={"baseline": name}),
        _make_gain_score(gain, name, float(psnr_baseline.mean())),
        _make_score("ssim", ssim_restored, "", code="score_ssim"),
        _make_score(f"ssim_{name}", ssim_baseline, "", code="score_of_baseline", values={"baseline": name}),
        _make_score("ssim_gain", ssim_restored - ssim_baseline, "", code="score_ssim_gain", values={"baseline": name}),
        *_score_lpips(evidence, name, windows),
    ]
    count = _describe_count(len(gain), draws)
    findings = [_judge_gain(scores[2], gain, name, scores[0].value, scores[1].value, count)]
    findings.append(_judge_structure(scores[5], name, scores[3].value, scores[4].value))
    if detail := _score_detail(windows):
        scores.append(detail)
        findings.append(judge_detail(detail, evidence.params.verdicts, can_fail=False))
    return Measurement(scores=scores, findings=findings)


def _measure_quality(
    evidence: Evidence, learner: Restorer, draws: int, keep_windows: Callable[[Tensor], None]
) -> tuple[ValuePair, ValuePair]:
    """Return PSNR and SSIM of works; keep a window of each one's first damage."""
    psnr_values: list[Tensor] = []
    ssim_values: list[Tensor] = []
    seed = evidence.seed
    for batch in _iterate_batches(evidence, draws):
        seeds, seed = range(seed, seed + draws * len(batch)), seed + draws * len(batch)
        with torch.no_grad():
            restoration = learner.restore(to_float(batch).repeat_interleave(draws, 0), seeds)
        keep_windows(cut_windows(restoration, draws, PATCH_SIDE))
        for quality, values in ((psnr, psnr_values), (ssim, ssim_values)):
            both_values = [
                quality(images, restoration.original, restoration.mask)
                for images in (restoration.restored, restoration.baseline)
            ]
            values.append(_average_by_work(torch.stack(both_values), draws))
    return _join_values(psnr_values), _join_values(ssim_values)


def cut_windows(restoration: Restoration, draws: int, side: int) -> Tensor:
    """Return parts ``(3, N, C, h, w)`` of pictures, where most was lost.

    They are of the works, of restored ones and of baselines. Of each work its first damage, if that took anything; `side` pixels a side at most.
    """
    sides = [min(side, length) for length in restoration.original.shape[2:]]
    windows = []
    for row in range(0, len(restoration.mask), draws):
        lost = restoration.mask[row].any(0).nonzero()
        if not len(lost):
            continue
        middle = lost.double().mean(0).tolist()
        top, left = (
            min(max(0, round(place - length / 2)), whole - length)
            for place, length, whole in zip(middle, sides, restoration.original.shape[2:], strict=True)
        )
        parts = [restoration.original[row], restoration.restored[row], restoration.baseline[row]]
        windows.append(torch.stack(parts)[..., top : top + sides[0], left : left + sides[1]])
    return torch.stack(windows, 1) if windows else restoration.original.new_zeros(3, 0, 1, *sides)


def _score_lpips(evidence: Evidence, name: str, windows: Sequence[Tensor]) -> list[Score]:
    """Return how different works look when restored, and by the baseline.

    Silent of pictures that are not in colour or too small, where no networks are asked for, or the weights are out of reach.
    """
    seen = [part for part in windows if part.shape[2] == COLOURS and min(part.shape[3:]) >= SMALLEST_SIDE]
    if not evidence.params.extractors or not seen:
        return []
    try:
        network, sha256 = open_lpips(evidence)
    except UnreachableError:
        return []
    distances = _measure_lpips(network, seen, min(_MOST_LOOKED_AT, evidence.params.lpips_pairs))
    scores = [
        _make_score("lpips", distances[0], "", code="score_lpips"),
        _make_score(f"lpips_{name}", distances[1], "", code="score_of_baseline", values={"baseline": name}),
    ]
    return [score.model_copy(update={"better": "lower", "extractor": sha256}) for score in scores]


def _measure_lpips(network: LpipsNetwork, windows: Sequence[Tensor], count: int) -> Tensor:
    """Return distances ``(2, N)`` of restored works and baselines to `count` works."""
    distances, left = list[Tensor](), count
    for part in windows:
        with torch.no_grad():
            works, *others = (network.features(pictures) for pictures in part[:, :left])
        distances.append(torch.stack([(works - other).square().sum(1) for other in others]))
        left -= len(works)
        if left <= 0:
            break
    return torch.cat(distances, 1).double()


def _average_by_work(values: Tensor, draws: int) -> Tensor:
    """Return the means ``(2, N)`` of ``(2, N draws)``.

    Damages that took nothing are left out.
    """
    is_finite = values.isfinite().all(0)
    return values.masked_fill(~is_finite, torch.nan).view(2, -1, draws).nanmean(2)


def _join_values(values: list[Tensor]) -> ValuePair:
    restored, baseline = torch.cat(values, 1)
    is_finite = restored.isfinite()  # of both, or of none
    return restored[is_finite], baseline[is_finite]


def _count_damages(evidence: Evidence, learner: Restorer) -> int:
    """Return how often each work is damaged.

    Few works damaged once would tell as much of their masks as of the learner.
    """
    works = sum(1 for _ in join_tiles(_held_out_columns(evidence)))
    return max(1, min(learner.damages_per_work, _MINIMUM_RESTORATIONS // max(1, works)))


def _held_out_columns(evidence: Evidence) -> dict[str, Tensor]:
    return {**evidence.held_out, "images": evidence.pictures("held_out")}


def _iterate_batches(evidence: Evidence, draws: int) -> Iterator[Tensor]:
    """Yield batches of whole works of one size, as many as memory allows."""
    for shape, works in groupby(
        (work for work, _ in join_tiles(_held_out_columns(evidence))), key=lambda work: work.shape
    ):
        count = max(1, _BATCH_PIXELS // (draws * shape[1] * shape[2]))
        yield from torch.split(torch.stack(list(works)), count)


def _make_score(name: str, of_works: Tensor, unit: str, code: str, values: Mapping[str, Value] | None = None) -> Score:
    score = Score(
        name=name.replace(" ", "_"), value=float(of_works.mean()), n=len(of_works), better="higher",
        unit=unit, code=code, values=dict(values or {}),
    )  # fmt: skip
    return score.with_interval(mean_interval(of_works))


def _describe_count(works: int, draws: int) -> Message:
    if draws > 1:
        return Message(code="held_out_works_damaged", values={"works": works, "ways": draws})
    return Message(code="held_out_works", values={"works": works})


def _make_gain_score(gain: Tensor, name: str, baseline_psnr: float) -> Score:
    """Return the score that decides between two restorers.

    Its `extractor` is what the baseline reaches, which tells whether both had the same task.
    """
    score = _make_score("psnr_gain", gain, "dB", code="score_psnr_gain", values={"baseline": name})
    return score.model_copy(update={"decides": True, "extractor": f"{name} at {baseline_psnr:.2f} dB"})


def _judge_gain(
    score: Score, gain: Tensor, name: str, psnr_restored: float, baseline_psnr: float, measured: Message
) -> Finding:
    """Judge the gain over the baseline; good is one that nearly every work has."""
    helped = float((gain > 0).double().mean())
    good = _GOOD_GAIN if helped >= _GOOD_SHARE else math.inf
    return judge_score(
        score, passing=0.0, good=good, code="nearer_than_baseline" if score.value > 0 else "no_nearer_than_baseline",
        values={
            "gain": score.value, "baseline": name, "ours": psnr_restored, "theirs": baseline_psnr, "measured": measured,
            "helped": helped, "good": _GOOD_GAIN, "good_share": _GOOD_SHARE,
        },
    )  # fmt: skip


def _judge_structure(score: Score, name: str, restored: float, baseline: float) -> Finding:
    return judge_score(
        score, passing=0.0, good=_GOOD_LIKENESS, code="structure_beside_baseline",
        values={"baseline": name, "ours": restored, "theirs": baseline, "gain": score.value},
    )  # fmt: skip


def _score_detail(windows: Sequence[Tensor]) -> Score | None:
    """Return the fine detail of restored windows against that of the works."""
    seen = [part for part in windows if part.shape[1] and min(part.shape[3:]) >= _SMALLEST_WINDOW]
    if not seen:
        return None
    works, restored = (torch.cat([laplacian_energy(part[row]) for part in seen]).double() for row in (0, 1))
    works = works.clamp(min=1e-12)
    score = Score(
        name="restored_detail",
        value=float(restored.sum() / works.sum()),
        n=len(works),
        real=1.0,
        code="score_restored_detail",
    )
    return score.with_interval(ratio_interval(restored, works))


def _applies(evidence: Evidence) -> bool:
    return isinstance(evidence.learner, Restorer) and len(evidence.pictures("held_out")) > 0


METRIC = Metric(applies=_applies, measure=measure, headline=("psnr", "psnr_gain"))
METRIC_INFO = MetricInfo(acronyms=("psnr", "ssim", "lpips"))
