"""Make sounds smaller for visitors: Opus in Ogg, by ffmpeg."""

import sys
import tempfile
from pathlib import Path

from artpipe.system.ffmpeg import find_ffmpeg
from artpipe.system.processes import run_child

_BITS_PER_SECOND = "64k"  # of mono or stereo, at which listeners take Opus for the original (RFC 7587)
_ENCODER_SECONDS = 120.0
_SAME_BYTES = ("-map_metadata", "-1", "-fflags", "+bitexact", "-flags:a", "+bitexact", "-serial_offset", "1")


def encode_opus(sound: bytes, suffix: str) -> bytes | None:
    """Return a sound as Opus in Ogg, None without ffmpeg or where it cannot be read.

    The same sound gives the same bytes.
    """
    ffmpeg = find_ffmpeg()
    if ffmpeg is None:
        return None
    with tempfile.TemporaryDirectory(prefix="artpipe-sound-") as folder:
        source, target = Path(folder) / f"sound{suffix}", Path(folder) / "sound.ogg"
        source.write_bytes(sound)
        command = [ffmpeg, "-nostdin", "-loglevel", "error", "-y", "-i", str(source), "-threads", "1"]
        command += ["-c:a", "libopus", "-b:a", _BITS_PER_SECOND, *_SAME_BYTES, str(target)]
        output_lines: list[str] = []
        if run_child(command, output_lines.append, timeout_seconds=_ENCODER_SECONDS):
            sys.stderr.write(f"artpipe: ffmpeg made no Opus of a sound: {' '.join(output_lines)[:200]}\n")
            return None
        return target.read_bytes()
