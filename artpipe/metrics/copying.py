"""Copying: how much of what it wrote stands in the training works letter by letter, against how much of new works does."""

from collections.abc import Sequence

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, Measured, Metric
from artpipe.evaluation.sequences import writes_text
from artpipe.modalities.text.detokenize import characters, works_of
from artpipe.numerics.ngrams import keys

_LONG = 16  # characters in a row


def measure(evidence: Evidence) -> Measured:
    """Measure the share of pieces of 16 characters that stand in training works."""
    vocabulary = evidence.card.spec.vocabulary
    learned = [keys(characters(tokens, vocabulary), _LONG) for _, tokens in works_of(evidence.train)]
    known = torch.unique(torch.cat(learned))
    written = shares([characters(tokens, vocabulary) for tokens in evidence.sequences], known)
    usual = shares([characters(tokens[1:-1], vocabulary) for _, tokens in works_of(evidence.test)], known)
    share, by_chance = (float(each.mean()) if len(each) else 0.0 for each in (written, usual))
    score = Score(
        name="copied_16_grams",
        value=share,
        n=len(written),
        spread=float(written.std() / len(written) ** 0.5) if len(written) > 1 else None,
        better="lower",
        explanation=f"Share of all 16 characters in a row that stand so in a training work; of new works {by_chance:.1%}.",
    )
    return Measured(scores=[score], findings=_memorised(evidence, share, by_chance))


def shares(works: Sequence[Tensor], known: Tensor) -> Tensor:
    """Return for each work ``(L,)`` that is long enough the share of its pieces among the sorted keys `known`."""
    pieces = [keys(work, _LONG) for work in works]
    if not len(known):
        return torch.zeros(sum(len(piece) > 0 for piece in pieces))
    met = (known[torch.searchsorted(known, piece).clamp(max=len(known) - 1)] == piece for piece in pieces if len(piece))
    return torch.tensor([float(one.double().mean()) for one in met])


def _memorised(evidence: Evidence, share: float, by_chance: float) -> list[Finding]:
    bound = by_chance + evidence.params.verdicts.memorised_share
    if share <= bound:
        return []
    sentence = (
        f"{share:.0%} of what it wrote stands in training works, 16 characters in a row; of new works {by_chance:.0%}."
    )
    return [Finding(verdict="memorised", score="copied_16_grams", value=share, bound=bound, sentence=sentence)]


METRIC = Metric(
    applies=lambda evidence: writes_text(evidence) and bool(evidence.sequences),
    measure=measure,
    headline=("copied_16_grams",),
)
