"""What DVC compares between revisions.

A model's headline scores, its curves by step and a sheet of samples.
"""

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
from artpipe.evaluation.saved_exhibits import make_exhibits
from artpipe.numerics.pixels import to_bytes
from artpipe.system.atomic_files import write_bytes, write_folder, write_json, write_text
from artpipe.training.exhibit_files import compose_grid, encode_png, make_thumbnail

_SHEET_EXHIBITS = 8  # works of a kind that paints no samples of its own; each is large
_DIGITS = 4  # that a table in a terminal shows of a score
_MINIMUM_SIDE, _MAXIMUM_SIDE = 64, 160  # pixels of their longer side


def write_comparison(report: ReportCard, evidence: Evidence) -> None:
    """Write what `dvc metrics` and `dvc plots` compare.

    ``data/metrics/NAME.json``, and ``curves.json`` and, of pictures, ``sheet.png`` in ``data/plots/NAME``.
    """
    write_json(paths.metrics(report.model), summarise_report(report, evidence.params.metrics))
    with write_folder(paths.plots(report.model)) as folder:
        rows = [json.dumps(row) for row in make_curve_rows(evidence.card.history)]
        write_text(folder / "curves.json", "[\n" + ",\n".join(rows) + "\n]\n")
        if (picture := make_sample_sheet(evidence)) is not None:
            write_bytes(folder / "sheet.png", encode_png(picture))


def summarise_report(report: ReportCard, metrics: Iterable[str]) -> dict[str, str | dict[str, float]]:
    """Return grade and the two scores that say most, each below its comparison key.

    DVC subtracts what has the same name (`kid.1f0c2a9e`) and never asks what it was measured on: with another feature extractor,
    size, split or number of samples one name is removed and another added, and there is no difference.
    """
    scores = report.choose_scores(select_headline_scores(report, metrics).keys())
    summary: dict[str, str | dict[str, float]] = {"grade": report.verdict.grade}
    if report.verdict.fault:
        summary["fault"] = report.verdict.fault
    return summary | {score.name: {score.comparison_key: float(f"{score.value:.{_DIGITS}g}")} for score in scores}


def select_headline_scores(report: ReportCard, metrics: Iterable[str]) -> dict[str, str | dict[str, float]]:
    """Return grade, fault and the scores that their metrics call headlines.

    Each score stands below its comparison key, as in `summarise_report`.
    """
    patterns = [pattern for name in metrics for pattern in plugins.load_plugin("metrics", name).headline]
    scores = {
        score.name: {score.comparison_key: score.value}
        for score in report.scores
        if any(fnmatchcase(score.name, pattern) for pattern in patterns)
    }
    return {"grade": report.verdict.grade, "fault": report.verdict.fault, **scores}


def make_curve_rows(history: Sequence[HistoryRow]) -> list[dict[str, Any]]:
    """Return one row per number and step, validation first.

    The names are those that MLflow has.
    """
    return [
        {"curve": f"{measurement_kind}/{name}", "step": row.step, "value": value}
        for measurement_kind in ("validation", "losses")
        for row in history
        for name, value in getattr(row, measurement_kind).items()
        if math.isfinite(value)
    ]


def make_sample_sheet(evidence: Evidence) -> Tensor | None:
    """Return the first samples, or exhibits, as one picture ``(C, H, W)``, uint8.

    None where nothing is a picture.
    """
    if evidence.samples is not None:
        return compose_grid(
            [_scale_picture(exhibit) for exhibit in evidence.pictures("samples")[: evidence.params.exhibits]]
        )
    contents = [exhibit.parts.get("score", exhibit.data) for exhibit in make_exhibits(evidence)[:_SHEET_EXHIBITS]]
    pictures = [_scale_picture(to_bytes(picture.detach()).cpu()) for picture in contents if isinstance(picture, Tensor)]
    return compose_grid(pictures) if pictures else None


def _scale_picture(picture: Tensor) -> Tensor:
    """Return a picture small enough for a sheet.

    One of few pixels is enlarged by a whole factor, not blurred.
    """
    times = max(1, _MINIMUM_SIDE // max(picture.shape[1:]))
    return make_thumbnail(picture, _MAXIMUM_SIDE).repeat_interleave(times, 1).repeat_interleave(times, 2)
