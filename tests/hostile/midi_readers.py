"""Our reader of MIDI files beside mido's, file by file: `python tests/hostile/midi_readers.py COUNT`."""

import io
import random
import re
import struct
import sys
import types
from collections import Counter
from pathlib import Path

import mido

from artpipe.modalities.music.midi_events import NOTE, SILENCE, read_events
from artpipe.untrusted.rejection import RejectedError

SILENCING = {120, 123, 124, 125, 126, 127}


def number(value):
    """Return a number of seven bits a byte."""
    out = bytes([value & 0x7F])
    while value := value >> 7:
        out = bytes([value & 0x7F | 0x80]) + out
    return out


def track(events, end=0, mark=True):
    """Return a track of pairs of wait and bytes; it ends `end` ticks behind the last one."""
    body = b"".join(number(wait) + data for wait, data in events) + (number(end) + b"\xff\x2f\0" if mark else b"")
    return b"MTrk" + struct.pack(">I", len(body)) + body


def midi(*tracks, form=1, division=96, announced=None):
    """Return a file of tracks."""
    count = len(tracks) if announced is None else announced
    return b"MThd" + struct.pack(">IHHH", 6, form, count, division) + b"".join(tracks)


def read_by_mido(data):
    """Return the keys of every track as mido reads them: (tick, channel, key, velocity), key -1 for silence."""
    tracks = []
    for messages in mido.MidiFile(file=io.BytesIO(data)).tracks:
        tick, keys = 0, []
        for message in messages:
            tick += message.time
            if message.type in {"note_on", "note_off"}:
                keys.append((tick, message.channel, message.note, message.velocity if message.type == "note_on" else 0))
            elif message.type == "control_change" and message.control in SILENCING:
                keys.append((tick, message.channel, -1, 0))
        tracks.append(keys)
    return tracks


def read_by_artpipe(data):
    """Return the same as our reader reads it."""
    return [
        [
            (piece.tick, piece.channel, piece.key if piece.kind == NOTE else -1, piece.velocity)
            for piece in read.events
            if piece.kind in {NOTE, SILENCE}
        ]
        for read in read_events(data).tracks
    ]


def compare_readers(data):
    """Return what both make of a file: `same`, `differ`, or who refuses it."""
    try:
        ours = read_by_artpipe(data)
    except RejectedError as error:
        ours = error
    try:
        theirs = read_by_mido(data)
    except (OSError, EOFError, ValueError, LookupError, TypeError, mido.midifiles.meta.KeySignatureError) as error:
        theirs = error
    refused = isinstance(ours, Exception), isinstance(theirs, Exception)
    if refused == (False, False) and ours != theirs and loses_time(data):
        return "mido loses the time of unknown meta events", ours, theirs
    word = {(True, True): "both refuse", (True, False): "we refuse", (False, True): "mido refuses"}.get(refused)
    return word or ("same" if ours == theirs else "differ"), ours, theirs


def loses_time(data):
    """Return whether a file has meta events that mido 1.3.3 does not know: it reads them as if they took no time."""
    tracks = mido.MidiFile(file=io.BytesIO(data)).tracks
    return any(message.type == "unknown_meta" for messages in tracks for message in messages)


def main():
    """Print how many of the fuzz set's files both read alike, and the reasons of those they do not."""
    package = types.ModuleType("tests")  # a library installs a package of that name
    package.__path__ = [str(Path(__file__).parents[1])]
    sys.modules["tests"] = package
    from tests.hostile.test_fuzz_inputs import SEED, music, mutated
    from tests.unit.modalities.music.test_midi_reader import seeds

    rng, tally = random.Random(f"{SEED} midi"), Counter()
    files = [*seeds(), ("fuzz set", music()[0])]
    for _ in range(int(sys.argv[1])):
        name, valid = rng.choice(files)
        data = mutated(valid, rng)
        word, ours, theirs = compare_readers(data)
        tally[word] += 1
        reason = f"ours {ours}" if isinstance(ours, Exception) else f"mido {theirs!r}" if word != "differ" else ""
        if word not in {"same", "both refuse"}:
            tally[f"  {word}: {re.sub('[0-9]+', 'N', reason)[:90]}"] += 1
        if word == sys.argv[-1]:
            print(name, ours, theirs, data, sep="\n  ")
    for word, count in sorted(tally.items(), key=lambda item: (item[0].startswith(" "), -item[1]))[:60]:
        print(f"{count:7,} {word}")


if __name__ == "__main__":
    main()
