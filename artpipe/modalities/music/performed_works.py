"""What a network wrote, as music that hangs: a WAV file, its score as a picture, its MIDI file."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from artpipe.artifacts.shards import Spec
from artpipe.contracts.model import Content, Exhibit
from artpipe.contracts.special_tokens import MARKS, PAD
from artpipe.language.message import Message
from artpipe.modalities.music.key_detection import key_of
from artpipe.modalities.music.performance import durations, midi
from artpipe.modalities.music.piano_roll import drawn
from artpipe.modalities.music.synthesizer import sung
from artpipe.modalities.music.tokens import FERMATA, HELD, STEPS, Step, steps_of
from artpipe.numerics.pixels import to_float

_MINUTE = 60


def performed(spec: Spec, tokens: Sequence[int], seed: int, *, ended: bool) -> Exhibit:
    """Return what hangs of one piece; without its end it stops where a phrase does, in its second half."""
    steps = steps_of(tokens)
    steps = steps if ended else phrased(steps, spec.grid)
    while len(steps) > 1 and not any(steps[-1].cells):
        steps.pop()
    length = sum(durations(steps, spec.grid))
    minutes = f"{int(length) // _MINUTE}:{int(length) % _MINUTE:02d}"
    caption = Message(
        code="chorale" if spec.height else "chords", values={"key": key_of(steps).name, "length": minutes}
    )
    parts: dict[str, Content] = {"score": to_float(drawn(steps, spec.grid)), "midi": midi(steps, spec.grid)}
    return Exhibit("audio", sung(steps, spec.grid), caption, seed=seed, parts=parts)


def phrased(steps: list[Step], grid: int) -> list[Step]:
    """Return the steps up to the end of the last phrase that was held at will, where that is in the second half."""
    held = [at for at, (mark, _) in enumerate(steps) if mark & FERMATA and 2 * at >= len(steps)]
    if not held:
        return steps
    last = held[-1] + 1
    while last < min(len(steps), held[-1] + 2 * grid) and all(cell > HELD or not cell for cell in steps[last].cells):
        last += 1
    return steps[:last]


def joined(columns: Mapping[str, Tensor]) -> Tensor:
    """Return the tokens of whole works, ``(N, longest)``, padded; rows of a ShardSet come in any order."""
    works: dict[bytes, list[tuple[int, Tensor]]] = {}
    rows = zip(columns["digests"].tolist(), columns["places"][:, 0].tolist(), columns["tokens"].long(), strict=True)
    for digest, place, row in rows:
        works.setdefault(bytes(digest), []).append((place, row))
    whole = []
    for parts in works.values():
        ordered = [row for _, row in sorted(parts, key=lambda part: part[0])]
        whole.append(torch.cat([ordered[0], *(row[1:] for row in ordered[1:])]))
    longest = max(int((work != PAD).sum()) for work in whole)
    return torch.stack([torch.cat([work, work.new_zeros(longest)])[:longest] for work in whole])


def count_steps(tokens: Tensor) -> Tensor:
    """Return how many steps each work ``(N, L)`` has, ``(N,)``: one at its start, one at each mark."""
    marks = (tokens >= len(MARKS)) & (tokens < len(MARKS) + len(STEPS))
    return marks.sum(1) + 1
