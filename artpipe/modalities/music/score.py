"""Scores: notes in time, whatever their file, and their steps on a grid."""

from collections.abc import Iterable, Sequence
from fractions import Fraction
from hashlib import blake2b
from itertools import pairwise
from typing import NamedTuple

from artpipe.language.message import Message
from artpipe.modalities.music.tokens import BAR, FERMATA, HELD, HIGHEST, LOWEST, Step
from artpipe.untrusted.rejection import RejectedError

FINEST_GRID = 4  # steps in a quarter note: sixteenths
_MAX_STEPS = 100_000  # steps of a piece
_SHINGLE_STEPS = 4  # steps that a duplicate shares


class Note(NamedTuple):
    """A tone; times in quarter notes from the beginning."""

    start: Fraction
    end: Fraction
    pitch: int  # of MIDI: 60 is the middle C


class MusicScore(NamedTuple):
    """A piece: voices from high to low, or one voice of chords."""

    voices: list[list[Note]]
    bars: frozenset[Fraction] = frozenset()  # where bars begin, the first one of a piece without a pickup left out
    fermatas: frozenset[Fraction] = frozenset()
    notes: tuple[str, ...] = ()  # what was done to it


def sample_steps(score: MusicScore, grid: int, voices: int) -> list[Step]:
    """Return what sounds at each step of a grid.

    `grid` steps are a quarter note; with 0 voices each step is a chord.

    Raises:
        RejectedError: another number of voices, no notes, notes beyond a piano's keys, or a piece without an end.
    """
    if voices and len(score.voices) != voices:
        raise RejectedError(
            "other voices",
            Message(code="voices_in_score", values={"voices": len(score.voices), "wanted": voices}),
            "voices",
        )
    notes = [note for voice in score.voices for note in voice]
    if not notes:
        raise RejectedError("not a score", "there are no notes in it")
    if unplayable := [note.pitch for note in notes if not LOWEST <= note.pitch <= HIGHEST]:
        raise RejectedError("not a score", Message(code="note_beyond_keys", values={"pitch": unplayable[0]}))
    length = max(note.end for note in notes) * grid
    if length > _MAX_STEPS:
        raise RejectedError("too large", Message(code="more_steps_than", values={"steps": _MAX_STEPS}))
    count = max(1, -(-length.numerator // length.denominator))
    if voices:
        columns = [_sample_voice(voice, grid, count) for voice in score.voices]
        cells = [[column[step] for column in columns] for step in range(count)]
    else:
        cells = _sample_chords(notes, grid, count)
    bars, fermatas = ({_step_at(time, grid) for time in times} for times in (score.bars, score.fermatas))
    return [Step(BAR * (at in bars) + FERMATA * (at in fermatas), row) for at, row in enumerate(cells)]


def _step_at(time: Fraction, grid: int) -> int:
    """Return the first step at or after a time."""
    place = time * grid
    return -(-place.numerator // place.denominator)


def _sample_voice(voice: Sequence[Note], grid: int, count: int) -> list[int]:
    """Return the cell of one voice at each step.

    A note is struck where it began since the step before.
    """
    cells = [0] * count
    for note in sorted(voice):
        first, end = _step_at(note.start, grid), _step_at(note.end, grid)
        for step in range(first, min(end, count)):
            cells[step] = note.pitch + HELD * (step > first)
    return cells


def _sample_chords(notes: Iterable[Note], grid: int, count: int) -> list[list[int]]:
    """Return the pitches that sound at each step, from high to low, all struck."""
    chords: list[set[int]] = [set() for _ in range(count)]
    for note in notes:
        for step in range(_step_at(note.start, grid), min(_step_at(note.end, grid), count)):
            chords[step].add(note.pitch)
    return [sorted(chord, reverse=True) for chord in chords]


def shorten_silences(steps: Iterable[Step], max_silence: int) -> list[Step]:
    """Return the steps with every silence cut to its first `max_silence` steps.

    Silences at either end are left out.
    """
    kept_steps: list[Step] = []
    silence = max_silence  # so that a silence at the beginning is left out
    for step in steps:
        silence = 0 if any(step.cells) else silence + 1
        if silence <= max_silence:
            kept_steps.append(step)
    while len(kept_steps) > 1 and not any(kept_steps[-1].cells):
        kept_steps.pop()
    return kept_steps


def read_roll(piece: object, grid: int, voices: int) -> MusicScore:
    """Return the score of a roll: a list of steps of MIDI pitches.

    Pitches are by voice; below 1 is silence.

    In a voice a pitch that is there again goes on.

    Raises:
        RejectedError: it is no such list, or its steps have another number of voices.
    """
    if not isinstance(piece, list) or not piece:
        raise RejectedError("not a score", "a list of steps is wanted, each a list of pitches")
    columns: list[list[Note]] = [[] for _ in range(voices or 1)]
    for at, step in enumerate(piece):
        if not isinstance(step, list) or not all(_is_pitch(pitch) for pitch in step):
            raise RejectedError("not a score", Message(code="step_without_pitches", values={"step": at}))
        if voices and len(step) != voices:
            raise RejectedError(
                "other voices",
                Message(code="voices_in_step", values={"voices": len(step), "step": at, "wanted": voices}),
                "voices",
            )
        for number, pitch in enumerate(step):
            if pitch > 0:
                _append_note(columns[number if voices else 0], at, int(pitch), grid, joins=bool(voices))
    end = Fraction(len(piece), grid)
    silent = (end - _last_end(columns)) * grid
    note = Message(code="silent_steps_left_out", values={"steps": int(silent)})
    return MusicScore(columns, notes=(note.encode(),) if silent > 0 else ())


def _is_pitch(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value == value // 1


def _append_note(voice: list[Note], at: int, pitch: int, grid: int, *, joins: bool) -> None:
    start, end = Fraction(at, grid), Fraction(at + 1, grid)
    if joins and voice and (voice[-1].end, voice[-1].pitch) == (start, pitch):
        voice[-1] = voice[-1]._replace(end=end)
    else:
        voice.append(Note(start, end, pitch))


def _last_end(voices: Iterable[Iterable[Note]]) -> Fraction:
    return max((note.end for voice in voices for note in voice), default=Fraction(0))


def interval_hash(steps: Sequence[Step]) -> int:
    """Return a 64-bit hash that similar pieces nearly share (Charikar 2002).

    Similar is the same piece in another key, or with a few other notes.

    Made of the intervals of the outer voices over some steps, so tempo and metre do not matter.
    """
    outer_voices = [(cells[0] % HELD, cells[-1] % HELD) for _, cells in steps if cells]
    moves = [
        (after[0] - before[0], after[1] - before[1], after[0] - after[1]) for before, after in pairwise(outer_voices)
    ]
    moves = [move for move in moves if move[:2] != (0, 0)]
    votes = [0] * 64
    for start in range(max(1, len(moves) - _SHINGLE_STEPS + 1)):
        digest = int.from_bytes(blake2b(repr(moves[start : start + _SHINGLE_STEPS]).encode(), digest_size=8).digest())
        for bit in range(64):
            votes[bit] += 1 if digest >> bit & 1 else -1
    return sum(1 << bit for bit, vote in enumerate(votes) if vote > 0)
