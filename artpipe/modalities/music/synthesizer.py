"""Synthesize a choir of sine waves as a WAV file.

Each voice is a sum of harmonics shaped by a vowel's formants, with reverb.
"""

import io
import math
import wave
from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor

from artpipe.modalities.music.performance import TEMPO, step_durations
from artpipe.modalities.music.piano_roll import collect_tones
from artpipe.modalities.music.tokens import Step

SAMPLE_RATE = 22_050  # samples a second
_HARMONICS = 16
_FORMANTS = ((620.0, 110.0, 1.0), (1050.0, 160.0, 0.45), (2500.0, 260.0, 0.12))  # of an "ah": hertz, width, level
_BASE_LEVEL = 0.16  # of the level of a harmonic that no formant lifts
_ATTACK, _RELEASE = 0.07, 0.22  # seconds
_VIBRATO = (4.8, 0.0016, 0.35)  # hertz, depth as a share of the pitch, seconds until it is there
_SINGERS = (-3.2, 0.0, 3.7)  # cents that the singers of a voice are apart
_REVERB_SECONDS, _REVERB_LEVEL = 1.5, 0.3  # seconds until its echo is 60 dB lower; its level
_PEAK = 0.85  # of the whole range
_VOICES = (1.0, 0.8, 0.8, 0.95)  # levels, from the highest voice


def synthesize_wav(steps: Sequence[Step], grid: int, tempo: float = TEMPO) -> bytes:
    """Return the WAV file (mono, 16 bits, `SAMPLE_RATE`) of a piece."""
    return encode_wav(synthesize(steps, grid, tempo))


def synthesize(steps: Sequence[Step], grid: int, tempo: float = TEMPO) -> Tensor:
    """Return the sound of a piece ``(N,)``, within ±`_PEAK`, its reverb faded out."""
    places = [round(time * SAMPLE_RATE) for time in accumulate(step_durations(steps, grid, tempo), initial=0.0)]
    sound = torch.zeros(places[-1] + round((_RELEASE + _REVERB_SECONDS) * SAMPLE_RATE))
    for note in collect_tones(steps):
        start, end = places[note.start], places[note.end]
        note_sound = synthesize_tone(
            440 * 2 ** ((note.pitch - 69) / 12), (end - start) / SAMPLE_RATE, note.start + 97 * note.voice
        )
        sound[start : start + len(note_sound)] += note_sound * _VOICES[min(note.voice, len(_VOICES) - 1)]
    sound = _add_reverb(sound)
    fade = min(len(sound), SAMPLE_RATE // 2)
    sound[-fade:] *= torch.linspace(1, 0, fade)
    loudest = float(sound.abs().max())
    return sound.mul(_PEAK / max(loudest, 1e-6))


def synthesize_tone(hertz: float, seconds: float, seed: int = 0) -> Tensor:
    """Return one note of a few singers ``(N,)``.

    It sounds for `seconds` and dies away after them.
    """
    time = torch.arange(round((seconds + _RELEASE) * SAMPLE_RATE), dtype=torch.float64) / SAMPLE_RATE
    rate, depth, until = _VIBRATO
    generator = torch.Generator().manual_seed(seed)
    singer_hertz = hertz * 2 ** (torch.tensor(_SINGERS, dtype=torch.float64)[:, None] / 1200)
    start, turn = (torch.rand(len(_SINGERS), 2, generator=generator, dtype=torch.float64) * 2 * math.pi).unbind(1)
    swing = (time / until).clamp(max=1) * depth / rate * torch.sin(2 * math.pi * rate * time + turn[:, None])
    phase = (2 * math.pi * singer_hertz * time + singer_hertz * swing + start[:, None]).remainder(2 * math.pi).float()
    sound = _sum_harmonics(phase, singer_hertz[:, 0].tolist())
    rise = (time / _ATTACK).clamp(max=1)
    fall = ((seconds + _RELEASE - time) / _RELEASE).clamp(0, 1)
    envelope = torch.sin(rise * math.pi / 2).square() * torch.sin(fall * math.pi / 2).square()
    return sound * envelope.float() / len(_SINGERS)


def _sum_harmonics(phases: Tensor, hertz: Sequence[float]) -> Tensor:
    """Return the sum of all harmonics of all singers ``(N,)``; phases are ``(S, N)``.

    Each harmonic follows from the two before: sin(n x) = 2 cos(x) sin((n - 1) x) - sin((n - 2) x).
    """
    twice_cosine, before, harmonic = 2 * phases.cos(), torch.zeros_like(phases), phases.sin()
    sound = torch.zeros_like(phases)
    counts = [min(_HARMONICS, int(0.45 * SAMPLE_RATE / one)) for one in hertz]
    for number in range(1, max(counts) + 1):
        levels = [
            _harmonic_level(number, one) if number <= count else 0.0 for one, count in zip(hertz, counts, strict=True)
        ]
        sound.addcmul_(torch.tensor(levels)[:, None], harmonic)
        before, harmonic = harmonic, before.neg_().addcmul_(twice_cosine, harmonic)
    return sound.sum(0)


def _harmonic_level(number: int, hertz: float) -> float:
    """Return the level of a harmonic.

    It falls like a voice's source and is lifted where the vowel resounds.
    """
    lifted = sum(level / (1 + ((number * hertz - middle) / width) ** 2) for middle, width, level in _FORMANTS)
    return (_BASE_LEVEL + lifted) / number**0.9 if number > 1 else 0.75


def _add_reverb(sound: Tensor) -> Tensor:
    """Add the reverb of a room: noise that dies away, treble sooner (Moorer 1979)."""
    generator = torch.Generator().manual_seed(1)
    time = torch.arange(round(_REVERB_SECONDS * SAMPLE_RATE)) / SAMPLE_RATE
    noise = torch.randn(len(time), generator=generator) * 10 ** (-3 * time / _REVERB_SECONDS)
    noise[: SAMPLE_RATE // 80] = 0  # the direct sound comes first
    noise = torch.nn.functional.avg_pool1d(noise[None, None], 5, 1, 2)[0, 0]
    size = 1 << (len(sound) + len(noise)).bit_length()
    echo: Tensor = torch.fft.irfft(torch.fft.rfft(sound, size) * torch.fft.rfft(noise / noise.norm(), size), size)
    return sound + _REVERB_LEVEL * echo[: len(sound)]


def encode_wav(sound: Tensor) -> bytes:
    """Return the WAV file of samples ``(N,)`` in [-1, 1]."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((sound.clamp(-1, 1) * 32767).round().to(torch.int16).numpy().astype("<i2").tobytes())
    return buffer.getvalue()
