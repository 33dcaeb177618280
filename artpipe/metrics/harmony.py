"""Harmony of what it composed against held-out pieces: notes in the piece's own key, dissonant chords, passages by heart."""

from collections.abc import Iterator, Mapping, Sequence

import torch

from artpipe.artifacts.report import Finding, Score
from artpipe.config.params import VerdictBounds
from artpipe.contracts.metric import Evidence, Measured, Metric
from artpipe.modalities.music.key_detection import share_dissonant, share_in_key
from artpipe.modalities.music.rendering import join_rows
from artpipe.modalities.music.tokens import HELD, Step, decode_steps, is_music

_PASSAGE = 4  # beats in a row


def measure(evidence: Evidence) -> Measured:
    """Measure pieces that were composed and new ones that are real; of the training pieces their passages, in every key."""
    grid, bounds = evidence.card.spec.grid, evidence.params.verdicts
    written = [steps for steps in map(decode_steps, evidence.sequences) if len(steps) > grid]
    real = [decode_steps(piece) for piece in join_rows(evidence.test).tolist()]
    if not written or not real:
        return Measured()
    known = {passage for piece in join_rows(evidence.train).tolist() for passage in passages(decode_steps(piece), grid)}
    shares = [[_all(piece, grid, known) for piece in pieces] for pieces in (written, real)]
    ours, theirs = (torch.tensor(rows, dtype=torch.float64) for rows in shares)
    key, dissonant, copied = theirs.mean(0).tolist()
    scores = [
        _score("in_key", ours[:, 0], "higher", code="score_in_key", values={"real": key}),
        _score("dissonant", ours[:, 1], "lower", code="score_dissonant", values={"real": dissonant}),
        _score("copied_passages", ours[:, 2], "lower", code="score_copied_passages", values={"beats": _PASSAGE, "usual": copied}),
    ]  # fmt: skip
    return Measured(scores=scores, findings=_judged(ours.mean(0).tolist(), (key, dissonant, copied), bounds))


def _judged(ours: Sequence[float], real: Sequence[float], bounds: VerdictBounds) -> list[Finding]:
    """Compare shares in key, of dissonant chords and of copied passages with those of real pieces."""
    (in_key, clashing, by_heart), (key, dissonant, copied) = ours, real
    found = []
    if in_key < bounds.in_key * key:
        found.append(
            Finding(
                verdict="under-trained", score="in_key", value=in_key, bound=bounds.in_key * key,
                code="notes_out_of_key", values={"share": in_key, "real": key},
            )
        )  # fmt: skip
    if clashing > bounds.dissonant * dissonant:
        found.append(
            Finding(
                verdict="under-trained", score="dissonant", value=clashing, bound=bounds.dissonant * dissonant,
                code="chords_dissonant", values={"share": clashing, "real": dissonant},
            )
        )  # fmt: skip
    if by_heart > copied + bounds.memorised_share:
        found.append(
            Finding(
                verdict="memorised", score="copied_passages", value=by_heart, bound=copied + bounds.memorised_share,
                code="copies_passages", values={"share": by_heart, "beats": _PASSAGE, "usual": copied},
            )
        )  # fmt: skip
    return found


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


def _score(name: str, shares: torch.Tensor, better: str, code: str, values: Mapping[str, float]) -> Score:
    spread = float(shares.std() / len(shares) ** 0.5) if len(shares) > 1 else None
    known = {"value": float(shares.mean()), "n": len(shares), "spread": spread, "better": better}
    return Score.model_validate({"name": name, "code": code, "values": values, **known})


def _applies(evidence: Evidence) -> bool:
    composed = is_music(evidence.card.spec) and bool(evidence.sequences)
    return composed and len(evidence.test.get("tokens", ())) > 0


METRIC = Metric(applies=_applies, measure=measure, headline=("in_key", "copied_passages"))
