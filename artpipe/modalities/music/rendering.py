"""Render generated music for the gallery: WAV file, score as picture, MIDI file."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from artpipe.artifacts.shards import Spec
from artpipe.contracts.model import Content, Exhibit
from artpipe.contracts.special_tokens import PAD, SPECIAL_TOKENS
from artpipe.language.message import Message
from artpipe.modalities.music.key_detection import detect_key
from artpipe.modalities.music.performance import encode_midi, step_durations
from artpipe.modalities.music.piano_roll import draw_piano_roll
from artpipe.modalities.music.synthesizer import synthesize_wav
from artpipe.modalities.music.tokens import FERMATA, HELD, STEPS, Step, decode_steps
from artpipe.numerics.pixels import to_float

_MINUTE = 60


def render_piece(spec: Spec, tokens: Sequence[int], seed: int, *, ended: bool) -> Exhibit:
    """Return the exhibit of one piece.

    Without its end token it stops where a phrase does, in its second half.
    """
    steps = decode_steps(tokens)
    steps = steps if ended else cut_at_last_phrase(steps, spec.grid)
    while len(steps) > 1 and not any(steps[-1].cells):
        steps.pop()
    length = sum(step_durations(steps, spec.grid))
    minutes = f"{int(length) // _MINUTE}:{int(length) % _MINUTE:02d}"
    caption = Message(
        code="chorale" if spec.height else "chords", values={"key": detect_key(steps).name, "length": minutes}
    )
    parts: dict[str, Content] = {
        "score": to_float(draw_piano_roll(steps, spec.grid)),
        "midi": encode_midi(steps, spec.grid),
    }
    return Exhibit("audio", synthesize_wav(steps, spec.grid), caption, seed=seed, parts=parts)


def cut_at_last_phrase(steps: list[Step], grid: int) -> list[Step]:
    """Return the steps up to the last fermata, where it is in the second half."""
    fermatas = [at for at, (mark, _) in enumerate(steps) if mark & FERMATA and 2 * at >= len(steps)]
    if not fermatas:
        return steps
    last = fermatas[-1] + 1
    while last < min(len(steps), fermatas[-1] + 2 * grid) and all(
        cell > HELD or not cell for cell in steps[last].cells
    ):
        last += 1
    return steps[:last]


def join_rows(columns: Mapping[str, Tensor]) -> Tensor:
    """Return the tokens of whole works, ``(N, longest)``, padded.

    Rows of a ShardSet come in any order.
    """
    works: dict[bytes, list[tuple[int, Tensor]]] = {}
    rows = zip(columns["digests"].tolist(), columns["places"][:, 0].tolist(), columns["tokens"].long(), strict=True)
    for digest, place, row in rows:
        works.setdefault(bytes(digest), []).append((place, row))
    joined_works = []
    for parts in works.values():
        ordered = [row for _, row in sorted(parts, key=lambda part: part[0])]
        joined_works.append(torch.cat([ordered[0], *(row[1:] for row in ordered[1:])]))
    longest = max(int((work != PAD).sum()) for work in joined_works)
    return torch.stack([torch.cat([work, work.new_zeros(longest)])[:longest] for work in joined_works])


def count_steps(tokens: Tensor) -> Tensor:
    """Return the number of steps of each work ``(N, L)``, as ``(N,)``.

    One at its start, one at each mark.
    """
    marks = (tokens >= len(SPECIAL_TOKENS)) & (tokens < len(SPECIAL_TOKENS) + len(STEPS))
    return marks.sum(1) + 1
