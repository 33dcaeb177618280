"""Repetition: how much a model says again, within a work and from work to work.

A text that turns in a circle, one chord for ever, or the same poem at every call: what is likely, counted or in key may
be all of it. Passages are 16 characters or four beats in a row; held-out works repeat a few of theirs too.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import torch

from artpipe.artifacts.report import Finding, Score
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.evaluation.sequences import writes_music, writes_text
from artpipe.language.message import Message
from artpipe.modalities.music import rendering
from artpipe.modalities.music.passages import PASSAGE_BEATS, list_passages
from artpipe.modalities.music.tokens import decode_steps
from artpipe.modalities.text import detokenize
from artpipe.modalities.text.detokenize import to_code_points
from artpipe.numerics.intervals import mean_interval
from artpipe.numerics.ngrams import ngram_keys

_NGRAM = 16  # characters in a row
_FEWEST_WORKS = 4  # on either side, of which one is compared with the others

Passages = list[Any]  # of one work, in its order; equal ones are equal


def measure(evidence: Evidence) -> Measurement:
    """Measure the share of passages that stood before in a work, or stand in another.

    Of the held-out works as many are taken as the model wrote.
    """
    is_text = writes_text(evidence)
    written, held_out = _list_texts(evidence) if is_text else _list_pieces(evidence)
    written, held_out = ([passages for passages in works if passages] for works in (written, held_out))
    if min(len(written), len(held_out)) < _FEWEST_WORKS:
        return Measurement()
    passage = Message(
        code="passage_of_characters" if is_text else "passage_of_beats",
        values={"count": _NGRAM if is_text else PASSAGE_BEATS},
    )
    within, within_new = share_repeated_within(written), share_repeated_within(held_out)
    elsewhere, elsewhere_new = share_repeated_elsewhere(written), share_repeated_elsewhere(held_out)
    scores = [
        _make_score("repeated_within", within, within_new, passage, code="score_repeated_within"),
        _make_score("repeated_elsewhere", elsewhere, elsewhere_new, passage, code="score_repeated_elsewhere"),
    ]
    findings = [
        _judge(evidence, scores[0], passage, code="repeated_within"),
        _judge(evidence, scores[1], passage, code="repeated_elsewhere"),
    ]
    return Measurement(scores=scores, findings=findings)


def _list_texts(evidence: Evidence) -> tuple[list[Passages], list[Passages]]:
    vocabulary = evidence.card.spec.vocabulary
    held_out = [tokens[1:-1] for _, tokens in detokenize.join_rows(evidence.test)]
    written, works = (
        [ngram_keys(to_code_points(tokens, vocabulary), _NGRAM).tolist() for tokens in texts]
        for texts in (evidence.sequences, held_out[: len(evidence.sequences)])
    )
    return written, works


def _list_pieces(evidence: Evidence) -> tuple[list[Passages], list[Passages]]:
    held_out = rendering.join_rows(evidence.test).tolist()
    written, works = (
        [list(list_passages(decode_steps(piece), evidence.card.spec.grid)) for piece in pieces]
        for pieces in (evidence.sequences, held_out[: len(evidence.sequences)])
    )
    return written, works


def share_repeated_within(works: Sequence[Passages]) -> torch.Tensor:
    """Return by work ``(N,)`` the share of its passages that stood earlier in it."""
    return torch.tensor([1 - len(set(passages)) / len(passages) for passages in works], dtype=torch.float64)


def share_repeated_elsewhere(works: Sequence[Passages]) -> torch.Tensor:
    """Return by work ``(N,)`` the share of its passages that stand in another one."""
    in_works = Counter(passage for passages in works for passage in set(passages))
    shares = [sum(in_works[passage] > 1 for passage in passages) / len(passages) for passages in works]
    return torch.tensor(shares, dtype=torch.float64)


def _make_score(name: str, shares: torch.Tensor, of_real: torch.Tensor, passage: Message, code: str) -> Score:
    usual = float(of_real.mean())
    score = Score(
        name=name, value=float(shares.mean()), n=len(shares), better="lower", real=usual, code=code,
        values={"passage": passage, "usual": usual},
    )  # fmt: skip
    return score.with_interval(mean_interval(shares))


def _judge(evidence: Evidence, score: Score, passage: Message, code: str) -> Finding:
    bounds, usual = evidence.params.verdicts, float(score.real or 0.0)
    bound = usual + bounds.repeated_share
    return judge_score(
        score, failing=bound, passing=bound, good=usual + bounds.good_repeated, wanted="most", fault="collapsed",
        code=code, values={"share": score.value, "passage": passage, "usual": usual, "wanted": bound},
    )  # fmt: skip


METRIC = Metric(
    applies=lambda evidence: (
        bool(evidence.sequences)
        and (writes_text(evidence) or (writes_music(evidence) and len(evidence.test.get("tokens", ())) > 0))
    ),
    measure=measure,
)
