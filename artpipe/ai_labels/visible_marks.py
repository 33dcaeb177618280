"""Marks that a person sees or hears in the file itself.

"AI生成" below a picture and on a film, AI in Morse before a sound.

The signs are drawn as strokes, so no font is needed.
"""

import io
import tempfile
import wave
from array import array
from collections.abc import Sequence
from math import pi, sin
from pathlib import Path
from typing import TYPE_CHECKING

from artpipe.errors import CorruptError
from artpipe.system.ffmpeg import find_ffmpeg
from artpipe.system.processes import run_child

if TYPE_CHECKING:
    from PIL import Image

_ENCODER_SECONDS = 300.0
Stroke = Sequence[tuple[int, int]]
# Each sign in a square of 100, as lines.
_SIGNS: Sequence[Sequence[Stroke]] = (
    (((8, 92), (50, 8), (92, 92)), ((25, 62), (75, 62))),  # A
    (((50, 8), (50, 92)), ((28, 8), (72, 8)), ((28, 92), (72, 92))),  # I
    (((30, 8), (12, 42)), ((24, 28), (88, 28)), ((20, 58), (82, 58)), ((6, 92), (94, 92)), ((52, 6), (52, 92))),  # 生
    (
        ((16, 26), (90, 26)),
        ((18, 26), (17, 60), (6, 94)),
        ((18, 50), (46, 50), (43, 80), (32, 76)),
        ((54, 6), (58, 48), (72, 80), (92, 94), (94, 76)),
        ((84, 42), (70, 66), (46, 92)),
        ((70, 6), (82, 16)),
    ),  # 成
)
_SHARE = 0.06  # of the shorter side that a sign is high; the standard is said to ask for 0.05
_LEAST_HEIGHT = 14  # pixels of a sign
_LEAST_SIDE = 160  # pixels; a smaller picture is enlarged by a whole factor first
_MORSE = ".- .."
_DOT_SECONDS, _TONE_HERTZ, _LOUDNESS = 0.09, 700, 0.3


def mark_picture(data: bytes) -> bytes:
    """Return a PNG with a strip below the picture, whose pixels all stay.

    A small picture is enlarged by whole squares.

    Raises:
        CorruptError: it is no picture.
    """
    from PIL import Image

    try:
        with Image.open(io.BytesIO(data)) as opened:
            image = opened.convert("RGB")
    except Exception as error:  # noqa: BLE001 - Pillow raises far more than OSError on damaged files
        raise CorruptError(f"not a picture: {error}") from None
    factor = max(1, -(-_LEAST_SIDE // min(image.size)))
    image = image.resize((factor * image.width, factor * image.height), Image.Resampling.NEAREST)
    strip = draw_strip(image.width, choose_height(*image.size))
    marked = Image.new("RGB", (image.width, image.height + strip.height), "white")
    marked.paste(image, (0, 0))
    marked.paste(strip, (0, image.height))
    buffer = io.BytesIO()
    marked.save(buffer, "PNG")
    return buffer.getvalue()


def choose_height(width: int, height: int) -> int:
    """Return how high the signs are on a picture, in pixels."""
    return max(_LEAST_HEIGHT, round(_SHARE * min(width, height)))


def draw_strip(width: int, sign_height: int) -> "Image.Image":
    """Return a white strip with the signs at its right end, black."""
    from PIL import Image, ImageDraw

    margin, scale = sign_height // 2, 4
    strip = Image.new("L", (scale * width, scale * (sign_height + 2 * margin)), 255)
    draw, side = ImageDraw.Draw(strip), scale * sign_height
    step = round(1.15 * side)
    left = scale * width - scale * margin - 4 * step + (step - side)
    for place, strokes in enumerate(_SIGNS):
        for stroke in strokes:
            points = [(left + place * step + x * side / 100, scale * margin + y * side / 100) for x, y in stroke]
            draw.line(points, fill=0, width=max(1, round(0.09 * side)), joint="curve")
    return strip.resize((width, strip.height // scale), Image.Resampling.LANCZOS).convert("RGB")


def mark_film(data: bytes, metadata: str) -> bytes:
    """Return an MP4 with the signs in a corner, and `metadata` under the key AIGC.

    Raises:
        CorruptError: ffmpeg cannot read it.
    """
    ffmpeg = find_ffmpeg()
    if ffmpeg is None:
        raise CorruptError("a film cannot be marked without ffmpeg")
    with tempfile.TemporaryDirectory(prefix="artpipe-mark-") as folder:
        film, signs, marked = (Path(folder) / name for name in ("film.mp4", "signs.png", "marked.mp4"))
        film.write_bytes(data)
        height = choose_height(*_measure_film(film, ffmpeg))
        draw_strip(round(5.6 * height), height).save(signs)
        command = [
            ffmpeg, "-nostdin", "-loglevel", "error", "-y", "-i", str(film), "-i", str(signs),
            "-filter_complex", "overlay=W-w:H-h", "-c:v", "libx264", "-crf", "18", "-pix_fmt", "yuv420p", "-threads", "1",
            "-fflags", "+bitexact", "-map_metadata", "-1", "-movflags", "+faststart+use_metadata_tags",
            "-metadata", f"AIGC={metadata}", str(marked),
        ]  # fmt: skip
        lines: list[str] = []
        if run_child(command, lines.append, timeout_seconds=_ENCODER_SECONDS) or not marked.is_file():
            raise CorruptError(f"not a film: {' '.join(' '.join(lines).split())[:120]}")
        return marked.read_bytes()


def _measure_film(film: Path, ffmpeg: str) -> tuple[int, int]:
    """Return width and height, from the first frame."""
    from PIL import Image

    first = film.with_name("first.png")
    command = [ffmpeg, "-nostdin", "-loglevel", "error", "-y", "-i", str(film), "-frames:v", "1", str(first)]
    run_child(command, lambda _: None, timeout_seconds=_ENCODER_SECONDS)
    try:
        with Image.open(first) as frame:
            width, height = frame.size
            return width, height
    except OSError:
        raise CorruptError("not a film") from None


def mark_sound(data: bytes) -> bytes:
    """Return a WAV of 16 bits that begins with A and I in Morse.

    Raises:
        CorruptError: it is no such WAV.
    """
    try:
        with wave.open(io.BytesIO(data)) as sound:
            parameters, frames = sound.getparams(), sound.readframes(sound.getnframes())
    except (wave.Error, EOFError) as error:
        raise CorruptError(f"not a WAV: {error}") from None
    if parameters.sampwidth != array("h").itemsize:
        raise CorruptError(f"a WAV of {8 * parameters.sampwidth} bits; 16 are expected")
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as marked:
        marked.setparams(parameters)
        marked.writeframes(make_morse(parameters.framerate, parameters.nchannels) + frames)
    return buffer.getvalue()


def make_morse(rate: int, channels: int) -> bytes:
    """Return A and I in Morse as 16-bit samples.

    A dot is one unit, a dash three, between them is one, between letters three.
    """
    unit, samples = round(rate * _DOT_SECONDS), array("h")
    for sign in _MORSE:
        sounding = {".": unit, "-": 3 * unit, " ": 0}[sign]
        ramp = max(1, rate // 200)  # 5 ms, so that nothing clicks
        for i in range(sounding):
            envelope = min(1.0, i / ramp, (sounding - i) / ramp)
            level = round(32767 * _LOUDNESS * envelope * sin(2 * pi * _TONE_HERTZ * i / rate))
            samples.extend([level] * channels)
        samples.extend([0] * (unit * channels * (2 if sign == " " else 1)))
    samples.extend([0] * (6 * unit * channels))
    return samples.tobytes()
