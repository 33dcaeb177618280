"""Find the program ffmpeg."""

import shutil


def find_ffmpeg() -> str | None:
    """Return the path of ffmpeg: that of imageio-ffmpeg, else the one on PATH."""
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return str(get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return shutil.which("ffmpeg")
