"""Repetition: how much a model says again, within a work and from work to work.

A text that turns in a circle, one chord for ever, or the same poem at every call: what is likely, counted or in key may
be all of it. Passages are 16 characters or four beats in a row; held-out works repeat a few of theirs too.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

import torch

from artpipe.artifacts.report import Score
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.evaluation.sequences import writes_music, writes_text
from artpipe.language.message import Message, Value
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


class Bounds(TypedDict):
    """Where repetition becomes a grade."""

    failing: float
    passing: float
    good: float


def measure(evidence: Evidence) -> Measurement:
    """Measure the share of passages that stood before in a work, or stand in another.

    As many works are taken of those that it wrote as of those held out.
    """
    is_text = writes_text(evidence)
    written, held_out = _list_texts(evidence) if is_text else _list_pieces(evidence)
    written, held_out = ([passages for passages in works if passages] for works in (written, held_out))
    count = min(len(written), len(held_out))  # of more works, each would find more of its passages in others
    if count < _FEWEST_WORKS:
        return Measurement()
    written, held_out = written[:count], held_out[:count]
    passage = Message(
        code="passage_of_characters" if is_text else "passage_of_beats",
        values={"count": _NGRAM if is_text else PASSAGE_BEATS},
    )
    usual = [float(share(held_out).mean()) for share in (share_repeated_within, share_repeated_elsewhere)]
    within = _make_score(
        "repeated_within", share_repeated_within(written), usual[0],
        code="score_repeated_within", values={"passage": passage, "usual": usual[0]},
    )  # fmt: skip
    elsewhere = _make_score(
        "repeated_elsewhere", share_repeated_elsewhere(written), usual[1],
        code="score_repeated_elsewhere", values={"passage": passage, "usual": usual[1]},
    )  # fmt: skip
    bounds = [_bound(evidence, share) for share in usual]
    findings = [
        judge_score(
            within, **bounds[0], wanted="most", fault="collapsed", code="repeated_within",
            values={"share": within.value, "passage": passage, "usual": usual[0], "wanted": bounds[0]["passing"]},
        ),
        judge_score(
            elsewhere, **bounds[1], wanted="most", fault="collapsed", code="repeated_elsewhere",
            values={"share": elsewhere.value, "passage": passage, "usual": usual[1], "wanted": bounds[1]["passing"]},
        ),
    ]  # fmt: skip
    return Measurement(scores=[within, elsewhere], findings=findings)


def _bound(evidence: Evidence, usual: float) -> Bounds:
    bounds = evidence.params.verdicts
    allowed = usual + bounds.repeated_share
    return {"failing": allowed, "passing": allowed, "good": usual + bounds.good_repeated}


def _list_texts(evidence: Evidence) -> tuple[list[Passages], list[Passages]]:
    vocabulary = evidence.card.spec.vocabulary
    held_out = [tokens[1:-1] for _, tokens in detokenize.join_rows(evidence.test)]
    written, works = (
        [ngram_keys(to_code_points(tokens, vocabulary), _NGRAM).tolist() for tokens in texts]
        for texts in (evidence.sequences, held_out)
    )
    return written, works


def _list_pieces(evidence: Evidence) -> tuple[list[Passages], list[Passages]]:
    held_out = rendering.join_rows(evidence.test).tolist()
    written, works = (
        [list(list_passages(decode_steps(piece), evidence.card.spec.grid)) for piece in pieces]
        for pieces in (evidence.sequences, held_out)
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


def _make_score(name: str, shares: torch.Tensor, usual: float, code: str, values: Mapping[str, Value]) -> Score:
    score = Score(
        name=name, value=float(shares.mean()), n=len(shares), better="lower", real=usual, code=code, values=dict(values)
    )
    interval = mean_interval(shares)
    return score.with_interval(interval.clamp(0.0, 1.0) if interval else None)


METRIC = Metric(
    applies=lambda evidence: (
        bool(evidence.sequences)
        and (writes_text(evidence) or (writes_music(evidence) and len(evidence.test.get("tokens", ())) > 0))
    ),
    measure=measure,
)
