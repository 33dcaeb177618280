"""A film and a sound of a few kilobytes, made once in a process."""

import io
import subprocess
import tempfile
import wave
from functools import lru_cache
from pathlib import Path

import imageio_ffmpeg

SAMPLES = bytes(range(256)) * 8


@lru_cache(maxsize=1)
def make_film() -> bytes:
    """Return one second of MP4, 16 pixels wide."""
    source = ["-f", "lavfi", "-i", "testsrc=size=16x16:rate=5:duration=1", "-threads", "1"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "film.mp4"
        subprocess.run([imageio_ffmpeg.get_ffmpeg_exe(), "-loglevel", "error", *source, path], check=True)
        return path.read_bytes()


def make_sound() -> bytes:
    """Return an eighth of a second of WAV, whose samples are `SAMPLES`."""
    buffer = io.BytesIO()
    with wave.open(buffer, "wb") as stream:
        stream.setnchannels(1)
        stream.setsampwidth(2)
        stream.setframerate(8000)
        stream.writeframes(SAMPLES)
    return buffer.getvalue()
