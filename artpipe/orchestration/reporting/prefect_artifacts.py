"""Publish artifacts to Prefect's pages: training progress, works, grades."""

import base64
import contextlib
import io
import os
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import cast
from uuid import UUID

from httpx import HTTPError
from prefect import get_run_logger
from prefect.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.client.orchestration import get_client
from prefect.exceptions import PrefectException
from prefect.runtime import flow_run

from artpipe.artifacts import paths
from artpipe.artifacts.report import ReportCard, load_report
from artpipe.artifacts.run import RunRecord
from artpipe.artifacts.training_cost import estimate_cost, load_energy_params
from artpipe.errors import ArtpipeError
from artpipe.language.sentences import make_sentence
from artpipe.orchestration.reporting import console
from artpipe.orchestration.scheduling.dvc_graph import PARAMS_SECTIONS, Stage
from artpipe.storage.prefect_traces import make_prefect_key, make_sheet_key
from artpipe.system.terminal import escape_markdown
from artpipe.tracking.run_columns import GALLERY_URL

_STEP = re.compile(r"\bstep (\d+)/(\d+)\b")
_UPDATE_SECONDS = 5.0
_MAX_NAMES = 3  # in a run's name
_ACROSS, _DOWN, _SIDE = 8, 3, 96  # of a sheet, in pictures and pixels


class ProgressArtifact:
    """A training's progress in percent, read from the lines that it prints."""

    def __init__(self, name: str, on_step: Callable[[str, int, int], None]) -> None:
        """Begin; `on_step` gets the stage's name, a step and the number of steps."""
        self._name, self._updated_at, self._on_step = name, -_UPDATE_SECONDS, on_step
        self._artifact: UUID | None = None

    def read_line(self, line: str) -> None:
        """Read a line of output; one that names no step is ignored."""
        match = _STEP.search(line)
        if match is None or not int(match[2]):
            return
        step, steps = min(int(match[1]), int(match[2])), int(match[2])
        self._on_step(self._name, step, steps)
        if step < steps and time.monotonic() - self._updated_at < _UPDATE_SECONDS:
            return
        self._updated_at = time.monotonic()
        with _log_failures():
            if self._artifact is None:
                key = f"progress-{make_prefect_key(self._name)}"
                self._artifact = cast("UUID", create_progress_artifact(100.0 * step / steps, key, self._name))
            else:
                update_progress_artifact(self._artifact, 100.0 * step / steps)


def publish_works(stage: str) -> None:
    """Publish a contact sheet of a model's pictures after its evaluation."""
    verb, _, model = stage.partition("@")
    if verb != "evaluate":
        return
    with contextlib.suppress(ArtpipeError), _log_failures():
        card, _hash = load_report(paths.report(model))
        pictures = [paths.report(model) / work.file for work in card.exhibits if work.kind == "image"]
        if pictures:
            create_image_artifact(_make_contact_sheet(pictures), make_sheet_key(model), _describe(card))


def publish_summary(undone: Collection[str] = ()) -> None:
    """Publish every model's grade, and a link to the gallery.

    Args:
        undone: stages that should have run and did not.
    """
    rows = []
    for card in console.load_reports():
        grade, reason = console.current_grade(card, undone)
        rows.append(
            {
                "model": card.model,
                "dataset": card.dataset,
                "grade": grade,
                "decided by": card.verdict.score,
                "value": float(f"{card.verdict.value:.4g}"),
                "why": escape_markdown(reason),  # Prefect reads cells as Markdown
                **_describe_cost(card.model),
            }
        )
    with _log_failures():
        if rows:
            create_table_artifact(rows, "verdicts", "What the evaluation says of each model")
        for title, address in console.list_addresses():
            if title == "Gallery":
                link = os.environ.get(GALLERY_URL, address)
                create_link_artifact(link, "Open the gallery", "gallery", "Where the works hang")


def name_run(stages: Sequence[Stage]) -> None:
    """Name this run on Prefect's pages by what it is for."""
    with _log_failures(), get_client(sync_client=True) as client:
        if run := flow_run.id:
            client.update_flow_run(UUID(str(run)), name=make_run_name(stages))


def make_run_name(stages: Sequence[Stage]) -> str:
    """Return a run's name: whose stages are stale, models before datasets.

    >>> make_run_name([])
    'gallery: nothing stale'
    """
    names: dict[str, list[str]] = {}
    for stage in stages:
        verb, _, name = stage.name.partition("@")
        group = PARAMS_SECTIONS.get(verb)
        if stage.stale and group and name not in names.setdefault(group, []):
            names[group].append(name)
    chosen = names.get("models") or names.get("datasets") or names.get("weights") or []
    if not chosen:
        return "gallery: its pages stale" if stages else "gallery: nothing stale"
    more = f" and {len(chosen) - _MAX_NAMES} more" if len(chosen) > _MAX_NAMES else ""
    return f"gallery: {', '.join(chosen[:_MAX_NAMES])}{more} stale"


def publish_durations(seconds: Mapping[str, float]) -> None:
    """Publish how long the stages of each kind took.

    Each run adds a version of the table.
    """
    rows = summarise_durations(seconds)
    with _log_failures():
        if rows:
            create_table_artifact(rows, "stage-durations", "How long the stages of this run took, by kind")


def summarise_durations(seconds: Mapping[str, float]) -> list[dict[str, str | int | float]]:
    """Return a row for each kind of stages, the longest in all first."""
    by_verb: dict[str, dict[str, float]] = {}
    for name, duration in seconds.items():
        by_verb.setdefault(name.partition("@")[0], {})[name] = duration
    return [
        {
            "stage": verb,
            "count": len(stages),
            "seconds": round(sum(stages.values()), 1),
            "longest": max(stages, key=stages.__getitem__),
            "its seconds": round(max(stages.values()), 1),
        }
        for verb, stages in sorted(by_verb.items(), key=lambda item: -sum(item[1].values()))
    ]


def _describe_cost(model: str) -> dict[str, float]:
    """Return the columns of what its training cost, where that is known."""
    with contextlib.suppress(ArtpipeError):
        cost = estimate_cost(RunRecord.open(paths.run(model)).card, load_energy_params(Path()))
        values = {"core seconds": cost.core_seconds, "Wh": cost.energy_wh}
        return {name: float(f"{value:.3g}") for name, value in values.items() if value is not None}
    return {}


@contextlib.contextmanager
def _log_failures() -> Iterator[None]:
    """Log an error of publishing instead of failing the stage by it."""
    try:
        yield
    except (HTTPError, OSError, PrefectException) as error:
        get_run_logger().warning("not shown: %s", error)


def _describe(card: ReportCard) -> str:
    return escape_markdown(f"{card.model}: {card.verdict.grade}. {make_sentence(card.verdict)}")


def _make_contact_sheet(pictures: Sequence[Path]) -> str:
    """Return the first pictures side by side as a data: URL, a WebP of some 50 kB."""
    from PIL import Image

    shown = pictures[: _ACROSS * _DOWN]
    across = min(_ACROSS, len(shown))
    sheet = Image.new("RGB", (across * _SIDE, -(-len(shown) // across) * _SIDE), "white")
    for position, path in enumerate(shown):
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        scale = max(1, (_SIDE - 4) // max(picture.size))
        picture = picture.resize((picture.width * scale, picture.height * scale), Image.Resampling.NEAREST)
        picture.thumbnail((_SIDE - 4, _SIDE - 4))
        left, top = position % across * _SIDE, position // across * _SIDE
        sheet.paste(picture, (left + (_SIDE - picture.width) // 2, top + (_SIDE - picture.height) // 2))
    data = io.BytesIO()
    sheet.save(data, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(data.getvalue()).decode()}"
