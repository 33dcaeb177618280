"""Likelihood of held-out music in nats per step, of whole pieces.

Beside it stands a first-order Markov chain for each voice.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor

from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.contracts.plugin_info import MetricInfo
from artpipe.contracts.special_tokens import PAD
from artpipe.evaluation.costs_by_work import judge_costs, score_costs
from artpipe.evaluation.sequences import writes_music
from artpipe.modalities.music.rendering import count_steps, join_rows
from artpipe.nn.sequence.music_state import MusicState

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
    model = score_costs("nll_per_step", model_nats, steps, unit="nats", decides=True, code="score_nll_per_step")
    counted = score_costs(
        "nll_per_step_chain", chain_nats, steps, unit="nats", decides=False, code="score_nll_per_step_chain"
    )
    finding = judge_costs(
        (model, counted), (model_nats, chain_nats), good=_GOOD_RATIO, code="step_costs",
        values={"nats": model.value, "counted": counted.value},
    )  # fmt: skip
    return Measurement(scores=[model, counted], findings=[finding])


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


def _applies(evidence: Evidence) -> bool:
    return (
        writes_music(evidence)
        and len(evidence.test.get("tokens", ())) > 0
        and len(evidence.train.get("tokens", ())) > 0
    )


METRIC = Metric(applies=_applies, measure=measure, headline=("nll_per_step",))
METRIC_INFO = MetricInfo(acronyms=("nll",))
