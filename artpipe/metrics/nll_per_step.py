"""Likelihood of held-out music in nats per step, whole pieces, beside voices that each know their own last note, counted."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score, Verdict
from artpipe.contracts.metric import Evidence, Measured, Metric
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.contracts.special_tokens import PAD
from artpipe.evaluation.sequences import writes_music
from artpipe.modalities.music.performed_works import count_steps, joined
from artpipe.nn.sequence.music_context import Moment

_DECIDES = "nll_per_step"
_SMOOTH = 0.5  # of a token that was never counted


def measure(evidence: Evidence) -> Measured:
    """Measure what a step of each test piece costs, by piece, so that the spread is that between pieces."""
    pieces = joined(evidence.test)
    learner: Any = evidence.learner
    ours = learner.nll(pieces).double().sum(1)
    chain = Chain(joined(evidence.train), len(evidence.card.spec.vocabulary))
    counted = torch.tensor([chain.nats(piece) for piece in _plain(pieces)], dtype=torch.float64)
    steps = count_steps(pieces)
    scores = [
        _score(_DECIDES, ours, steps, "What a step of a new piece costs, all its notes together."),
        _score("nll_per_step_chain", counted, steps, "The same where every voice knows its own last note alone, counted."),
    ]  # fmt: skip
    value, bound = (score.value for score in scores)
    sentence = (
        f"A step of a new piece costs it {value:.2f} nats; voices that know their own last note need {bound:.2f}."
    )
    if value >= bound:
        return Measured(scores=scores, findings=[_finding("under-trained", value, bound, sentence)])
    return Measured(scores=scores, healthy=_finding("healthy", value, bound, sentence))


def _plain(pieces: Tensor) -> list[list[int]]:
    return [[token for token in piece if token != PAD] for piece in pieces.tolist()]


class Chain:
    """Counts each token after the note that its voice had a step before; a first-order Markov chain for each voice."""

    def __init__(self, pieces: Tensor, tokens: int) -> None:
        self.tokens = tokens
        self.after: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
        self.alone: dict[int, Counter[int]] = defaultdict(Counter)
        for piece in _plain(pieces):
            for (place, own), token in _contexts(piece):
                self.after[place, own][token] += 1
                self.alone[place][token] += 1

    def nats(self, piece: Sequence[int]) -> float:
        """Return what a piece costs: counts after the last note, filled up by those of the place (Witten & Bell 1991)."""
        return sum(-math.log(self._chance(place, own, token)) for (place, own), token in _contexts(piece))

    def _chance(self, place: int, own: int, token: int) -> float:
        alone, after = self.alone[place], self.after[place, own]
        plain = (alone[token] + _SMOOTH) / (alone.total() + _SMOOTH * self.tokens)
        kinds = len(after)
        return (after[token] + kinds * plain) / (after.total() + kinds) if kinds else plain


def _contexts(piece: Sequence[int]) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield place in the step and the voice's last note, with the token that comes there."""
    now = Moment().after(piece[0])
    for token in piece[1:]:
        yield (len(now.here), now.own), token
        now = now.after(token)


def _score(name: str, nats: Tensor, steps: Tensor, explanation: str) -> Score:
    each = nats / steps
    spread = float(each.std() / len(each) ** 0.5) if len(each) > 1 else None
    value = float(nats.sum() / steps.sum())
    return Score(
        name=name, value=value, n=len(each), spread=spread, better="lower", unit="nats", decides=name == _DECIDES,
        explanation=explanation,
    )  # fmt: skip


def _finding(verdict: Verdict, value: float, bound: float, sentence: str) -> Finding:
    return Finding(verdict=verdict, score=_DECIDES, value=value, bound=bound, sentence=sentence)


def _applies(evidence: Evidence) -> bool:
    return (
        writes_music(evidence)
        and len(evidence.test.get("tokens", ())) > 0
        and len(evidence.train.get("tokens", ())) > 0
    )


METRIC = Metric(applies=_applies, measure=measure, headline=("nll_per_step",))
METRIC_INFO = MetricInfo(acronyms=("nll",))
