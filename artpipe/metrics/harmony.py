"""Harmony of what it composed against held-out pieces: notes in the piece's own key, dissonant chords, passages by heart."""

from collections.abc import Iterator, Sequence

import torch

from artpipe.artifacts.report import Finding, Score, Verdict
from artpipe.contracts.metric import Evidence, Measured, Metric
from artpipe.modalities.music.key_detection import share_dissonant, share_in_key
from artpipe.modalities.music.performed_works import joined
from artpipe.modalities.music.tokens import HELD, Step, is_music, steps_of

_PASSAGE = 4  # beats in a row


def measure(evidence: Evidence) -> Measured:
    """Measure pieces that were composed and new ones that are real; of the training pieces their passages, in every key."""
    grid, bounds = evidence.card.spec.grid, evidence.params.verdicts
    written = [steps for steps in map(steps_of, evidence.sequences) if len(steps) > grid]
    real = [steps_of(piece) for piece in joined(evidence.test).tolist()]
    if not written or not real:
        return Measured()
    known = {passage for piece in joined(evidence.train).tolist() for passage in passages(steps_of(piece), grid)}
    shares = [[_all(piece, grid, known) for piece in pieces] for pieces in (written, real)]
    ours, theirs = (torch.tensor(rows, dtype=torch.float64) for rows in shares)
    key, dissonant, copied = theirs.mean(0).tolist()
    scores = [
        _score("in_key", ours[:, 0], "higher", f"Share of what sounds that is in the piece's own key; of real pieces {key:.1%}."),
        _score("dissonant", ours[:, 1], "lower", f"Share of chords on the beat that are no triad or seventh chord; of real pieces {dissonant:.1%}."),
        _score("copied_passages", ours[:, 2], "lower", f"Share of passages of {_PASSAGE} beats, all voices, that stand in a training piece in some key; of new pieces {copied:.1%}."),
    ]  # fmt: skip
    found, (in_key, clashing, by_heart) = [], ours.mean(0).tolist()
    if in_key < bounds.in_key * key:
        sentence = f"{in_key:.0%} of its notes are in a key, of real pieces {key:.0%}."
        found.append(_finding("under-trained", "in_key", in_key, bounds.in_key * key, sentence))
    if clashing > bounds.dissonant * dissonant:
        sentence = f"{clashing:.0%} of its chords on the beat are dissonant, of real pieces {dissonant:.0%}."
        found.append(_finding("under-trained", "dissonant", clashing, bounds.dissonant * dissonant, sentence))
    if by_heart > copied + bounds.memorised_share:
        sentence = (
            f"{by_heart:.0%} of its passages of {_PASSAGE} beats stand in training pieces; of new ones {copied:.0%}."
        )
        found.append(_finding("memorised", "copied_passages", by_heart, copied + bounds.memorised_share, sentence))
    return Measured(scores=scores, findings=found)


def _all(piece: Sequence[Step], grid: int, known: set[tuple[int, ...]]) -> tuple[float, float, float]:
    own = list(passages(piece, grid))
    copied = sum(passage in known for passage in own) / len(own) if own else 0.0
    return share_in_key(piece), share_dissonant(piece, grid), copied


def passages(piece: Sequence[Step], grid: int) -> Iterator[tuple[int, ...]]:
    """Yield what sounds in some beats in a row, each chord from the passage's first note on: the same in every key."""
    sounding = [tuple(cell % HELD for cell in cells) for _, cells in piece]
    for start in range(len(sounding) - _PASSAGE * grid + 1):
        part = sounding[start : start + _PASSAGE * grid]
        first = next((pitch for chord in part for pitch in chord if pitch), None)
        if first is not None:
            yield tuple(pitch - first if pitch else -HELD for chord in part for pitch in (*chord, 0))


def _score(name: str, shares: torch.Tensor, better: str, explanation: str) -> Score:
    spread = float(shares.std() / len(shares) ** 0.5) if len(shares) > 1 else None
    known = {"value": float(shares.mean()), "n": len(shares), "spread": spread, "better": better}
    return Score.model_validate({"name": name, "explanation": explanation, **known})


def _finding(verdict: Verdict, score: str, value: float, bound: float, sentence: str) -> Finding:
    return Finding(verdict=verdict, score=score, value=value, bound=bound, sentence=sentence)


def _applies(evidence: Evidence) -> bool:
    composed = is_music(evidence.card.spec) and bool(evidence.sequences)
    return composed and len(evidence.test.get("tokens", ())) > 0


METRIC = Metric(applies=_applies, measure=measure, headline=("in_key", "copied_passages"))
