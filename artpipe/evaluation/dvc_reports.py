"""What DVC compares between revisions: a model's few numbers, its curves by step, a sheet of what it makes."""

import json
import math
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from typing import Any

from torch import Tensor

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.checkpoint import HistoryRow
from artpipe.artifacts.report import ReportCard
from artpipe.contracts.metric import Evidence
from artpipe.evaluation.exhibits import exhibits_of
from artpipe.numerics.pixels import to_bytes
from artpipe.system.atomic_files import write_bytes, write_folder, write_json, write_text
from artpipe.training.exhibit_files import compose_grid, encode_png, make_thumbnail

_SHOWN = 8  # works of a kind that paints no samples of its own; each is large
_LEAST, _LONGEST = 64, 160  # pixels of their longer side


def write_comparison(report: ReportCard, evidence: Evidence) -> None:
    """Write ``data/metrics/NAME.json``, and ``curves.json`` and, of pictures, ``sheet.png`` into ``data/plots/NAME``."""
    write_json(paths.metrics(report.model), headlines(report, evidence.params.metrics))
    with write_folder(paths.plots(report.model)) as folder:
        rows = [json.dumps(row) for row in curves(evidence.card.history)]
        write_text(folder / "curves.json", "[\n" + ",\n".join(rows) + "\n]\n")
        if (picture := sheet(evidence)) is not None:
            write_bytes(folder / "sheet.png", encode_png(picture))


def headlines(report: ReportCard, metrics: Iterable[str]) -> dict[str, str | float]:
    """Return the verdict and the scores that their metrics call headlines, by name."""
    wanted = [pattern for name in metrics for pattern in plugins.find("metrics", name).headline]
    scores = {s.name: s.value for s in report.scores if any(fnmatchcase(s.name, pattern) for pattern in wanted)}
    return {"verdict": report.verdict.verdict, **scores}


def curves(history: Sequence[HistoryRow]) -> list[dict[str, Any]]:
    """Return one row per number and step, validation first, under the names that MLflow has for them."""
    return [
        {"curve": f"{room}/{name}", "step": row.step, "value": value}
        for room in ("validation", "losses")
        for row in history
        for name, value in getattr(row, room).items()
        if math.isfinite(value)
    ]


def sheet(evidence: Evidence) -> Tensor | None:
    """Return the first samples, else what the learner shows, as one picture uint8 ``(C, H, W)``; None where nothing is a picture."""
    if evidence.samples is not None:
        return compose_grid([_sized(one) for one in evidence.pictures("samples")[: evidence.params.exhibits]])
    shown = [one.parts.get("score", one.data) for one in exhibits_of(evidence)[:_SHOWN]]
    pictures = [_sized(to_bytes(picture.detach()).cpu()) for picture in shown if isinstance(picture, Tensor)]
    return compose_grid(pictures) if pictures else None


def _sized(picture: Tensor) -> Tensor:
    """Return a picture small enough to stand beside others; one of few pixels whole times as large, not blurred."""
    times = max(1, _LEAST // max(picture.shape[1:]))
    return make_thumbnail(picture, _LONGEST).repeat_interleave(times, 1).repeat_interleave(times, 2)
