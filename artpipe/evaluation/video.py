"""Films of frames, by ffmpeg."""

import sys
import tempfile
from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.config.params import WalkParams
from artpipe.system.ffmpeg import find_ffmpeg
from artpipe.system.processes import run_child

_FFMPEG_SECONDS = 600.0
_CODECS = {
    "mp4": ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-movflags", "+faststart"],
    "webm": ["-c:v", "libvpx-vp9", "-crf", "32", "-b:v", "0", "-deadline", "good", "-cpu-used", "5"],
}


def enlarge_frames(frames: Tensor, side: int, *, soft: bool = False) -> Tensor:
    """Return frames ``(N, 3, H, W)`` enlarged by a whole factor up to `side`.

    It is the largest factor that leaves both sides even. Pixels become squares, or are interpolated where they are `soft`.
    """
    height, width = frames.shape[2:]
    least = 1 if height % 2 == width % 2 == 0 else 2
    factor = max(least, side // max(height, width) // least * least)
    colour = frames.expand(-1, 3, -1, -1) if frames.shape[1] == 1 else frames[:, :3]
    if soft:
        enlarged = F.interpolate(colour.float(), scale_factor=factor, mode="bicubic")
        return enlarged.round().clamp(0, 255).to(torch.uint8)
    return colour.repeat_interleave(factor, 2).repeat_interleave(factor, 3)


def encode_video(frames: Tensor, walk: WalkParams, video_format: str, *, soft: bool = False) -> bytes | None:
    """Return the video of frames ``(N, C, H, W)``, uint8, None without ffmpeg.

    The same frames give the same bytes; see `enlarge_frames`.
    """
    ffmpeg = find_ffmpeg()
    if ffmpeg is None:
        sys.stderr.write(
            f"artpipe: no ffmpeg here, so no {video_format} of the walk hangs; the package imageio-ffmpeg brings one\n"
        )
        return None
    height, width = enlarge_frames(frames[:1], walk.side).shape[2:]
    colour = frames.expand(-1, 3, -1, -1) if frames.shape[1] == 1 else frames[:, :3]
    with tempfile.TemporaryDirectory(prefix="artpipe-walk-") as folder:
        frames_path, video_path = Path(folder) / "frames.rgb", Path(folder) / f"film.{video_format}"
        frames_path.write_bytes(colour.permute(0, 2, 3, 1).contiguous().numpy().tobytes())
        source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{frames.shape[3]}x{frames.shape[2]}", "-r", f"{walk.fps}"]  # fmt: skip
        scale = f"scale={width}:{height}:flags={'bicubic' if soft else 'neighbor'},scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int"
        colours = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]
        reproducible = ["-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1"]
        video_options = ["-vf", f"{scale},format=yuv420p", *colours, *_CODECS[video_format], *reproducible]
        output_lines: list[str] = []
        command = [
            ffmpeg,
            "-nostdin",
            "-loglevel",
            "error",
            "-y",
            *source,
            "-i",
            str(frames_path),
            *video_options,
            str(video_path),
        ]
        if run_child(command, output_lines.append, timeout_seconds=_FFMPEG_SECONDS):
            sys.stderr.write(f"artpipe: ffmpeg made no {video_format} of the walk: {' '.join(output_lines)[:200]}\n")
            return None
        return video_path.read_bytes()
