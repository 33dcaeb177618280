"""Caption agreement: how often samples look like works of the words asked for.

Each sample is compared with ten training works: the one whose caption is most like the asked one, and nine drawn at random from those whose
captions are less like it. Where words are ignored, one in ten is nearest to the first (retrieval among ten, as R-precision in Xu et al. 2018,
but with features of pictures alone, so that no network has to know words).
"""

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric, has_samples
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.contracts.steered_sampler import select_rows
from artpipe.numerics.caption_tokens import TOKENS
from artpipe.numerics.intervals import share_interval

_CANDIDATES = 10  # the work of the most similar caption, and others
_MOST_WORKS = 4000  # of the training works, which are in random order
_FEWEST_ASKED = 30  # samples


def share_words(asked: Tensor, captions: Tensor) -> Tensor:
    """Return the words two captions share, of all that either has, ``(N, M)``.

    Captions are tokens ``(N, 16, 12)`` and ``(M, 16, 12)``: the first of each row is a word (Jaccard 1912).
    """
    left, right = (_mark_words(tokens) for tokens in (asked, captions))
    both = left @ right.T
    return both / (left.sum(1)[:, None] + right.sum(1) - both).clamp(min=1)


def _mark_words(tokens: Tensor) -> Tensor:
    marked = torch.zeros(len(tokens), TOKENS)
    marked.scatter_(1, tokens[:, :, 0].long(), 1.0)
    marked[:, 0] = 0  # no word
    return marked


def draw_candidates(likeness: Tensor, generator: torch.Generator) -> Tensor:
    """Return rows ``(N, 10)`` of training works, that of the likest caption first.

    The others are drawn from those whose captions are less like the asked one; -1 throughout where they are too few. `likeness` is ``(N, M)``.
    """
    best = likeness.max(1, keepdim=True)
    order = torch.rand(likeness.shape, generator=generator)
    order[likeness >= best.values] = 2.0  # behind all others
    drawn = order.topk(min(_CANDIDATES - 1, likeness.shape[1]), dim=1, largest=False)
    rows = torch.cat([best.indices, drawn.indices], 1)
    is_enough = (drawn.values < 1).all(1) & (rows.shape[1] == _CANDIDATES)
    return torch.where(is_enough[:, None], rows, -1)


def pick_nearest(features: Tensor, works: Tensor, candidates: Tensor) -> Tensor:
    """Return which pictures are nearest to their first candidate, bool ``(N,)``.

    Features are ``(N, F)`` and ``(M, F)``, candidates rows ``(N, 10)``.
    """
    distances = [(features - works[column]).square().sum(1) for column in candidates.T]
    return torch.stack(distances).argmin(0) == 0


def _pick_known(features: Tensor, works: Tensor, candidates: Tensor) -> Tensor:
    """Return `pick_nearest` of those that have candidates."""
    is_known = candidates[:, 0] >= 0
    return pick_nearest(features[: len(candidates)][is_known], works, candidates[is_known])


def measure(evidence: Evidence) -> Measurement:
    """Measure samples, and held-out works beside them as if asked for theirs."""
    prompt, source = evidence.prompt, evidence.training_source
    assert prompt is not None  # noqa: S101 - `applies` has seen to it
    works = evidence.features("train", source)[:_MOST_WORKS]
    captions = evidence.train["captions"][: len(works)]
    generator = torch.Generator().manual_seed(evidence.seed)
    held_out = evidence.held_out["captions"]
    candidates = draw_candidates(share_words(held_out, captions), generator)
    rows = torch.tensor(select_rows(prompt.seeds, len(held_out)))
    picked, real = (
        _pick_known(features, works, asked[: len(features)])
        for features, asked in (
            (evidence.features("samples", source), candidates[rows]),
            (evidence.features("held_out", source), candidates),
        )
    )
    if len(picked) < _FEWEST_ASKED or not len(real):
        return Measurement()
    share = float(picked.double().mean())
    score = Score(
        name="caption_agreement", value=share, n=len(picked), better="higher", extractor=source.sha256,
        real=float(real.double().mean()), code="score_caption_agreement", values={"candidates": _CANDIDATES},
    ).with_interval(share_interval(share, len(picked)))  # fmt: skip
    return Measurement(scores=[score], findings=_judge_agreement(evidence, score))


def _judge_agreement(evidence: Evidence, score: Score) -> list[Finding]:
    """Judge whether samples show the words asked for, between chance and works."""
    bounds, real, chance = evidence.params.verdicts, score.real or 0.0, 1 / _CANDIDATES
    if real <= 2 * chance:  # the pictures do not tell what the words say
        return []
    marks = [
        chance + share * (real - chance)
        for share in (bounds.ignored_labels, bounds.under_trained_labels, bounds.good_labels)
    ]
    return [
        judge_score(
            score, failing=marks[0], passing=marks[1], good=marks[2], failure="labels ignored", code="captions_obeyed",
            values={"share": score.value, "real": real, "candidates": _CANDIDATES, "wanted": marks[1]},
        )
    ]  # fmt: skip


def _applies(evidence: Evidence) -> bool:
    is_asked = evidence.prompt is not None and "captions" in evidence.prompt.works
    return is_asked and has_samples(evidence) and "captions" in evidence.train


METRIC = Metric(applies=_applies, measure=measure, headline=("caption_agreement",))
METRIC_INFO = MetricInfo(
    explained={
        "caption_agreement": "Caption agreement tells how often a picture looks most like works of the words asked for, picked among ten; 10 % is chance."
    }
)
