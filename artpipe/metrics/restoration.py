"""Restoration: how near a restorer comes to held-out works, beside what comes as near without learning."""

from collections.abc import Iterator, Mapping
from itertools import groupby
from typing import Any

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, Measured, Metric
from artpipe.contracts.model import Restorer
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.language.message import Message, Value
from artpipe.modalities.picture.tiles import join_tiles
from artpipe.numerics.image_quality import psnr, ssim
from artpipe.numerics.pixels import to_float

_PIXELS = 2**20  # restored at once
_ENOUGH = 32  # restorations, where there are fewer works

Row = tuple[Tensor, Tensor]  # of ours and of the baseline, a value for each work


def measure(evidence: Evidence) -> Measured:
    """Measure PSNR in dB and SSIM of the pixels that were lost, in whole held-out works, ours and the baseline's.

    A work's value is the mean over its damages; the spread is that of works.
    """
    learner: Any = evidence.learner  # a Restorer, which `applies` has seen
    name = str(learner.baseline)
    draws = _draws(evidence, learner)
    (ours, theirs), (alike, theirs_alike) = _measured(evidence, learner, draws)
    gain = ours - theirs
    scores = [
        _score("psnr", ours, "dB", code="score_psnr"),
        _score(f"psnr_{name}", theirs, "dB", code="score_of_baseline", values={"baseline": name}),
        _gained(gain, name, float(theirs.mean())),
        _score("ssim", alike, "", code="score_ssim"),
        _score(f"ssim_{name}", theirs_alike, "", code="score_of_baseline", values={"baseline": name}),
    ]
    finding = _judged(name, float(ours.mean()), float(theirs.mean()), float(gain.mean()), _counted(len(gain), draws))
    healthy = finding.verdict == "healthy"
    return Measured(scores=scores, findings=() if healthy else (finding,), healthy=finding if healthy else None)


def _measured(evidence: Evidence, learner: Restorer, draws: int) -> tuple[Row, Row]:
    near: list[Tensor] = []
    alike: list[Tensor] = []
    seed = evidence.seed
    for batch in _batches(evidence, draws):
        seeds, seed = range(seed, seed + draws * len(batch)), seed + draws * len(batch)
        with torch.no_grad():
            found = learner.restoration(to_float(batch).repeat_interleave(draws, 0), seeds)
        for measured, values in ((psnr, near), (ssim, alike)):
            both = [measured(made, found.original, found.counts) for made in (found.restored, found.baseline)]
            values.append(_of_works(torch.stack(both), draws))
    return _row(near), _row(alike)


def _of_works(both: Tensor, draws: int) -> Tensor:
    """Return the means ``(2, N)`` of ``(2, N draws)``; a damage that took nothing tells nothing."""
    told = both.isfinite().all(0)
    return both.masked_fill(~told, torch.nan).view(2, -1, draws).nanmean(2)


def _row(values: list[Tensor]) -> Row:
    ours, theirs = torch.cat(values, 1)
    told = ours.isfinite()  # of both, or of none
    return ours[told], theirs[told]


def _draws(evidence: Evidence, learner: Restorer) -> int:
    """Return how often each work is damaged anew: few works alone would tell as much of their masks as of the learner."""
    works = sum(1 for _ in join_tiles(_columns(evidence)))
    return max(1, min(learner.draws, _ENOUGH // max(1, works)))


def _columns(evidence: Evidence) -> dict[str, Tensor]:
    return {**evidence.held_out, "images": evidence.pictures("held_out")}


def _batches(evidence: Evidence, draws: int) -> Iterator[Tensor]:
    """Yield whole works of one size each, as many as memory bears, each damaged so often."""
    for shape, same in groupby((work for work, _ in join_tiles(_columns(evidence))), key=lambda work: work.shape):
        most = max(1, _PIXELS // (draws * shape[1] * shape[2]))
        yield from torch.split(torch.stack(list(same)), most)


def _score(name: str, of_works: Tensor, unit: str, code: str, values: Mapping[str, Value] | None = None) -> Score:
    spread = float(of_works.std() / len(of_works) ** 0.5) if len(of_works) > 1 else None
    return Score(
        name=name.replace(" ", "_"), value=float(of_works.mean()), n=len(of_works), spread=spread, better="higher",
        unit=unit, code=code, values=dict(values or {}),
    )  # fmt: skip


def _counted(works: int, draws: int) -> Message:
    if draws > 1:
        return Message(code="held_out_works_damaged", values={"works": works, "ways": draws})
    return Message(code="held_out_works", values={"works": works})


def _gained(gain: Tensor, name: str, bare: float) -> Score:
    """Return what decides between two restorers; what the baseline reaches tells whether they were asked the same."""
    score = _score("psnr_gain", gain, "dB", code="score_psnr_gain", values={"baseline": name})
    return score.model_copy(update={"decides": True, "extractor": f"{name} at {bare:.2f} dB"})


def _judged(name: str, ours: float, theirs: float, gain: float, measured: Message) -> Finding:
    if gain > 0:
        return Finding(
            verdict="healthy", score="psnr_gain", value=gain, bound=0.0, code="nearer_than_baseline",
            values={"gain": gain, "baseline": name, "ours": ours, "theirs": theirs, "measured": measured},
        )  # fmt: skip
    return Finding(
        verdict="under-trained", score="psnr_gain", value=gain, bound=0.0, code="no_nearer_than_baseline",
        values={"baseline": name, "ours": ours, "theirs": theirs, "measured": measured},
    )  # fmt: skip


def _applies(evidence: Evidence) -> bool:
    return isinstance(evidence.learner, Restorer) and len(evidence.pictures("held_out")) > 0


METRIC = Metric(applies=_applies, measure=measure, headline=("psnr", "psnr_gain"))
METRIC_INFO = MetricInfo(acronyms=("psnr", "ssim"))
