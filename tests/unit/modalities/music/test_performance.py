"""Music played: MIDI files to the byte, the time of each step, the sound of a note, the picture of a piece."""

import contextlib
import io
import wave

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from artpipe.modalities.music.midi_reader import read_midi
from artpipe.modalities.music.performance import TEMPO, encode_midi, step_durations
from artpipe.modalities.music.piano_roll import Tone, collect_tones, draw_piano_roll
from artpipe.modalities.music.score import Note, sample_steps
from artpipe.modalities.music.synthesizer import (
    SAMPLE_RATE,
    _harmonic_level,
    _sum_harmonics,
    synthesize,
    synthesize_tone,
    synthesize_wav,
)
from artpipe.modalities.music.tokens import BAR, FERMATA, HELD, Step
from artpipe.untrusted.rejection import RejectedError

CHORD = [72, 67, 64, 48]


def test_the_bytes_of_a_midi_file():
    """Two quarters of 60 by hand: header, delta times in seven bits, running status, a velocity of 0 ends a note."""
    track = bytes.fromhex("00903c40 83603c00 00 3e40 83603e00 00ff2f00")
    data = b"MThd" + bytes.fromhex("00000006 0000 0001 01e0") + b"MTrk" + len(track).to_bytes(4) + track
    assert read_midi(data, 1).voices == [[Note(0, 1, 60), Note(1, 2, 62)]]
    for torn, reason in ((data[:-5], "truncated"), (b"MThd", "truncated"), (b"RIFF" + data[4:], "not a score")):
        with pytest.raises(RejectedError, match=reason):
            read_midi(torn, 1)


@given(st.binary(max_size=200))
def test_any_track_ends(track):
    """Whatever stands in a track, it is read or refused."""
    data = b"MThd" + bytes.fromhex("00000006 0000 0001 01e0") + b"MTrk" + len(track).to_bytes(4) + track
    with contextlib.suppress(RejectedError):
        assert all(note.end > note.start for voice in read_midi(data, 1).voices for note in voice)


def test_what_is_played_comes_back():
    """A piece of four voices, its MIDI file read again: the same steps; metre and fermatas are no notes."""
    piece = [Step(0, [72, 67, 64, 48]), Step(0, [72 + HELD, 65, 62, 47]), Step(0, [72, 67 + 0, 64, 48])]
    again = sample_steps(read_midi(encode_midi(piece, 2), 4), 2, 4)
    assert again == piece
    assert encode_midi(piece, 2)[8:14] == bytes.fromhex("0001 0005 01e0")  # format 1: tempi, then four voices


def test_a_metre_draws_bar_lines():
    """Three quarters a bar, from the meta event; the first bar line stands where the second bar begins."""
    track = bytes.fromhex("00ff58040302180800903c409b403c0000ff2f00")  # 3/4, then a note of 7.33 quarters
    data = b"MThd" + bytes.fromhex("00000006 0000 0001 01e0") + b"MTrk" + len(track).to_bytes(4) + track
    assert read_midi(data, 1).bars == {3, 6}


def test_playing_time():
    """A quarter at the tempo takes 60 / tempo; a fermata's beat takes longer, the end slows down."""
    plain = [Step(0, [60])] * 20
    held = [*plain[:5], Step(FERMATA, [60]), *plain[6:]]
    assert step_durations(plain, 1)[0] == pytest.approx(60 / TEMPO)
    assert step_durations(held, 1)[5] == pytest.approx(1.75 * 60 / TEMPO)
    assert step_durations(plain, 1)[-1] > step_durations(plain, 1)[-2] > step_durations(plain, 1)[0]


def test_the_sound_of_a_note():
    """The A of 440 Hz has its highest peak there, whoever of the singers is a little off, and the next at its octave."""
    sound = synthesize_tone(440.0, 2.0)
    spectrum = torch.fft.rfft(sound * torch.hann_window(len(sound))).abs()
    hertz = float(spectrum.argmax()) * SAMPLE_RATE / len(sound)
    assert hertz == pytest.approx(440, abs=1.5)
    assert sound[0] == 0
    assert float(sound[-100:].abs().max()) < 1e-3


def test_harmonics_are_sines_of_multiples():
    """What follows from the two harmonics before is sin(n x), by its level, to less than a step of 16 bits."""
    phases = torch.rand(2, 500, dtype=torch.float64) * 6.28
    hertz = [300.0, 2000.0]
    expected = sum(
        _harmonic_level(number, one) * torch.sin(number * phases[row])
        for row, one in enumerate(hertz)
        for number in range(1, min(16, int(0.45 * SAMPLE_RATE / one)) + 1)
    )
    assert (_sum_harmonics(phases.float(), hertz) - expected).abs().max() < 1e-4


def test_a_piece_neither_clips_nor_clicks():
    """The loudest sample stays below the range's end, it begins and ends in silence, and nothing jumps."""
    steps = [Step(0, CHORD), Step(0, [pitch + HELD for pitch in CHORD]), Step(0, [71, 67, 62, 55])]
    sound = synthesize(steps, 2)
    assert float(sound.abs().max()) == pytest.approx(0.85)
    assert max(float(sound[0].abs()), float(sound[-1].abs())) < 1e-3
    assert float(sound.diff().abs().max()) < 0.35
    with wave.open(io.BytesIO(synthesize_wav(steps, 2))) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate(), file.getnframes()) == (
            1,
            2,
            SAMPLE_RATE,
            len(sound),
        )
        assert np.abs(np.frombuffer(file.readframes(SAMPLE_RATE), "<i2")).max() < 2**15 * 0.86


def test_notes_of_a_piece():
    """What goes on is one note; what goes on without a beginning begins there; the silent have none."""
    steps = [Step(0, [60, 48 + HELD]), Step(0, [60 + HELD, 48]), Step(0, [0, 48 + HELD])]
    assert collect_tones(steps) == [Tone(0, 0, 2, 60), Tone(1, 0, 1, 48), Tone(1, 1, 3, 48)]


def test_a_roll_has_a_colour_for_each_voice():
    """Four voices, four colours; the highest above the lowest; no notes: paper."""
    picture = draw_piano_roll([Step(BAR, CHORD)] * 32, 2, 400, 200)
    assert (picture.shape, picture.dtype) == ((3, 200, 400), torch.uint8)
    found = {}
    for name, colour in (("soprano", (191, 90, 67)), ("bass", (62, 88, 128))):
        rows = (picture == torch.tensor(colour, dtype=torch.uint8)[:, None, None]).all(0).any(1).nonzero()
        found[name] = float(rows.float().mean())
    assert found["soprano"] < found["bass"]
    assert int(draw_piano_roll([], 2, 64, 64).min()) > 200
