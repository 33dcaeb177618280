"""Copying: how much of what it wrote stands in the training works letter by letter, against how much of new works does."""

from collections.abc import Sequence

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, Measured, Metric
from artpipe.evaluation.sequences import writes_text
from artpipe.modalities.text.detokenize import join_rows, to_code_points
from artpipe.numerics.ngrams import ngram_keys

_LONG = 16  # characters in a row


def measure(evidence: Evidence) -> Measured:
    """Measure the share of pieces of 16 characters that stand in training works."""
    vocabulary = evidence.card.spec.vocabulary
    learned = [ngram_keys(to_code_points(tokens, vocabulary), _LONG) for _, tokens in join_rows(evidence.train)]
    known = torch.unique(torch.cat(learned))
    written = shares([to_code_points(tokens, vocabulary) for tokens in evidence.sequences], known)
    usual = shares([to_code_points(tokens[1:-1], vocabulary) for _, tokens in join_rows(evidence.test)], known)
    share, by_chance = (float(each.mean()) if len(each) else 0.0 for each in (written, usual))
    score = Score(
        name="copied_16_grams",
        value=share,
        n=len(written),
        spread=float(written.std() / len(written) ** 0.5) if len(written) > 1 else None,
        better="lower",
        code="score_copied_characters",
        values={"characters": _LONG, "usual": by_chance},
    )
    return Measured(scores=[score], findings=_memorised(evidence, share, by_chance))


def shares(works: Sequence[Tensor], known: Tensor) -> Tensor:
    """Return for each work ``(L,)`` that is long enough the share of its pieces among the sorted keys `known`."""
    pieces = [ngram_keys(work, _LONG) for work in works]
    if not len(known):
        return torch.zeros(sum(len(piece) > 0 for piece in pieces))
    met = (known[torch.searchsorted(known, piece).clamp(max=len(known) - 1)] == piece for piece in pieces if len(piece))
    return torch.tensor([float(one.double().mean()) for one in met])


def _memorised(evidence: Evidence, share: float, by_chance: float) -> list[Finding]:
    bound = by_chance + evidence.params.verdicts.memorised_share
    if share <= bound:
        return []
    return [
        Finding(
            verdict="memorised", score="copied_16_grams", value=share, bound=bound,
            code="copies_characters", values={"share": share, "characters": _LONG, "usual": by_chance},
        )
    ]  # fmt: skip


METRIC = Metric(
    applies=lambda evidence: writes_text(evidence) and bool(evidence.sequences),
    measure=measure,
    headline=("copied_16_grams",),
)
