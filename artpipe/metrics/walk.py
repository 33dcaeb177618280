"""Walk: a film through the codes and back to where it began, re-timed until its steps look alike to the ruler."""

import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.artifacts.report import Score
from artpipe.config.params import WalkParams
from artpipe.contracts.metric import Evidence, Measured, Metric, paints, small
from artpipe.contracts.model import Content, Exhibit, Walker
from artpipe.modalities.picture.captions import spoken
from artpipe.numerics.pixels import to_bytes, to_float
from artpipe.system.processes import run_child
from artpipe.training.exhibit_files import encode_png

_FEWEST = 3  # frames of a loop
_FFMPEG_SECONDS = 600.0
_CODECS = {
    "mp4": ["-c:v", "libx264", "-preset", "slow", "-crf", "20", "-movflags", "+faststart"],
    "webm": ["-c:v", "libvpx-vp9", "-crf", "32", "-b:v", "0", "-deadline", "good", "-cpu-used", "4"],
}


def measure(evidence: Evidence) -> Measured:
    """Walk past the anchors, even the steps out, measure the largest against the mean one, and hang the film."""
    given = evidence.params.walk
    stops = anchors(evidence, given.anchors)
    frames, ratio = evened(
        lambda times: _pictures(evidence, stops, times),
        [evidence.look, lambda frames: small(to_float(frames))],
        max(_FEWEST, round(given.seconds * given.fps)),
        given.rounds,
    )
    score = Score(
        name="walk_evenness",
        value=ratio,
        n=len(frames),
        better="lower",
        extractor=evidence.extractor,
        explanation="The largest step between two frames of the walk against the mean one, to the ruler or in pixels; 1 is perfectly even.",
    )
    films = {form: data for form in given.forms if (data := film(frames, given, form))}
    if not films:
        return Measured(scores=[score])
    poster = encode_png(enlarged(frames[:1], given.side)[0])
    first, *others = films
    parts: dict[str, Content] = {"poster": poster, **{form: films[form] for form in others}}
    seed = int(evidence.prompt.seeds[stops[0][0]]) if evidence.prompt else None
    exhibit = Exhibit("video", films[first], _caption(evidence, stops), "walk", seed, parts=parts)
    return Measured(scores=[score], exhibits=[exhibit])


def anchors(evidence: Evidence, count: int) -> list[tuple[int, int | None]]:
    """Return the samples (row, label) that the walk passes: of each class in turn those the ruler is surest of.

    Where nobody knows classes they are the first ones, without a label.
    """
    known = evidence.ruler is not None and evidence.ruler_classes == evidence.classes and len(evidence.classes) > 1
    if not known or evidence.prompt is None:
        return [(row, None) for row in range(min(count, len(evidence.pictures("samples"))))]
    judged = evidence.judgements("samples")
    asked = evidence.prompt.labels
    labels = judged.argmax(1) if asked is None else asked
    certainty = judged.gather(1, labels[:, None])[:, 0]
    order = certainty.argsort(descending=True, stable=True).tolist()
    rows = {label: [row for row in order if labels[row] == label] for label in range(len(evidence.classes))}
    present = [label for label, found in rows.items() if found]
    turns = sorted(present[i * len(present) // count] if count < len(present) else present[i % len(present)] for i in range(count))  # fmt: skip
    nth = [turns[:i].count(label) for i, label in enumerate(turns)]
    return [(rows[label][i % len(rows[label])], label) for label, i in zip(turns, nth, strict=True)]


def _pictures(evidence: Evidence, stops: Sequence[tuple[int, int | None]], times: Tensor) -> Tensor:
    """Return the pictures ``(N, C, H, W)``, uint8, at times ``(N,)`` in [0, 1) around the loop."""
    learner: Any = evidence.learner
    prompt, classes = evidence.prompt, len(evidence.classes)
    seeds = [prompt.seeds[row] if prompt else row for row, _ in stops]
    noise = torch.stack([torch.randn(learner.codes, generator=torch.Generator().manual_seed(seed)) for seed in seeds])
    mix = torch.zeros(len(stops), classes)
    for i, (_, label) in enumerate(stops):
        if label is not None:
            mix[i, label] = 1.0
    path = spline(noise, times) * evidence.params.walk.truncation
    with torch.no_grad():
        return to_bytes(learner.walk(path, between(mix, times)))


def spline(codes: Tensor, times: Tensor) -> Tensor:
    """Return points ``(N, Z)`` at `times` in [0, 1) of a closed Catmull-Rom spline through codes ``(K, Z)``.

    Each is stretched to the length that the codes around it have: halfway between two the spline itself runs
    too near the origin, where no noise lies (White 2016, Sampling generative networks).
    """
    at, u = _segment(len(codes), times)
    before, a, b, after = (codes[(at + i) % len(codes)] for i in (-1, 0, 1, 2))
    u = u[:, None]
    point = 0.5 * (
        2 * a + (b - before) * u + (2 * before - 5 * a + 4 * b - after) * u**2 + (3 * a - before - 3 * b + after) * u**3
    )
    return F.normalize(point, dim=1) * between(codes.norm(dim=1, keepdim=True), times)


def between(values: Tensor, times: Tensor) -> Tensor:
    """Return ``(N, D)``: values ``(K, D)`` of the anchors, blended linearly at `times` in [0, 1) around the loop."""
    at, u = _segment(len(values), times)
    return torch.lerp(values[at], values[(at + 1) % len(values)], u[:, None])


def _segment(count: int, times: Tensor) -> tuple[Tensor, Tensor]:
    """Return which anchor each time lies behind, and the share of the way to the next."""
    along = times * count
    at = along.floor().long().clamp(0, count - 1)
    return at, along - at


def evened(
    pictures: Callable[[Tensor], Tensor], looks: Sequence[Callable[[Tensor], Tensor]], count: int, rounds: int
) -> tuple[Tensor, float]:
    """Return `count` frames of a loop and their largest step divided by the mean one, the best of all rounds.

    Each round measures the steps as each of `looks` sees them (a ruler is blind to some changes, pixels to none), takes
    the larger one against its mean, and sets the times anew at equal shares of the way.
    """
    times = torch.arange(count, dtype=torch.float64) / count
    best, least = torch.empty(0), float("inf")
    for _ in range(rounds):
        frames = pictures(times.float())
        steps = torch.stack([_steps(look(frames)) for look in looks]).amax(0)
        ratio = float(steps.max())
        if ratio < least:
            best, least = frames, ratio
        times = _retimed(times, steps)
    return best, least


def _steps(seen: Tensor) -> Tensor:
    """Return the steps ``(N,)`` of a loop between vectors ``(N, F)``, against their mean; 1 where nothing moves."""
    steps = (seen - seen.roll(-1, 0)).double().norm(dim=1)
    return steps / steps.mean() if steps.max() > 0 else torch.ones_like(steps)


def _retimed(times: Tensor, steps: Tensor) -> Tensor:
    """Return times at equal shares of the way, which is taken as straight between two frames."""
    steps = steps + 1e-6 * steps.mean() + 1e-12  # a way that stands still is walked in no time, but in some
    way = torch.cat([steps.new_zeros(1), steps.cumsum(0)])
    wanted = torch.arange(len(times), dtype=way.dtype) * way[-1] / len(times)
    at = torch.searchsorted(way, wanted, right=True).clamp(1, len(steps)) - 1
    ends = torch.cat([times, times[:1] + 1])
    found = ends[at] + (wanted - way[at]) / steps[at] * (ends[at + 1] - ends[at])
    return found.clamp(0, 1 - 1e-9)


def enlarged(frames: Tensor, side: int) -> Tensor:
    """Return pictures ``(N, 3, H, W)`` enlarged by the largest whole factor up to `side` that leaves both sides even."""
    height, width = frames.shape[2:]
    least = 1 if height % 2 == width % 2 == 0 else 2
    factor = max(least, side // max(height, width) // least * least)
    colour = frames.expand(-1, 3, -1, -1) if frames.shape[1] == 1 else frames[:, :3]
    return colour.repeat_interleave(factor, 2).repeat_interleave(factor, 3)


def film(frames: Tensor, given: WalkParams, form: str) -> bytes | None:
    """Return the film of pictures ``(N, C, H, W)``, uint8, the same bytes each time; None where there is no ffmpeg."""
    ffmpeg = _ffmpeg()
    if ffmpeg is None:
        sys.stderr.write(
            f"artpipe: no ffmpeg here, so no {form} of the walk hangs; the package imageio-ffmpeg brings one\n"
        )
        return None
    height, width = enlarged(frames[:1], given.side).shape[2:]
    colour = frames.expand(-1, 3, -1, -1) if frames.shape[1] == 1 else frames[:, :3]
    with tempfile.TemporaryDirectory(prefix="artpipe-walk-") as folder:
        raw, made = Path(folder) / "frames.rgb", Path(folder) / f"film.{form}"
        raw.write_bytes(colour.permute(0, 2, 3, 1).contiguous().numpy().tobytes())
        source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{frames.shape[3]}x{frames.shape[2]}", "-r", f"{given.fps}"]  # fmt: skip
        scale = f"scale={width}:{height}:flags=neighbor,scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int"
        colours = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709", "-color_range", "tv"]
        same = ["-threads", "1", "-fflags", "+bitexact", "-flags:v", "+bitexact", "-map_metadata", "-1"]
        look = ["-vf", f"{scale},format=yuv420p", *colours, *_CODECS[form], *same]
        said: list[str] = []
        command = [ffmpeg, "-nostdin", "-loglevel", "error", "-y", *source, "-i", str(raw), *look, str(made)]
        if run_child(command, said.append, timeout_seconds=_FFMPEG_SECONDS):
            sys.stderr.write(f"artpipe: ffmpeg made no {form} of the walk: {' '.join(said)[:200]}\n")
            return None
        return made.read_bytes()


def _ffmpeg() -> str | None:
    """Return the place of ffmpeg: the one that imageio-ffmpeg brings or names, else the one on PATH."""
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return str(get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return shutil.which("ffmpeg")


def _caption(evidence: Evidence, stops: Sequence[tuple[int, int | None]]) -> str:
    labels = list(dict.fromkeys(label for _, label in stops if label is not None))
    if len(labels) > 1:
        first, last = (spoken(evidence.classes[labels[i]]) for i in (0, -1))
        return f"from {first} to {last} and back"
    return f"a walk past {len(stops)} works and back"


def _applies(evidence: Evidence) -> bool:
    walks = isinstance(evidence.learner, Walker) and paints(evidence)
    return walks and evidence.params.walk.seconds > 0 and len(evidence.pictures("samples")) >= _FEWEST


METRIC = Metric(applies=_applies, measure=measure)
