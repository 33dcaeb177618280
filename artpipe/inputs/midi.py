"""Standard MIDI files (formats 0 and 1): the notes of each track or channel; read in a worker."""

import struct
from collections import defaultdict
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from artpipe.inputs.reasons import RejectedError
from artpipe.inputs.scores import Note, Score

_DRUMS = 9
_HEADER = 14  # bytes
_OFF, _ON, _META, _SYSTEM = 0x80, 0x90, 0xFF, 0xF0
_SHORT = {0xC0, 0xD0}  # messages with one byte of data instead of two
_METRE = 0x58
_MOST_BARS = 20_000


class _Event(NamedTuple):
    """What matters of an event: a key goes down (velocity above 0) or up; or a metre, its channel -1."""

    tick: int
    channel: int
    key: int  # or the bar's length in quarter notes, times 32
    velocity: int


def read_midi(data: bytes, voices: int) -> Score:
    """Return the score of a file with `voices` voices, 0 for whatever sounds together; drums are left out.

    A voice is a track with notes, or a channel where one track has them all; the highest goes first.

    Raises:
        RejectedError: no MIDI file, damaged, or timed by seconds.
    """
    division, tracks = _tracks(data)
    read = [list(_events(track)) for track in tracks]
    lines: dict[tuple[int, int], list[Note]] = defaultdict(list)
    for number, events in enumerate(read):
        for channel, note in _notes(events, division):
            lines[number, channel].append(note)
    by_track: dict[int, list[Note]] = defaultdict(list)
    for (number, _), notes in lines.items():
        by_track[number] += notes
    found = list(by_track.values()) if len(by_track) > 1 else list(lines.values())
    found.sort(key=lambda notes: -sum(note.pitch for note in notes) / len(notes))
    metres = sorted((event.tick, event.key) for events in read for event in events if event.channel < 0)
    last = max((note.end for notes in found for note in notes), default=Fraction(0))
    together = [[note for notes in found for note in notes]]
    return Score(found if voices else together, frozenset(_bars(metres, division, last)))


def _tracks(data: bytes) -> tuple[int, list[bytes]]:
    """Return the ticks of a quarter note and the tracks' bytes."""
    if not data.startswith(b"MThd"):
        raise RejectedError("not a score", "no MIDI file")
    if len(data) < _HEADER:
        raise RejectedError("truncated", f"{len(data)} bytes of a header of {_HEADER}")
    length, _, announced, division = struct.unpack_from(">IHHH", data, 4)
    if not division or division & 0x8000:
        raise RejectedError("unsupported format", "a MIDI file timed by seconds, not by notes")
    tracks, place = [], 8 + length
    while place + 8 <= len(data):
        kind, length = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8])
        track = data[place + 8 : place + 8 + length]
        if len(track) < length:
            raise RejectedError("truncated", f"{length} bytes of a track announced, {len(track)} are there")
        if kind == b"MTrk":
            tracks.append(track)
        place += 8 + length
    if len(tracks) < announced:
        raise RejectedError("truncated", f"{announced} tracks announced, {len(tracks)} are there")
    return division, tracks


def _events(track: bytes) -> Iterator[_Event]:
    """Yield the notes and metres of a track; a status byte holds until the next one."""
    place, tick, status = 0, 0, 0
    try:
        while place < len(track):
            wait, place = _varying(track, place)
            tick += wait
            if track[place] & 0x80:
                status, place = track[place], place + 1
            if status >= _SYSTEM:
                kind = track[place] if status == _META else 0
                size, place = _varying(track, place + (status == _META))
                if kind == _METRE and size >= 2:  # noqa: PLR2004 - its numbers
                    yield _Event(tick, -1, track[place] * 128 >> min(track[place + 1], 7), 0)
                place += size
                continue
            kind, channel, key = status & 0xF0, status & 0x0F, track[place]
            if kind in {_ON, _OFF}:
                yield _Event(tick, channel, key & 0x7F, track[place + 1] if kind == _ON else 0)
            elif not kind:
                raise RejectedError("damaged", f"byte {place} of a track is no event")
            place += 1 if kind in _SHORT else 2
    except IndexError:
        raise RejectedError("truncated", "a track ends within an event") from None


def _varying(track: bytes, place: int) -> tuple[int, int]:
    """Return a number of seven bits a byte, and the place after it."""
    value = 0
    while True:
        byte = track[place]
        value, place = value << 7 | byte & 0x7F, place + 1
        if byte < 0x80:  # noqa: PLR2004 - its last byte
            return value & 0x0FFFFFFF, place


def _notes(events: list[_Event], division: int) -> Iterator[tuple[int, Note]]:
    """Yield channel and note; a key struck again ends its note, and what is never released is left out."""
    down: dict[tuple[int, int], int] = {}
    for tick, channel, key, velocity in events:
        if channel in {-1, _DRUMS}:
            continue
        start = down.pop((channel, key), None)
        if start is not None and tick > start:
            yield channel, Note(Fraction(start, division), Fraction(tick, division), key)
        if velocity:
            down[channel, key] = tick


def _bars(metres: list[tuple[int, int]], division: int, last: Fraction) -> Iterator[Fraction]:
    """Yield where bars begin, by the metres and their lengths (in quarter notes, times 32)."""
    ends = [Fraction(tick, division) for tick, _ in metres[1:]] + [last]
    count = 0
    for (tick, length), end in zip(metres, ends, strict=False):
        time = Fraction(tick, division)
        while length and time < end and (count := count + 1) < _MOST_BARS:
            if time:
                yield time
            time += Fraction(length, 32)
