"""Read scores from standard MIDI files (formats 0, 1 and 2), in a worker.

A voice is a track or a channel.
"""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import NamedTuple

from artpipe.language.message import Message
from artpipe.modalities.music.midi_events import METRE, NOTE, SILENCE, Event, Track, read_events
from artpipe.modalities.music.score import MusicScore, Note
from artpipe.untrusted.rejection import RejectedError

_DRUM_CHANNEL = 9
_MAX_BARS = 20_000
_OPEN_NOTE = "with notes without an end, which last as long as their MIDI track"
_LOST_NOTE = "with notes that begin where their MIDI track ends, left out"
_Key = tuple[int, int]  # channel and pitch


class _Piece(NamedTuple):
    """Tracks that sound together: lines from high to low, bars, length and notes.

    The length is in quarter notes, bars are where they begin.
    """

    lines: list[list[Note]]
    bars: frozenset[Fraction]
    length: Fraction
    notes: tuple[str, ...]


def read_midi(data: bytes, voices: int) -> MusicScore:
    """Return the score of a file with `voices` voices; drums are left out.

    With 0 voices, whatever sounds together is a chord.

    A voice is a track with notes, or a channel where one track has them all; the highest goes first. The tracks of
    format 2 are pieces of their own and follow one after the other.

    Raises:
        RejectedError: no MIDI file, damaged, timed by seconds, or of format 2 with pieces of other voices.
    """
    file = read_events(data)
    if file.format == 2 and len(file.tracks) > 1:  # noqa: PLR2004 - the format's name
        pieces = [_read_piece([track], file.division) for track in file.tracks]
        piece = _join_pieces([piece for piece in pieces if piece.lines], voices)
    else:
        piece = _read_piece(file.tracks, file.division)
    chords = [[note for line in piece.lines for note in line]]
    return MusicScore(piece.lines if voices else chords, piece.bars, notes=(*file.notes, *piece.notes))


def _join_pieces(pieces: Sequence[_Piece], voices: int) -> _Piece:
    """Return pieces one after the other as one, each with the wanted voices."""
    counts = sorted({len(piece.lines) for piece in pieces})
    if voices and counts and counts != [voices]:
        there = counts[0] if len(counts) == 1 else " or ".join(map(str, counts))
        message = Message(code="voices_in_pieces", values={"voices": there, "pieces": len(pieces), "wanted": voices})
        raise RejectedError("other voices", message, "voices")
    lines: list[list[Note]] = [[] for _ in range(max(counts, default=0))]
    bars: set[Fraction] = set()
    start = Fraction(0)
    for piece in pieces:
        for line, notes in zip(lines, piece.lines, strict=False):
            line += [Note(note.start + start, note.end + start, note.pitch) for note in notes]
        bars |= {bar + start for bar in piece.bars} | ({start} if start else set())
        start += piece.length
    noted = dict.fromkeys(note for piece in pieces for note in piece.notes)
    return _Piece(lines, frozenset(bars), start, ("of MIDI format 2, its pieces one after the other", *noted))


def _read_piece(tracks: Sequence[Track], division: int) -> _Piece:
    by_channel: dict[tuple[int, int], list[Note]] = defaultdict(list)
    track_notes: dict[str, None] = {}
    for number, track in enumerate(tracks):
        keys = _KeyTracker(division)
        for event in track.events:
            keys.play(event)
        track_notes |= dict.fromkeys(keys.release_all(track.end))
        for channel, note in keys.notes:
            by_channel[number, channel].append(note)
    by_track: dict[int, list[Note]] = defaultdict(list)
    for (number, _), notes in by_channel.items():
        by_track[number] += notes
    lines = [sorted(line) for line in (by_track if len(by_track) > 1 else by_channel).values()]
    lines.sort(key=lambda line: -sum(note.pitch for note in line) / len(line))
    metres = sorted((event.tick, event.key) for track in tracks for event in track.events if event.kind == METRE)
    last = max((note.end for line in lines for note in line), default=Fraction(0))
    length = max([last, *(Fraction(track.end, division) for track in tracks)])
    return _Piece(lines, frozenset(_bar_starts(metres, division, last)), length, tuple(track_notes))


class _KeyTracker:
    """The keys of one track: since when each is down, and the notes played.

    A key struck again ends its note and begins another; where each strike has an end of its own, the last one counts.
    """

    def __init__(self, division: int) -> None:
        self.notes: list[tuple[int, Note]] = []  # with their channels
        self._division = division
        self._down: dict[_Key, int] = {}
        self._again: Counter[_Key] = Counter()  # strikes of keys that were down, whose end is still to come
        self._last: dict[_Key, int] = {}  # the place of a key's last note

    def play(self, event: Event) -> None:
        """Apply an event of the track, in its order."""
        key = (event.channel, event.key)
        if event.kind == SILENCE:
            for other_key in [other_key for other_key in self._down if other_key[0] == event.channel]:
                self._end(other_key, event.tick)
        elif event.kind == NOTE and event.channel != _DRUM_CHANNEL:
            is_down = key in self._down
            self._end(key, event.tick)
            if event.velocity:
                self._down[key] = event.tick
                self._again[key] = self._again[key] + 1 if is_down else 0
            elif not is_down and self._again[key]:
                self._again[key] -= 1
                self._extend(key, event.tick)

    def release_all(self, tick: int) -> set[str]:
        """End the notes that still sound at the track's end; return remarks on them."""
        starts = set(self._down.values())
        for key in list(self._down):
            self._end(key, tick)
        return {_OPEN_NOTE if start < tick else _LOST_NOTE for start in starts}

    def _end(self, key: _Key, tick: int) -> None:
        start = self._down.pop(key, tick)
        if start < tick:
            self._last[key] = len(self.notes)
            note = Note(Fraction(start, self._division), Fraction(tick, self._division), key[1])
            self.notes.append((key[0], note))

    def _extend(self, key: _Key, tick: int) -> None:
        if (place := self._last.get(key)) is not None:
            channel, note = self.notes[place]
            self.notes[place] = (channel, note._replace(end=Fraction(tick, self._division)))


def _bar_starts(metres: list[tuple[int, int]], division: int, last: Fraction) -> Iterator[Fraction]:
    """Yield where bars begin, by the metres.

    Their lengths are in quarter notes, times 32.
    """
    ends = [Fraction(tick, division) for tick, _ in metres[1:]] + [last]
    count = 0
    for (tick, length), end in zip(metres, ends, strict=False):
        time = Fraction(tick, division)
        while length and time < end and (count := count + 1) < _MAX_BARS:
            if time:
                yield time
            time += Fraction(length, 32)
