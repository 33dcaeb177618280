"""Likelihood of held-out music in nats per step, whole pieces, beside voices that each know their own last note, counted."""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.metric import Evidence, Measured, Metric
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.contracts.special_tokens import PAD
from artpipe.evaluation.sequences import writes_music
from artpipe.modalities.music.rendering import count_steps, join_rows
from artpipe.nn.sequence.music_state import MusicState

_DECIDES = "nll_per_step"
_SMOOTH = 0.5  # of a token that was never counted


def measure(evidence: Evidence) -> Measured:
    """Measure what a step of each test piece costs, by piece, so that the spread is that between pieces."""
    pieces = join_rows(evidence.test)
    learner: Any = evidence.learner
    ours = learner.nll(pieces).double().sum(1)
    chain = Chain(join_rows(evidence.train), len(evidence.card.spec.vocabulary))
    counted = torch.tensor([chain.nats(piece) for piece in _plain(pieces)], dtype=torch.float64)
    steps = count_steps(pieces)
    scores = [
        _score(_DECIDES, ours, steps, code="score_nll_per_step"),
        _score("nll_per_step_chain", counted, steps, code="score_nll_per_step_chain"),
    ]  # fmt: skip
    value, bound = (score.value for score in scores)
    more = value >= bound
    finding = Finding(
        verdict="under-trained" if more else "healthy",
        score=_DECIDES,
        value=value,
        bound=bound,
        code="step_costs",
        values={"nats": value, "counted": bound},
    )
    return Measured(scores=scores, findings=[finding] if more else (), healthy=None if more else finding)


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
    state = MusicState().advance(piece[0])
    for token in piece[1:]:
        yield (len(state.cells), state.previous_note), token
        state = state.advance(token)


def _score(name: str, nats: Tensor, steps: Tensor, code: str) -> Score:
    each = nats / steps
    spread = float(each.std() / len(each) ** 0.5) if len(each) > 1 else None
    value = float(nats.sum() / steps.sum())
    return Score(
        name=name, value=value, n=len(each), spread=spread, better="lower", unit="nats", decides=name == _DECIDES,
        code=code,
    )  # fmt: skip


def _applies(evidence: Evidence) -> bool:
    return (
        writes_music(evidence)
        and len(evidence.test.get("tokens", ())) > 0
        and len(evidence.train.get("tokens", ())) > 0
    )


METRIC = Metric(applies=_applies, measure=measure, headline=("nll_per_step",))
METRIC_INFO = MetricInfo(acronyms=("nll",))
