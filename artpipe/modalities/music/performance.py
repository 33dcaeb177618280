"""How a piece is played: the time of each step (what is held at will, a slower end), and the MIDI file of it."""

import struct
from collections.abc import Iterator, Sequence

from artpipe.modalities.music.piano_roll import Tone, tones
from artpipe.modalities.music.tokens import FERMATA, Step

TEMPO = 84.0  # quarter notes a minute
TICKS = 480  # of a quarter note in the MIDI file
_HELD = 0.75  # quarter notes that a fermata adds to its beat
_SLOWER = 0.35  # the last steps take so much longer, growing over the last beats
_LAST_BEATS = 4
_NAMES = ("soprano", "alto", "tenor", "bass")
_CHOIR = 52  # of General MIDI, counted from 0: choir aahs


def durations(steps: Sequence[Step], grid: int, tempo: float = TEMPO) -> list[float]:
    """Return how long each step takes, in seconds: a fermata lengthens its beat, the end is slower."""
    beat = 60 / tempo
    found = [beat / grid] * len(steps)
    for at in (at for at, (mark, _) in enumerate(steps) if mark & FERMATA):
        held = min(grid, len(steps) - at)
        for step in range(at, at + held):
            found[step] += _HELD * beat / held
    last = min(len(steps), _LAST_BEATS * grid)
    return [
        length * (1 + _SLOWER * max(0, step - len(steps) + last + 1) / last) if last else length
        for step, length in enumerate(found)
    ]


def midi(steps: Sequence[Step], grid: int, tempo: float = TEMPO) -> bytes:
    """Return a file of format 1: a track with the tempo at each step that changes it, then one for each voice."""
    notes = tones(steps)
    voices = max((note.voice for note in notes), default=-1) + 1
    tracks = [_tempi(durations(steps, grid, tempo), grid)]
    tracks += [_voice(number, [note for note in notes if note.voice == number], grid, voices) for number in range(voices)]  # fmt: skip
    header = b"MThd" + struct.pack(">IHHH", 6, 1, len(tracks), TICKS)
    return header + b"".join(b"MTrk" + struct.pack(">I", len(track)) + track for track in tracks)


def _tempi(lengths: Sequence[float], grid: int) -> bytes:
    changes, before = [], 0
    for step, length in enumerate(lengths):
        micros = min(round(length * grid * 1e6), 0xFFFFFF)
        if micros != before:
            changes.append((step * TICKS // grid, b"\xff\x51\x03" + micros.to_bytes(3)))
        before = micros
    return _track(changes, len(lengths) * TICKS // grid)


def _voice(number: int, notes: Sequence[Tone], grid: int, voices: int) -> bytes:
    name = _NAMES[number] if voices == len(_NAMES) else f"voice {number + 1}"
    start = b"\xff\x03" + bytes([len(name)]) + name.encode() + b"\0" + bytes([0xC0 | number, _CHOIR])
    events = sorted(_keys(number, notes, grid), key=lambda event: (event[0], event[1][0] & 0x10))  # releases first
    return _track([(0, start), *events], max((note.end for note in notes), default=0) * TICKS // grid)


def _keys(number: int, notes: Sequence[Tone], grid: int) -> Iterator[tuple[int, bytes]]:
    for note in notes:
        yield note.start * TICKS // grid, bytes([0x90 | number, note.pitch, 80])
        yield note.end * TICKS // grid, bytes([0x80 | number, note.pitch, 0])


def _track(events: Sequence[tuple[int, bytes]], end: int) -> bytes:
    found, before = [], 0
    for tick, event in [*events, (max([end, *(tick for tick, _ in events)]), b"\xff\x2f\0")]:
        found.append(_varying(tick - before) + event)
        before = tick
    return b"".join(found)


def _varying(value: int) -> bytes:
    """Return a number in seven bits a byte, the highest first."""
    digits = [value & 0x7F]
    while value := value >> 7:
        digits.append(value & 0x7F | 0x80)
    return bytes(reversed(digits))
