"""Likelihood of held-out music in nats per step, of whole pieces.

Beside it stands a first-order Markov chain for each voice.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.contracts.special_tokens import PAD
from artpipe.evaluation.sequences import writes_music
from artpipe.modalities.music.rendering import count_steps, join_rows
from artpipe.nn.sequence.music_state import MusicState
from artpipe.numerics.intervals import ratio_interval

_DECIDING_SCORE = "nll_per_step"
_PSEUDO_COUNT = 0.5  # of a token that was never counted
_GOOD_RATIO = 0.9  # of what the chain needs


def measure(evidence: Evidence) -> Measurement:
    """Measure nats per step of the test pieces, by piece.

    So the spread is that between pieces.
    """
    pieces = join_rows(evidence.test)
    learner: Any = evidence.learner
    model_nats = learner.nll(pieces).double().sum(1)
    chain = VoiceMarkovChain(join_rows(evidence.train), len(evidence.card.spec.vocabulary))
    chain_nats = torch.tensor([chain.nats(piece) for piece in _strip_padding(pieces)], dtype=torch.float64)
    steps = count_steps(pieces)
    scores = [
        _make_score(_DECIDING_SCORE, model_nats, steps, code="score_nll_per_step"),
        _make_score("nll_per_step_chain", chain_nats, steps, code="score_nll_per_step_chain"),
    ]  # fmt: skip
    return Measurement(scores=scores, findings=[_judge_cost(scores[0], scores[1], model_nats, chain_nats)])


def _judge_cost(model: Score, chain: Score, model_nats: Tensor, chain_nats: Tensor) -> Finding:
    """Judge what the model needs as a share of what the chain needs."""
    ratio = Score(name=model.name, value=model.value / chain.value, n=model.n).with_interval(
        ratio_interval(model_nats, chain_nats)
    )
    finding = judge_score(
        ratio, passing=1.0, good=_GOOD_RATIO, wanted="most", code="step_costs",
        values={"nats": model.value, "counted": chain.value},
    )  # fmt: skip
    return finding.model_copy(update={"value": model.value, "bound": chain.value})


def _strip_padding(pieces: Tensor) -> list[list[int]]:
    return [[token for token in piece if token != PAD] for piece in pieces.tolist()]


class VoiceMarkovChain:
    """A first-order Markov chain for each voice.

    Each token is counted after the note that its voice had a step before.
    """

    def __init__(self, pieces: Tensor, tokens: int) -> None:
        self.tokens = tokens
        self.counts_by_note: dict[tuple[int, int], Counter[int]] = defaultdict(Counter)
        self.counts_by_place: dict[int, Counter[int]] = defaultdict(Counter)
        for piece in _strip_padding(pieces):
            for (place, last_note), token in _iterate_contexts(piece):
                self.counts_by_note[place, last_note][token] += 1
                self.counts_by_place[place][token] += 1

    def nats(self, piece: Sequence[int]) -> float:
        """Return the nats of a piece.

        Counts after the last note are filled up by those of the place (Witten & Bell 1991).
        """
        return sum(
            -math.log(self._probability(place, last_note, token))
            for (place, last_note), token in _iterate_contexts(piece)
        )

    def _probability(self, place: int, last_note: int, token: int) -> float:
        place_counts, counts = self.counts_by_place[place], self.counts_by_note[place, last_note]
        place_probability = (place_counts[token] + _PSEUDO_COUNT) / (place_counts.total() + _PSEUDO_COUNT * self.tokens)
        kinds = len(counts)
        return (counts[token] + kinds * place_probability) / (counts.total() + kinds) if kinds else place_probability


def _iterate_contexts(piece: Sequence[int]) -> Iterator[tuple[tuple[int, int], int]]:
    """Yield place in the step and the voice's last note, with the next token."""
    state = MusicState().advance(piece[0])
    for token in piece[1:]:
        yield (len(state.cells), state.previous_note), token
        state = state.advance(token)


def _make_score(name: str, nats: Tensor, steps: Tensor, code: str) -> Score:
    score = Score(
        name=name, value=float(nats.sum() / steps.sum()), n=len(nats), better="lower", unit="nats",
        decides=name == _DECIDING_SCORE, code=code,
    )  # fmt: skip
    return score.with_interval(ratio_interval(nats, steps))


def _applies(evidence: Evidence) -> bool:
    return (
        writes_music(evidence)
        and len(evidence.test.get("tokens", ())) > 0
        and len(evidence.train.get("tokens", ())) > 0
    )


METRIC = Metric(applies=_applies, measure=measure, headline=("nll_per_step",))
METRIC_INFO = MetricInfo(acronyms=("nll",))
