"""Compute how a piece is performed: the time of each step, and its MIDI file.

Fermatas are held, and the end is slower.
"""

import struct
from collections.abc import Iterator, Sequence

from artpipe.modalities.music.piano_roll import Tone, collect_tones
from artpipe.modalities.music.tokens import FERMATA, Step

TEMPO = 84.0  # quarter notes a minute
TICKS = 480  # of a quarter note in the MIDI file
_FERMATA_QUARTERS = 0.75  # quarter notes that a fermata adds to its beat
_RITARDANDO = 0.35  # the last steps take so much longer, growing over the last beats
_LAST_BEATS = 4
_VOICE_NAMES = ("soprano", "alto", "tenor", "bass")
_CHOIR = 52  # of General MIDI, counted from 0: choir aahs


def step_durations(steps: Sequence[Step], grid: int, tempo: float = TEMPO) -> list[float]:
    """Return how long each step takes, in seconds.

    A fermata lengthens its beat, the end is slower.
    """
    beat = 60 / tempo
    lengths = [beat / grid] * len(steps)
    for fermata_step in (fermata_step for fermata_step, (mark, _) in enumerate(steps) if mark & FERMATA):
        beat_steps = min(grid, len(steps) - fermata_step)
        for step in range(fermata_step, fermata_step + beat_steps):
            lengths[step] += _FERMATA_QUARTERS * beat / beat_steps
    last = min(len(steps), _LAST_BEATS * grid)
    return [
        length * (1 + _RITARDANDO * max(0, step - len(steps) + last + 1) / last) if last else length
        for step, length in enumerate(lengths)
    ]


def encode_midi(steps: Sequence[Step], grid: int, tempo: float = TEMPO) -> bytes:
    """Return a MIDI file of format 1: a tempo track, then a track for each voice."""
    notes = collect_tones(steps)
    voices = max((note.voice for note in notes), default=-1) + 1
    tracks = [_tempo_track(step_durations(steps, grid, tempo), grid)]
    tracks += [_voice_track(number, [note for note in notes if note.voice == number], grid, voices) for number in range(voices)]  # fmt: skip
    header = b"MThd" + struct.pack(">IHHH", 6, 1, len(tracks), TICKS)
    return header + b"".join(b"MTrk" + struct.pack(">I", len(track)) + track for track in tracks)


def _tempo_track(lengths: Sequence[float], grid: int) -> bytes:
    changes, last_tempo = [], 0
    for step, length in enumerate(lengths):
        tempo = min(round(length * grid * 1e6), 0xFFFFFF)
        if tempo != last_tempo:
            changes.append((step * TICKS // grid, b"\xff\x51\x03" + tempo.to_bytes(3)))
        last_tempo = tempo
    return _encode_track(changes, len(lengths) * TICKS // grid)


def _voice_track(number: int, notes: Sequence[Tone], grid: int, voices: int) -> bytes:
    name = _VOICE_NAMES[number] if voices == len(_VOICE_NAMES) else f"voice {number + 1}"
    start = b"\xff\x03" + bytes([len(name)]) + name.encode() + b"\0" + bytes([0xC0 | number, _CHOIR])
    key_events = _key_events(number, notes, grid)
    events = sorted(key_events, key=lambda event: (event[0], event[1][0] & 0x10))  # releases first
    return _encode_track([(0, start), *events], max((note.end for note in notes), default=0) * TICKS // grid)


def _key_events(number: int, notes: Sequence[Tone], grid: int) -> Iterator[tuple[int, bytes]]:
    for note in notes:
        yield note.start * TICKS // grid, bytes([0x90 | number, note.pitch, 80])
        yield note.end * TICKS // grid, bytes([0x80 | number, note.pitch, 0])


def _encode_track(events: Sequence[tuple[int, bytes]], end: int) -> bytes:
    chunks, last_tick = [], 0
    for tick, event in [*events, (max([end, *(tick for tick, _ in events)]), b"\xff\x2f\0")]:
        chunks.append(_encode_number(tick - last_tick) + event)
        last_tick = tick
    return b"".join(chunks)


def _encode_number(value: int) -> bytes:
    """Return a number in seven bits a byte, the highest first."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))
