"""Read tracks and events of standard MIDI files, also of odd ones, in a worker.

The standard is RP-001 of the MIDI association. As other readers do, running status outlasts meta events and system
exclusive ones, chunks of unknown kinds are passed over, and a wrong length gives way to the end mark of its track.
"""

import struct
from typing import NamedTuple

from artpipe.language.message import Message
from artpipe.untrusted.rejection import RejectedError

NOTE, SILENCE, METRE = 0x90, 0xB0, 0x58  # kinds of events, by their bytes
_HEADER = 14  # bytes
_MAX_PREFIX_BYTES = 1024  # bytes that may stand before the header, such as those of MacBinary
_HEADER_START = b"MThd\0\0\0\6"
_TRACK = b"MTrk"
_NOTE_OFF, _CONTROLLER, _META, _SYSTEM = 0x80, 0xB0, 0xFF, 0xF0
_ESCAPES = (0xF0, 0xF7)  # a length and as many bytes follow
_SYSTEM_SIZES = {0xF1: 1, 0xF2: 2, 0xF3: 1, 0xF6: 0, 0xF8: 0, 0xFA: 0, 0xFB: 0, 0xFC: 0, 0xFE: 0}  # data bytes
_ONE_BYTE_MESSAGES = {0xC0, 0xD0}  # messages with one byte of data instead of two
_SILENCING = {120, 123, 124, 125, 126, 127}  # controllers that end all notes of a channel
_END_MARK = 0x2F
_NUMBER_BYTES = 4
_METRE_BYTES = 2
_MAX_DATA = 127  # of what a data byte says


class Event(NamedTuple):
    """A key that goes down (velocity above 0) or up, a silenced channel, or a metre."""

    tick: int
    kind: int  # NOTE, SILENCE or METRE
    channel: int
    key: int  # of a metre: the bar's length in quarter notes, times 32
    velocity: int


class Track(NamedTuple):
    """One track: its events in time, and the tick at which it ends."""

    events: list[Event]
    end: int


class MidiFile(NamedTuple):
    """Format (0, 1 or 2), ticks in a quarter note, tracks, and notes on oddities."""

    format: int
    division: int
    tracks: list[Track]
    notes: tuple[str, ...]


def is_midi(data: bytes) -> bool:
    """Return whether bytes are meant as a MIDI file, whatever is wrapped around it."""
    return data.startswith((b"MThd", b"RIFF", b"SMF2CLIP")) or data.find(_HEADER_START, 0, _MAX_PREFIX_BYTES) > 0


def read_events(data: bytes) -> MidiFile:
    """Return the tracks of a MIDI file of format 0, 1 or 2.

    Raises:
        RejectedError: no MIDI file, damaged, or timed by seconds.
    """
    data, notes = _unwrap(data)
    if not data.startswith(b"MThd"):
        raise RejectedError("not a score", "no MIDI file")
    if len(data) < _HEADER:
        raise RejectedError("truncated", Message(code="header_bytes", values={"bytes": len(data), "wanted": _HEADER}))
    length, form, announced, division = struct.unpack_from(">IHHH", data, 4)
    if division & 0x8000:
        frames = 256 - (division >> 8)
        raise RejectedError("unsupported format", Message(code="midi_by_seconds", values={"frames": frames}))
    if not division or form > 2:  # noqa: PLR2004 - formats 0, 1 and 2
        problem = Message(code="midi_of_format", values={"format": form})
        raise RejectedError("unsupported format", problem if division else "a MIDI file of 0 ticks in a quarter note")
    tracks, track_notes = _read_tracks(data, 8 + length, announced)
    return MidiFile(form, division, tracks, (*notes, *track_notes))


def _unwrap(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """Return the MIDI file in a RIFF file or behind a few other bytes, and notes."""
    if data.startswith(b"SMF2CLIP"):
        raise RejectedError("unsupported format", "a MIDI 2.0 clip file; MIDI 1.0 is read")
    if data.startswith(b"RIFF"):
        if data[8:12] != b"RMID":
            raise RejectedError("not a score", Message(code="riff_of", values={"kind": repr(data[8:12])}))
        place = 12
        while place + 8 <= len(data):
            size = int.from_bytes(data[place + 4 : place + 8], "little")
            if data.startswith(b"data", place):
                return data[place + 8 : place + 8 + size], ("unwrapped from RIFF",)
            place += 8 + size + size % 2
        raise RejectedError("truncated", "RIFF without its MIDI file")
    if (start := data.find(_HEADER_START, 0, _MAX_PREFIX_BYTES)) > 0:
        return data[start:], ("with bytes before the MIDI header, passed over",)
    return data, ()


def _read_tracks(data: bytes, place: int, announced: int) -> tuple[list[Track], list[str]]:
    """Return the tracks by their lengths, or by end marks where lengths are wrong."""
    try:
        tracks, notes, is_doubtful = _read_tracks_by_length(data, place, announced)
        if not is_doubtful:
            return tracks, notes
    except RejectedError:
        if by_mark := _read_tracks_by_mark(data, place, announced):
            return by_mark, ["with a MIDI track of another length than announced"]
        raise
    if by_mark := _read_tracks_by_mark(data, place, announced):
        return by_mark, ["with a MIDI track of another length than announced"]
    return tracks, notes


def _read_tracks_by_length(data: bytes, place: int, announced: int) -> tuple[list[Track], list[str], bool]:
    """Return tracks, notes, and whether the last track is doubtful.

    It has neither an end mark nor the end of the file then.
    """
    spans, notes, place = _find_track_chunks(data, place, announced)
    readers = [_TrackReader(data, start, end) for start, end in spans]
    for reader in readers:
        reader.read_all()
        if not reader.ended:
            notes.append("with a MIDI track that has no end mark")
        elif reader.place < reader.end:
            notes.append("with bytes behind the end mark of a MIDI track, passed over")
        if reader.clipped:
            if reader.place < reader.end or not reader.ended:
                raise reader.damage_error("no end of a track, which has data above 127 too")
            notes.append("with MIDI data above 127, taken for 127")
    is_doubtful = bool(readers) and not readers[-1].ended and place < len(data)
    return [reader.track for reader in readers], list(dict.fromkeys(notes)), is_doubtful


def _find_track_chunks(data: bytes, place: int, announced: int) -> tuple[list[tuple[int, int]], list[str], int]:
    """Return the spans of the tracks' events, notes, and the end of the last chunk."""
    spans: list[tuple[int, int]] = []
    notes: list[str] = []
    others = 0  # chunks of other kinds; some writers count them among the tracks
    while place + 8 <= len(data):
        kind, length = data[place : place + 4], int.from_bytes(data[place + 4 : place + 8])
        start, end = place + 8, place + 8 + length
        if kind == _TRACK:
            if end > len(data) and len(spans) < announced:
                available = len(data) - start
                raise RejectedError(
                    "truncated", Message(code="track_bytes", values={"announced": length, "there": available})
                )
            if end > len(data):
                break
            spans.append((start, end))
            place = end
        elif kind.isalnum() and kind != b"MThd" and end <= len(data):
            notes.append("with chunks that are no MIDI tracks, passed over")
            others += 1
            place = end
        elif len(spans) < announced and (after := data.find(_TRACK, place)) >= 0:
            notes.append("with bytes between MIDI tracks, passed over")
            place = after
        else:
            break
    if len(spans) + others < announced:
        raise RejectedError(
            "truncated", Message(code="tracks_there", values={"announced": announced, "there": len(spans)})
        )
    if len(spans) > announced:
        notes.append("with more MIDI tracks than announced")
    if place < len(data):
        notes.append("with bytes behind the last MIDI track, passed over")
    return spans, notes, place


def _read_tracks_by_mark(data: bytes, place: int, announced: int) -> list[Track]:
    """Return the announced tracks, each up to its end mark; none where that fails."""
    tracks: list[Track] = []
    while len(tracks) < announced:
        if not data.startswith(_TRACK, place):
            return []
        reader = _TrackReader(data, place + 8, len(data))
        try:
            reader.read_all()
        except RejectedError:
            return []
        if reader.clipped or not reader.ended:
            return []
        tracks.append(reader.track)
        place = reader.place
    return tracks


class _TrackReader:
    """Read the events of one track, which stand between `place` and `end`."""

    def __init__(self, data: bytes, place: int, end: int) -> None:
        self.data, self.place, self.end = data, place, end
        self.tick = self.status = 0
        self.events: list[Event] = []
        self.ended = self.clipped = False

    @property
    def track(self) -> Track:
        """Return what was read."""
        return Track(self.events, self.tick)

    def read_all(self) -> None:
        """Read until the end mark, or the end.

        Raises:
            RejectedError: an event goes on behind the end, or it is none.
        """
        try:
            while self.place < self.end and not self.ended:
                self._read_event()
        except IndexError:
            self.place = self.end + 1
        if self.place > self.end:
            raise RejectedError("truncated", "a track ends within an event")

    def _read_event(self) -> None:
        wait = self._read_number()  # which moves `place` on
        self.tick += wait
        status = self.data[self.place]
        if status & 0x80:
            self.place += 1
        else:
            status = self.status
        if status == _META:
            self._read_meta()
        elif status in _ESCAPES:
            size = self._read_number()
            self.place += size
        elif status >= _SYSTEM:
            if status not in _SYSTEM_SIZES:
                raise self.damage_error(Message(code="midi_no_status", values={"status": status}))
            self.place += _SYSTEM_SIZES[status]
        elif status:
            self.status = status
            self._read_message(status & 0xF0, status & 0x0F)
        else:
            raise self.damage_error("no event")

    def _read_message(self, kind: int, channel: int) -> None:
        key = self.data[self.place]
        value = 0 if kind in _ONE_BYTE_MESSAGES else self.data[self.place + 1]
        if key > _MAX_DATA and kind in {NOTE, _NOTE_OFF}:
            raise self.damage_error(Message(code="midi_no_key", values={"key": key}))
        self.clipped = self.clipped or key > _MAX_DATA or value > _MAX_DATA
        if kind in {NOTE, _NOTE_OFF}:
            velocity = min(value, _MAX_DATA) if kind == NOTE else 0
            self.events.append(Event(self.tick, NOTE, channel, key, velocity))
        elif kind == _CONTROLLER and key in _SILENCING:
            self.events.append(Event(self.tick, SILENCE, channel, 0, 0))
        self.place += 1 if kind in _ONE_BYTE_MESSAGES else 2

    def _read_meta(self) -> None:
        kind = self.data[self.place]
        self.place += 1
        size = self._read_number()
        if kind == METRE and size >= _METRE_BYTES:
            beats, unit = self.data[self.place], self.data[self.place + 1]
            self.events.append(Event(self.tick, METRE, 0, beats * 128 >> min(unit, 7), 0))
        self.ended = kind == _END_MARK
        self.place += size

    def _read_number(self) -> int:
        """Return a number of seven bits a byte."""
        value = 0
        for count in range(_NUMBER_BYTES):
            byte = self.data[self.place + count]
            value = value << 7 | byte & 0x7F
            if not byte & 0x80:
                self.place += count + 1
                return value
        raise self.damage_error(Message(code="midi_long_number", values={"bytes": _NUMBER_BYTES}))

    def damage_error(self, problem: str | Message) -> RejectedError:
        """Return the error for what stands at `place`."""
        return RejectedError("damaged", Message(code="midi_byte_is", values={"byte": self.place, "problem": problem}))
