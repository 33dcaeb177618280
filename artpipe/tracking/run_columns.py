"""The columns of MLflow's list of runs: plain tags, and MLflow's own."""

import getpass
import json
import os
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from artpipe.artifacts.report import ReportCard, Score
from artpipe.config.params import load_params
from artpipe.errors import UserError
from artpipe.language.message import Message
from artpipe.language.sentences import make_sentence
from artpipe.system.terminal import escape_markdown

MODEL_COLUMN, DATASET_COLUMN, KIND, VERDICT = "model", "dataset", "kind", "verdict"
SCORE, SECOND_SCORE, PAGE = "score", "second score", "gallery page"
PIPELINE_KIND = "pipeline run"  # among the kinds: the run that trainings stand below
_ENVIRONMENT = ("platform", "precision", "threads", "versions")
_FORMER_TAGS = {f"artpipe.{name}" for name in _ENVIRONMENT}  # each was a tag of its own once, as each interval was
GALLERY_URL = "ARTPIPE_GALLERY_URL"  # environment variable: where the gallery is served


def describe_training(start: Any, kind: str, dataset: str) -> dict[str, str]:
    """Return the columns of a training; `start` is a RunStart or a RunCard.

    Who trained it is known where it was trained on this machine.
    """
    columns = {MODEL_COLUMN: start.model, DATASET_COLUMN: dataset, KIND: kind}
    columns |= {"mlflow.source.name": f"artpipe train {start.model}", "mlflow.source.type": "LOCAL"}
    if start.host == socket.gethostname():
        columns["mlflow.user"] = getpass.getuser()
    return columns


def describe_evaluation(report: ReportCard) -> dict[str, str]:
    """Return the columns of a report: its verdict, and the two scores that say most."""
    verdict = report.verdict
    columns = {VERDICT: f"{verdict.grade}, {verdict.fault}" if verdict.fault else verdict.grade}
    columns[PAGE] = f"data/gallery/models/{report.model}/index.html"
    for column, score in zip((SCORE, SECOND_SCORE), report.choose_scores(), strict=False):
        columns[column] = _format_score(score)
    return columns


def describe_environment(start: Any) -> dict[str, str]:
    """Return one tag of where a training ran, as JSON.

    `start` is a RunStart or a RunCard.
    """
    return {"artpipe.environment": json.dumps({name: getattr(start, name) for name in _ENVIRONMENT})}


def describe_intervals(report: ReportCard) -> dict[str, str]:
    """Return one tag of the scores' 95 % intervals, as JSON by name.

    One tag for each would bury the rest of a run's page.
    """
    intervals = {
        score.name: [float(f"{score.low:.6g}"), float(f"{score.high:.6g}")]
        for score in report.scores
        if score.low is not None and score.high is not None
    }
    return {"artpipe.intervals": json.dumps(intervals)} if intervals else {}


def find_former_tags(tags: Iterable[str]) -> list[str]:
    """Return those of a run's tags that are not written any more."""
    return [tag for tag in tags if tag in _FORMER_TAGS or (tag.startswith("artpipe.") and tag.endswith(".interval"))]


def find_gallery_url(root: Path) -> str:
    """Return where the gallery is to be read: published, else served; or nothing."""
    return find_published_url(root) or os.environ.get(GALLERY_URL, "")


def find_published_url(root: Path) -> str:
    """Return `gallery.base_url`; nothing where params.yaml has a mistake."""
    try:
        return load_params(root / "params.yaml").gallery.base_url
    except UserError:
        return ""


def make_note(report: ReportCard, server: str) -> str:
    """Return a run's description in Markdown: verdict, and page in the gallery.

    The page is a link where a `server` has the gallery.
    """
    page = f"models/{report.model}/index.html"
    verdict = escape_markdown(make_sentence(report.verdict))
    if not server.startswith(("http://", "https://")):
        file = escape_markdown(f"data/gallery/{page}")
        return f"{verdict}\n\n{make_sentence(Message(code='mlflow_gallery_file'))} {file}"
    return f"{verdict}\n\n[{make_sentence(Message(code='mlflow_gallery_link'))}]({server.rstrip('/')}/{page})"


def _format_score(score: Score) -> str:
    interval = score.interval
    text = f"{score.name.replace('_', ' ')} {score.value:.3g}"
    return text if interval is None else f"{text} ({interval.low:.3g} to {interval.high:.3g})"
