"""Harmony of generated pieces against held-out pieces.

Notes in the piece's own key, dissonant chords, and passages copied from training pieces.
"""

from collections.abc import Mapping, Sequence

import torch

from artpipe.artifacts.report import Finding, Score
from artpipe.config.verdict_bounds import VerdictBounds
from artpipe.contracts.grading import judge_score
from artpipe.contracts.metric import Evidence, Measurement, Metric
from artpipe.modalities.music.key_detection import share_dissonant, share_in_key
from artpipe.modalities.music.passages import PASSAGE_BEATS, list_passages
from artpipe.modalities.music.rendering import join_rows
from artpipe.modalities.music.tokens import Step, decode_steps, is_music
from artpipe.numerics.intervals import mean_interval


def measure(evidence: Evidence) -> Measurement:
    """Measure generated and held-out pieces.

    Passages of training pieces are found in every key.
    """
    grid, bounds = evidence.card.spec.grid, evidence.params.verdicts
    generated = [steps for steps in map(decode_steps, evidence.sequences) if len(steps) > grid]
    real = [decode_steps(piece) for piece in join_rows(evidence.test).tolist()]
    if not generated or not real:
        return Measurement()
    training_passages = {
        passage for piece in join_rows(evidence.train).tolist() for passage in list_passages(decode_steps(piece), grid)
    }
    shares = [[_measure_piece(piece, grid, training_passages) for piece in pieces] for pieces in (generated, real)]
    generated_shares, real_shares = (torch.tensor(rows, dtype=torch.float64) for rows in shares)
    key, dissonant, copied = real_shares.mean(0).tolist()
    scores = [
        _make_score("in_key", generated_shares[:, 0], "higher", code="score_in_key", values={"real": key}),
        _make_score("dissonant", generated_shares[:, 1], "lower", code="score_dissonant", values={"real": dissonant}),
        _make_score("copied_passages", generated_shares[:, 2], "lower", code="score_copied_passages", values={"beats": PASSAGE_BEATS, "usual": copied}),
    ]  # fmt: skip
    return Measurement(scores=scores, findings=_judge_harmony(scores, (key, dissonant, copied), bounds))


def _judge_harmony(scores: Sequence[Score], real: Sequence[float], bounds: VerdictBounds) -> list[Finding]:
    """Compare the shares of generated pieces with those of real pieces.

    They are of notes in key, of dissonant chords and of copied passages.
    """
    (in_key, dissonant, copied), (real_key, real_dissonant, real_copied) = scores, real
    bound = real_copied + bounds.memorised_share
    return [
        judge_score(
            in_key, passing=bounds.in_key * real_key, good=(1 + bounds.in_key) / 2 * real_key, code="notes_in_key",
            values={"share": in_key.value, "real": real_key, "wanted": bounds.in_key * real_key},
        ),
        judge_score(
            dissonant, passing=bounds.dissonant * real_dissonant, good=(1 + bounds.dissonant) / 2 * real_dissonant,
            wanted="most", code="chords_dissonant",
            values={"share": dissonant.value, "real": real_dissonant, "wanted": bounds.dissonant * real_dissonant},
        ),
        judge_score(
            copied, failing=bound, passing=bound, good=bound, wanted="most",
            fault="memorised", code="copies_passages",
            values={"share": copied.value, "beats": PASSAGE_BEATS, "usual": real_copied, "wanted": bound},
        ),
    ]  # fmt: skip


def _measure_piece(
    piece: Sequence[Step], grid: int, training_passages: set[tuple[int, ...]]
) -> tuple[float, float, float]:
    piece_passages = list(list_passages(piece, grid))
    copied = (
        sum(passage in training_passages for passage in piece_passages) / len(piece_passages) if piece_passages else 0.0
    )
    return share_in_key(piece), share_dissonant(piece, grid), copied


def _make_score(name: str, shares: torch.Tensor, better: str, code: str, values: Mapping[str, float]) -> Score:
    real = values.get("real", values.get("usual"))
    fields = {"value": float(shares.mean()), "n": len(shares), "better": better, "real": real}
    score = Score.model_validate({"name": name, "code": code, "values": values, **fields})
    interval = mean_interval(shares)
    return score.with_interval(interval and interval.clamp(0.0, 1.0))


def _applies(evidence: Evidence) -> bool:
    composed = is_music(evidence.card.spec) and bool(evidence.sequences)
    return composed and len(evidence.test.get("tokens", ())) > 0


METRIC = Metric(applies=_applies, measure=measure, headline=("in_key", "copied_passages"))
