"""Random chorales with which the cost of training steps is measured.

Their voices move by small intervals.
"""

import itertools
import random

import torch

from artpipe.artifacts.shards import Spec
from artpipe.contracts.sample_rows import RowsRequest, SampleRows, make_common_columns
from artpipe.modalities.music.tokens import BAR, HELD, HIGHEST, LOWEST, MEDIUM_NAME, VOCABULARY, Step, encode_steps

_BEATS, _PHRASE_BARS = 4, 4  # of a bar, of a phrase
_TOP_NOTE, _VOICE_SPACE = 72, 7  # as MIDI numbers keys
_CHORD_NOTES = 3  # where voices are not fixed
_HELD_SHARE = 0.5  # of the notes of a step


def make_rows(request: RowsRequest) -> SampleRows:
    """Return full rows of tokens ``(N, length + 1)``."""
    params, count, source = request.params, request.rows, random.Random(0)  # noqa: S311 - no secret
    rows = [_make_row(source, request.voices or _CHORD_NOTES, params.grid, params.length + 1) for _ in range(count)]
    columns = {
        "tokens": torch.tensor(rows, dtype=torch.int16),
        **make_common_columns(request, torch.Generator().manual_seed(0)),
    }
    spec = Spec(
        dataset=request.dataset,
        medium=MEDIUM_NAME,
        height=request.voices,
        grid=params.grid,
        length=params.length,
        classes=request.classes,
        count=request.works,
        columns=tuple(columns),
        vocabulary=VOCABULARY,
    )
    return SampleRows(spec, columns)


def _make_row(source: random.Random, voices: int, grid: int, length: int) -> list[int]:
    """Return as many tokens as a row holds: one random phrase, repeated.

    Its voices walk at random, and it comes again and again as in real pieces.
    """
    notes = [_TOP_NOTE - _VOICE_SPACE * voice for voice in range(voices)]
    phrase = [Step(0, list(notes))]
    while len(phrase) < _PHRASE_BARS * _BEATS * grid:
        cells = []
        for voice, note in enumerate(notes):
            if source.random() < _HELD_SHARE:
                cells.append(note + HELD)
                continue
            notes[voice] = min(HIGHEST, max(LOWEST, note + source.choice((-2, -1, 1, 2))))
            cells.append(notes[voice])
        phrase.append(Step(BAR if len(phrase) % (_BEATS * grid) == 0 else 0, cells))
    count = -(-length // (voices + 1))
    return encode_steps(list(itertools.islice(itertools.cycle(phrase), count)))[:length]
