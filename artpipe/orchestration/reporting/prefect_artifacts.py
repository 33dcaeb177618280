"""What Prefect's pages show of a run beside its log: how far a training is, what a model made, the verdicts."""

import base64
import contextlib
import io
import os
import re
import time
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, cast

from httpx import HTTPError
from prefect import get_run_logger
from prefect.artifacts import (
    create_image_artifact,
    create_link_artifact,
    create_progress_artifact,
    create_table_artifact,
    update_progress_artifact,
)
from prefect.exceptions import PrefectException

from artpipe.artifacts import paths
from artpipe.artifacts.report import ReportCard, load_report
from artpipe.errors import ArtpipeError
from artpipe.language.sentences import sentence
from artpipe.orchestration.reporting import console
from artpipe.system.terminal import in_markdown

if TYPE_CHECKING:
    from uuid import UUID

GALLERY = "ARTPIPE_GALLERY_URL"  # set by whoever serves the gallery
_STEP = re.compile(r"\bstep (\d+)/(\d+)\b")
_EVERY_SECONDS = 5.0
_ACROSS, _DOWN, _SIDE = 8, 3, 96  # of a sheet, in pictures and pixels


class Progress:
    """A training's progress in percent, from the lines it prints."""

    def __init__(self, name: str) -> None:
        self._name, self._told = name, -_EVERY_SECONDS
        self._artifact: UUID | None = None

    def heard(self, line: str) -> None:
        """Take a line of output; what is not about steps is let pass."""
        found = _STEP.search(line)
        if found is None or not int(found[2]):
            return
        step, steps = min(int(found[1]), int(found[2])), int(found[2])
        if step < steps and time.monotonic() - self._told < _EVERY_SECONDS:
            return
        self._told = time.monotonic()
        with _shown():
            if self._artifact is None:
                key = f"progress-{_key(self._name)}"
                self._artifact = cast("UUID", create_progress_artifact(100.0 * step / steps, key, self._name))
            else:
                update_progress_artifact(self._artifact, 100.0 * step / steps)


def hung(stage: str) -> None:
    """Show what a stage made: after an evaluation a sheet of the model's pictures."""
    verb, _, model = stage.partition("@")
    if verb != "evaluate":
        return
    with contextlib.suppress(ArtpipeError), _shown():
        card, _hash = load_report(paths.report(model))
        pictures = [paths.report(model) / work.file for work in card.exhibits if work.kind == "image"]
        if pictures:
            create_image_artifact(_sheet(pictures), f"works-{_key(model)}", _sentence(card))


def summary(undone: Collection[str] = ()) -> None:
    """Show every model's verdict, and a link to the gallery; `undone`: stages that should have run."""
    rows = []
    for card in console.reports():
        verdict, why = console.verdict(card, undone)
        rows.append(
            {
                "model": card.model,
                "dataset": card.dataset,
                "verdict": verdict,
                "decided by": card.verdict.score,
                "value": float(f"{card.verdict.value:.4g}"),
                "why": in_markdown(why),  # Prefect reads cells as Markdown
            }
        )
    with _shown():
        if rows:
            create_table_artifact(rows, "verdicts", "What the evaluation says of each model")
        for what, where in console.places():
            if what == "Gallery":
                address = os.environ.get(GALLERY, where)
                create_link_artifact(address, "Open the gallery", "gallery", "Where the works hang")


@contextlib.contextmanager
def _shown() -> Iterator[None]:
    """Let no failure to show something fail what is shown."""
    try:
        yield
    except (HTTPError, OSError, PrefectException) as error:
        get_run_logger().warning("not shown: %s", error)


def _sentence(card: ReportCard) -> str:
    return in_markdown(f"{card.model}: {card.verdict.verdict}. {sentence(card.verdict)}")


def _sheet(pictures: Sequence[Path]) -> str:
    """Return a data: URL of the first pictures side by side, a WebP of some 50 kB."""
    from PIL import Image

    shown = pictures[: _ACROSS * _DOWN]
    across = min(_ACROSS, len(shown))
    sheet = Image.new("RGB", (across * _SIDE, -(-len(shown) // across) * _SIDE), "white")
    for place, path in enumerate(shown):
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        enlarge = max(1, (_SIDE - 4) // max(picture.size))
        picture = picture.resize((picture.width * enlarge, picture.height * enlarge), Image.Resampling.NEAREST)
        picture.thumbnail((_SIDE - 4, _SIDE - 4))
        left, top = place % across * _SIDE, place // across * _SIDE
        sheet.paste(picture, (left + (_SIDE - picture.width) // 2, top + (_SIDE - picture.height) // 2))
    data = io.BytesIO()
    sheet.save(data, "WEBP", quality=80)
    return f"data:image/webp;base64,{base64.b64encode(data.getvalue()).decode()}"


def _key(name: str) -> str:
    """Return what Prefect allows as a key: small letters, digits, dashes."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower())
