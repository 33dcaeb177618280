"""MIDI files as the standard has them and as they are met, beside mido as an independent reader."""

import struct
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from artpipe.language.sentences import read_sentence
from artpipe.modalities.music.midi_events import is_midi, read_events
from artpipe.modalities.music.midi_reader import read_midi
from artpipe.modalities.music.score import Note, sample_steps
from artpipe.untrusted.rejection import RejectedError
from tests.hostile.midi_readers import compare_readers, midi, number, read_by_artpipe, read_by_mido, track

ON, OFF = bytes([0x90, 60, 80]), bytes([0x80, 60, 0])
QUARTER = track([(0, ON), (96, OFF)])
LYRIC = b"\xff\x05\x02la"


def on(pitch, channel=0):
    """Return a key that goes down."""
    return bytes([0x90 | channel, pitch, 80])


def off(pitch, channel=0):
    """Return a key that goes up."""
    return bytes([0x80 | channel, pitch, 0])


def seeds():
    """Return named files that both readers understand."""
    melody = [(0, on(60)), (96, off(60)), (0, on(64)), (96, off(64)), (0, on(67)), (48, bytes([67, 0]))]
    other = [(0, b"\xff\x58\x04\4\2\x18\x08"), (0, b"\xff\x51\x03\7\xa1\x20"), (0, b"\xc1\x05"), (0, on(48, 1)), (192, off(48, 1))]  # fmt: skip
    messy = [(0, b"\xf0\x03\x7e\x7f\xf7"), (3, on(60)), (0, b"\xb0\x40\x7f"), (96, b"\x90\x3c\0"), (0, b"\xe0\0\x40"), (5, b"\xb0\x7b\0")]  # fmt: skip
    return [
        ("one track", midi(track(melody), form=0)),
        ("two tracks", midi(track(other), track(melody))),
        ("messages", midi(track(messy), track(other), track(melody, end=300))),
        ("running", midi(track([(0, on(60)), *((24, bytes([60 + n // 2, 80 * (n % 2)])) for n in range(1, 40))]))),
    ]


KEYS = st.integers(0, 127)
CHANNELS = st.integers(0, 15)
PLAYED = st.builds(lambda kind, channel, key, value: bytes([kind | channel, key, value]), st.sampled_from([0x80, 0x90, 0xA0, 0xB0, 0xE0]), CHANNELS, KEYS, KEYS)  # fmt: skip
CHANGED = st.builds(lambda kind, channel, key: bytes([kind | channel, key]), st.sampled_from([0xC0, 0xD0]), CHANNELS, KEYS)  # fmt: skip
SPOKEN = st.builds(lambda kind, text: bytes([0xFF, kind]) + number(len(text)) + text, st.integers(1, 7), st.binary(max_size=200))  # fmt: skip
EXCLUSIVE = st.builds(lambda text: b"\xf0" + number(len(text) + 1) + bytes(one & 0x7F for one in text) + b"\xf7", st.binary(max_size=200))  # fmt: skip
UNKNOWN = st.binary(max_size=9).map(lambda text: b"\xff\x60" + number(len(text)) + text)  # mido loses their time
WAITS = st.integers(0, 1 << 20)
TIMED = st.tuples(WAITS, st.one_of(PLAYED, PLAYED, CHANGED, SPOKEN, EXCLUSIVE))
EVENTS = st.lists(st.one_of(TIMED, TIMED, st.tuples(st.just(0), UNKNOWN)), max_size=30)


def running(events):
    """Return events without the status bytes that a standard writer leaves out."""
    status, shorter = 0, []
    for wait, data in events:
        shorter.append((wait, data[1:] if data[0] == status else data))
        status = data[0] if data[0] < 0xF0 else 0
    return shorter


@given(st.lists(EVENTS, min_size=1, max_size=4), st.booleans(), st.integers(0, 500))
def test_valid_files_are_read_as_mido_reads_them(tracks, compact, end):
    """Every key, channel and tick of whatever valid events, with running status and without."""
    data = midi(*(track(running(events) if compact else events, end) for events in tracks))
    assert read_by_artpipe(data) == read_by_mido(data)
    assert read_events(data).notes == ()
    assert [read.end for read in read_events(data).tracks] == [sum(wait for wait, _ in one) + end for one in tracks]


@given(st.sampled_from(seeds()), st.integers(0, 400), st.binary(max_size=8), st.integers(0, 8))
def test_broken_files_are_never_read_otherwise_than_by_mido(seed, place, put, cut):
    """Bytes exchanged, put in or cut out: where both read a file by its announced lengths, they read the same."""
    data = seed[1]
    data = data[:place] + put + data[place + cut :]
    word, ours, theirs = compare_readers(data)
    if word == "differ":
        assert read_events(data).notes, (ours, theirs)


def test_a_status_byte_outlasts_lyrics_and_exclusive_messages():
    """Notes go on under running status behind a meta event and behind a system exclusive one."""
    events = [(0, on(60)), (96, bytes([60, 0])), (0, LYRIC), (0, bytes([62, 80])), (96, bytes([62, 0]))]
    events += [(0, b"\xf0\x02\x7e\xf7"), (0, bytes([64, 80])), (96, bytes([64, 0]))]
    score = read_midi(midi(track(events)), 1)
    assert [note.pitch for note in score.voices[0]] == [60, 62, 64]
    assert score.notes == ()


@pytest.mark.parametrize(
    "tail", [b"\r\nSaved from a page\r\n", bytes(100), b"\x1a", b"MTrk", b"Down" * 9, midi(QUARTER)]
)
def test_bytes_behind_the_last_track_are_passed_over(tail):
    """What a download or padding left there changes nothing but a note."""
    score = read_midi(midi(QUARTER) + tail, 1)
    assert score.voices == [[Note(0, 1, 60)]]
    assert score.notes == ("with bytes behind the last MIDI track, passed over",)


def test_chunks_of_other_kinds_are_passed_over():
    """A chunk before, between and behind tracks is none of them."""
    other = b"XFIH" + struct.pack(">I", 3) + b"abc"
    score = read_midi(midi(other + QUARTER, other + QUARTER + other), 2)
    assert score.voices == [[Note(0, 1, 60)]] * 2
    assert score.notes == ("with chunks that are no MIDI tracks, passed over",)


def wrapped(data, before=b""):
    """Return a file in RIFF."""
    inner = b"RMID" + before + b"data" + struct.pack("<I", len(data)) + data + bytes(len(data) % 2)
    return b"RIFF" + struct.pack("<I", len(inner)) + inner


def test_a_file_in_riff_or_behind_a_few_bytes_is_unwrapped():
    """RIFF with other chunks before the data, and MacBinary's header."""
    listed = b"LIST" + struct.pack("<I", 3) + b"abc\0"
    for data in (wrapped(midi(QUARTER)), wrapped(midi(QUARTER), listed)):
        assert is_midi(data)
        assert read_midi(data, 1).notes == ("unwrapped from RIFF",)
    data = bytes(65) + b"Midi" + bytes(59) + midi(QUARTER)
    assert is_midi(data)
    assert read_midi(data, 1).notes == ("with bytes before the MIDI header, passed over",)


def test_pieces_of_format_2_follow_each_other():
    """Each track is a piece, which begins where the one before ends; bars begin there too."""
    tracks = [track([(0, on(pitch)), (96, off(pitch))], end=96) for pitch in (60, 64)]
    score = read_midi(midi(*tracks, form=2), 1)
    assert score.voices == [[Note(0, 1, 60), Note(2, 3, 64)]]
    assert score.bars == {2}
    assert "of MIDI format 2, its pieces one after the other" in score.notes
    assert [cells for _, cells in sample_steps(read_midi(midi(*tracks, form=2), 0), 1, 0)] == [[60], [], [64]]


def test_format_2_of_other_voices_is_told_as_such():
    """Four pieces of one voice are no piece of four voices."""
    with pytest.raises(RejectedError) as caught:
        read_midi(midi(*[QUARTER] * 4, form=2), 4)
    assert caught.value.reason == "other voices"
    assert (
        read_sentence(caught.value.detail)
        == "1 voice in each of the 4 pieces of a MIDI file of format 2, 4 are wanted (`ingest.voices`)"
    )


def test_a_note_without_an_end_lasts_as_long_as_its_track():
    """The end of the track is where its end mark stands, however far the others go on."""
    longer = track([(0, on(72)), (960, off(72))])
    score = read_midi(midi(track([(0, on(60))], end=192), longer), 2)
    assert score.voices[1] == [Note(0, 2, 60)]
    assert score.notes == ("with notes without an end, which last as long as their MIDI track",)
    lost = read_midi(midi(track([(0, on(60)), (96, off(60)), (0, on(62))])), 1)
    assert lost.voices == [[Note(0, 1, 60)]]
    assert lost.notes == ("with notes that begin where their MIDI track ends, left out",)


@pytest.mark.parametrize("off_by", [-5, -4, -1, 1, 4, 5, 8, 12, 1 << 30])
@pytest.mark.parametrize("which", [0, 1])
def test_a_wrong_length_gives_way_to_the_end_mark(off_by, which):
    """A track that is longer or shorter than it says, the first or the last of a file."""
    wrong = b"MTrk" + struct.pack(">I", len(QUARTER) - 8 + off_by) + QUARTER[8:]
    tracks = [QUARTER, QUARTER]
    tracks[which] = wrong
    score = read_midi(midi(*tracks), 2)
    assert score.voices == [[Note(0, 1, 60)]] * 2
    assert score.notes


def test_a_track_may_lack_its_end_mark():
    """It ends with its last event, and that is noted."""
    score = read_midi(midi(track([(0, ON), (96, OFF)], mark=False), QUARTER), 2)
    assert score.voices == [[Note(0, 1, 60)]] * 2
    assert score.notes == ("with a MIDI track that has no end mark",)


def test_a_chunk_counted_among_the_tracks_is_none():
    """Some writers count a chunk of their own; the tracks are all there."""
    other = b"XFIH" + struct.pack(">I", 3) + b"abc"
    assert len(read_midi(midi(QUARTER, other, QUARTER), 2).voices) == 2
    with pytest.raises(RejectedError, match="4 tracks announced, 2 are there"):
        read_midi(midi(QUARTER, other, QUARTER, announced=4), 2)


def test_more_tracks_than_announced_are_read():
    """The header's number is wrong, not the music."""
    score = read_midi(midi(QUARTER, QUARTER, announced=1), 2)
    assert len(score.voices) == 2
    assert score.notes == ("with more MIDI tracks than announced",)


def test_one_pitch_that_overlaps_itself_sounds_to_its_last_end():
    """Struck again while it sounds: two notes without a gap, the second as long as the longer one was meant."""
    both = [(0, on(60)), (48, on(60)), (48, off(60)), (96, off(60))]
    assert read_midi(midi(track(both)), 1).voices == [[Note(0, Fraction(1, 2), 60), Note(Fraction(1, 2), 2, 60)]]
    doubled = [(0, on(60)), (0, on(60)), (96, off(60)), (96, on(60)), (96, off(60))]
    assert read_midi(midi(track(doubled)), 1).voices == [[Note(0, 1, 60), Note(2, 3, 60)]]


def test_velocity_zero_and_all_notes_off_end_notes():
    """Both are ends by the standard; a tempo of nothing changes nothing, since music is counted in quarters."""
    events = [(0, b"\xff\x51\x03\0\0\0"), (0, on(60)), (96, b"\x90\x3c\0"), (0, on(62)), (0, on(64)), (96, b"\xb0\x7b\0")]  # fmt: skip
    assert read_midi(midi(track(events, end=500)), 1).voices == [[Note(0, 1, 60), Note(1, 2, 62), Note(1, 2, 64)]]


@pytest.mark.parametrize(
    ("data", "reason", "detail"),
    [
        (midi(QUARTER, division=0xE728), "unsupported format", "timed by seconds (25 frames each)"),
        (midi(QUARTER, division=0), "unsupported format", "0 ticks in a quarter note"),
        (midi(QUARTER, form=47), "unsupported format", "format 47"),
        (b"SMF2CLIP" + bytes(20), "unsupported format", "MIDI 2.0"),
        (b"RIFF\4\0\0\0WAVE", "not a score", "RIFF of b'WAVE'"),
        (b"RIFF\4\0\0\0RMID", "truncated", "RIFF without its MIDI file"),
        (midi(track([(0, b"\x90\xbc\x50")])), "damaged", "188, which is no key"),
        (midi(track([(0, b"\x3c\x50")])), "damaged", "no event"),
        (midi(track([(0, b"\xf4")])), "damaged", "0xf4, which is no status"),
        (midi(b"MTrk\0\0\0\5\xff\xff\xff\xff\x7f"), "damaged", "a number of more than 4 bytes"),
    ],
)
def test_what_no_reader_understands_is_refused(data, reason, detail):
    """Each with what is there, never as another piece."""
    with pytest.raises(RejectedError) as caught:
        read_midi(data, 1)
    assert caught.value.reason == reason
    assert detail in read_sentence(caught.value.detail)


def test_a_velocity_beyond_127_is_clipped():
    """Some writers leave them; the note is there all the same."""
    score = read_midi(midi(track([(0, b"\x90\x3c\xbc"), (96, OFF)])), 1)
    assert score.voices == [[Note(0, 1, 60)]]
    assert score.notes == ("with MIDI data above 127, taken for 127",)
    with pytest.raises(RejectedError, match="data above 127"):
        read_midi(midi(track([(0, b"\x90\x3c\xbc"), (96, OFF)], mark=False)), 1)
