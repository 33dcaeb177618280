"""What a person sees of a flow: a line as each stage starts and ends, its output with its name, the verdicts."""

import contextlib
import os
import shutil
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote

from rich.markup import escape
from rich.table import Table

from artpipe.artifacts import paths
from artpipe.artifacts.report import ReportCard, load_report
from artpipe.config.params import load_params
from artpipe.errors import ArtpipeError
from artpipe.language.sentences import sentence
from artpipe.orchestration.scheduling.dvc_graph import Stage
from artpipe.system.plain_text import without_password
from artpipe.system.terminal import PlainConsole

_console = PlainConsole(highlight=False, soft_wrap=True)
_DVC_SAYS = ("Running stage ", "> artpipe ", "Updating lock file", "Generating lock file", "Use `dvc push`")
_DVC_HINTS = ("To track the changes with git", "To enable auto staging", "git add ", "dvc config core.autostage")


def planned(stages: Sequence[Stage]) -> None:
    """Tell how much there is to do."""
    if not stages:
        _console.print("Everything is up to date.")
        return
    stale = sum(stage.stale for stage in stages)
    below = f", {len(stages) - stale} below them" if len(stages) > stale else ""
    _console.print(f"[bold]{stale}[/] stale stage{'s' * (stale != 1)}{below}")


def begun(name: str, parameters: Mapping[str, object]) -> None:
    """Tell that a run of a deployment begins, and what it was asked for."""
    given = {key: parameters.get(key) for key in ("targets", "dataset", "force")}
    asked = [key if value is True else f"{key} {value}" for key, value in given.items() if value]
    _console.print(f"[bold]run {escape(name)}[/] {escape(', '.join(asked))}".rstrip())


def mended(repairs: Sequence[str]) -> None:
    """Tell what was put right before anything ran."""
    for repair in repairs:
        _console.print(f"[yellow]{escape(repair)}[/]")


@contextlib.contextmanager
def timed(name: str) -> Iterator[Callable[[], float]]:
    """Tell that a stage starts, and how and after how long it ended; yields the clock, seconds since the start."""
    began = time.monotonic()
    _console.print(f"[cyan]>[/] {escape(name)}")
    try:
        yield lambda: time.monotonic() - began
    except BaseException as error:
        _console.print(f"[red]x {escape(name)}[/] [dim]{_span(time.monotonic() - began)}[/] {escape(str(error))}")
        raise
    _console.print(f"[green]+[/] {escape(name)} [dim]{_span(time.monotonic() - began)}[/]")


def said(name: str, line: str) -> None:
    """Show a line of a stage's output; what DVC says about itself is left to the run's log."""
    text = line.strip()
    if text and not text.startswith((*_DVC_SAYS, *_DVC_HINTS)):
        _console.print(f"  [dim]{escape(name)}[/] {escape(line)}")


def failed(sentence: str) -> None:
    """Tell in one line why the flow did not do all it should."""
    _console.print(f"[red]{escape(sentence)}[/]")


def reports() -> list[ReportCard]:
    """Return the reports that stand, in the order of params.yaml."""
    found = []
    for name in load_params().models:
        with contextlib.suppress(ArtpipeError):
            found.append(load_report(paths.report(name))[0])
    return found


def verdict(card: ReportCard, undone: Collection[str]) -> tuple[str, str]:
    """Return a model's verdict and why; of a model that should have been evaluated anew and was not, that it is stale."""
    if f"evaluate@{card.model}" in undone:
        return "stale", f"its report is older than what failed ({card.verdict.verdict} then)"
    return card.verdict.verdict, sentence(card.verdict)


def summary(undone: Collection[str] = ()) -> None:
    """Tell each model's verdict, and where the gallery and the runs can be seen; `undone`: stages that should have run."""
    table = Table("model", "verdict", "why", box=None, header_style="dim", padding=(0, 2, 0, 0))
    for card in reports():
        said, why = verdict(card, undone)
        colour = {"healthy": "green", "stale": "dim"}.get(said, "yellow")
        table.add_row(card.model, f"[{colour}]{said}[/]", escape(why))
    if table.row_count:
        _console.print(table)
    for what, where in places():
        _console.print(f"{what}: {where}")


def places() -> list[tuple[str, str]]:
    """Return where the gallery and the runs can be seen: an address to click, and a server's or a command to type."""
    index = (paths.gallery() / "index.html").absolute()
    found = [("Gallery", index.as_uri())] if index.exists() else []
    return [*found, ("Runs", without_password(os.environ.get("MLFLOW_TRACKING_URI", "")) or _browse())]


def _browse() -> str:
    makefile = Path("Makefile")
    if makefile.is_file() and "\nui:" in makefile.read_text(errors="replace"):
        return "make ui"
    artpipe, here = Path(sys.executable).parent / "artpipe", Path.cwd()  # not resolved: the environment's own folder
    typed = shutil.which("artpipe")
    if artpipe.is_relative_to(here):
        artpipe = artpipe.relative_to(here)
    elif typed and Path(typed).resolve() == artpipe.resolve():
        artpipe = Path("artpipe")
    return f"{quote(str(artpipe))} ui"


def _span(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} min {rest:02.0f} s" if minutes else f"{rest:.1f} s"
