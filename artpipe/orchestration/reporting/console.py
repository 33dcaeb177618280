"""Print a flow's progress: stages as they start and end, their output, grades."""

import contextlib
import os
import re
import shutil
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from shlex import quote

from rich.live import Live
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from artpipe.artifacts import paths
from artpipe.artifacts.report import ReportCard, load_report
from artpipe.config.params import load_params
from artpipe.errors import ArtpipeError, StoppedError
from artpipe.language.sentences import make_sentence
from artpipe.orchestration.reporting.run_progress import RunProgress
from artpipe.orchestration.scheduling.dvc_graph import Stage
from artpipe.system.plain_text import hide_passwords, to_printable
from artpipe.system.terminal import PlainConsole
from artpipe.system.units import format_duration

_console = PlainConsole(highlight=False, soft_wrap=True)
_DVC_PROGRESS = ("Running stage ", "> artpipe ", "Updating lock file", "Generating lock file", "Use `dvc push`")
_DVC_EMPTY = re.compile(r"WARNING: '.*' is empty\.")  # folders of a project that has nothing yet
_LIVE_PER_SECOND = 2
_FIRST_LINE_SECONDS, _LINE_SECONDS, _LINE_SHARE = 10.0, 60.0, 0.05  # of progress, where there is no terminal
_DVC_HINTS = ("To track the changes with git", "To enable auto staging", "git add ", "dvc config core.autostage")
_GRADE_COLOURS = {"good": "green", "fair": "green", "failed": "red", "stale": "dim"}  # all others yellow


def print_stage_count(stages: Sequence[Stage]) -> None:
    """Print how many stages are to run."""
    if not stages:
        _console.print("Everything is up to date.")
        return
    stale = sum(stage.stale for stage in stages)
    below = f", {len(stages) - stale} below them" if len(stages) > stale else ""
    _console.print(f"[bold]{stale}[/] stale stage{'s' * (stale != 1)}{below}")


def print_run_start(name: str, parameters: Mapping[str, object]) -> None:
    """Print that a run of a deployment starts, and with what parameters."""
    options = {key: parameters.get(key) for key in ("targets", "dataset", "force")}
    requested = [key if value is True else f"{key} {value}" for key, value in options.items() if value]
    _console.print(f"[bold]run {escape(name)}[/] {escape(', '.join(requested))}".rstrip())


def print_repairs(repairs: Sequence[str]) -> None:
    """Print what was repaired before anything ran."""
    for repair in repairs:
        _console.print(f"[yellow]{escape(repair)}[/]")


@contextlib.contextmanager
def time_stage(name: str) -> Iterator[Callable[[], float]]:
    """Print when a stage starts, how it ended and how long it took.

    Yields:
        A function that returns the seconds since the start.
    """
    start = time.monotonic()
    _console.print(f"[cyan]>[/] {escape(name)}")
    try:
        yield lambda: time.monotonic() - start
    except StoppedError as error:  # on request: no failure
        _console.print(
            f"[yellow]-[/] {escape(name)} [dim]{_format_seconds(time.monotonic() - start)}[/] {escape(str(error))}"
        )
        raise
    except BaseException as error:
        _console.print(
            f"[red]x {escape(name)}[/] [dim]{_format_seconds(time.monotonic() - start)}[/] {escape(str(error))}"
        )
        raise
    _console.print(f"[green]+[/] {escape(name)} [dim]{_format_seconds(time.monotonic() - start)}[/]")


def print_output_line(name: str, line: str) -> None:
    """Print a line of a stage's output, without DVC's lines on itself."""
    text = line.strip()
    if text and not text.startswith((*_DVC_PROGRESS, *_DVC_HINTS)) and not _DVC_EMPTY.fullmatch(text):
        _console.print(f"  [dim]{escape(name)}[/] {escape(line)}")


def print_address(address: str) -> None:
    """Print where the gallery is, which fills while the run goes on."""
    _console.print(f"Gallery: {escape(address)} [dim](it fills from now on)[/]")


def print_note(sentence: str) -> None:
    """Print a remark that changes nothing."""
    _console.print(f"[dim]{escape(sentence)}[/]")


@contextlib.contextmanager
def show_progress(progress: RunProgress) -> Iterator[None]:
    """Show how far a run is while the body runs.

    On a terminal it stands below all else, elsewhere it is a line now and then.
    """
    if not _console.is_terminal:
        with _print_progress_lines(progress):
            yield
        return
    line = Live(
        get_renderable=lambda: Text.from_markup(describe_progress(progress), overflow="ellipsis", end=""),
        console=_console,
        refresh_per_second=_LIVE_PER_SECOND,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    with line:
        _console.show_cursor()  # a killed run leaves the terminal as it was
        yield


@contextlib.contextmanager
def _print_progress_lines(progress: RunProgress) -> Iterator[None]:
    """Print a line when much has changed.

    That is after ten seconds, then with every twentieth of the run, once a minute at least.
    """
    over = threading.Event()

    def speak() -> None:
        pause, last_share, last_time = _FIRST_LINE_SECONDS, 0.0, time.monotonic()
        while not over.wait(pause):
            pause = 1.0
            now, share = time.monotonic(), progress.share()
            if not last_share or share - last_share >= _LINE_SHARE or now - last_time >= _LINE_SECONDS:
                last_share, last_time = share, now
                _console.print(describe_progress(progress))

    thread = threading.Thread(target=speak, name="progress lines", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def describe_progress(progress: RunProgress) -> str:
    """Return one line of markup: percent, time left, what runs at which step."""
    running = [
        f"{escape(name)} {100 * step // steps} %" if steps else escape(name)
        for name, (step, steps) in progress.running().items()
    ]
    share, left = int(100 * min(progress.share(), 0.99)), format_duration(progress.seconds_left())
    return f"[bold]{share:3d} %[/]  about {left} left  [dim]{', '.join(running)}[/]"


def print_failure(sentence: str, details: Iterable[str] = ()) -> None:
    """Print in one line why the flow fell short, and a line for each detail."""
    for line in (sentence, *details):
        _console.print(f"[red]{escape(to_printable(line))}[/]")


def load_reports() -> list[ReportCard]:
    """Return the reports that exist, in the order of params.yaml."""
    cards = []
    for name in load_params().models:
        with contextlib.suppress(ArtpipeError):
            cards.append(load_report(paths.report(name))[0])
    return cards


def current_grade(card: ReportCard, undone: Collection[str]) -> tuple[str, str]:
    """Return a model's grade and the reason for it.

    It is `stale` where the model should have been evaluated anew and was not.
    """
    if f"evaluate@{card.model}" in undone:
        return "stale", f"its report is older than what failed ({card.verdict.grade} then)"
    return card.verdict.grade, make_sentence(card.verdict)


def print_summary(undone: Collection[str] = (), targets: Collection[str] = ()) -> None:
    """Print each model's grade, and where the gallery and the runs can be seen.

    Args:
        undone: stages that should have run and did not.
        targets: stages that were asked for, whose models alone are told of; empty: all.
    """
    models = {target.partition("@")[2] for target in targets}
    table = Table("model", "grade", "why", box=None, header_style="dim", padding=(0, 2, 0, 0))
    for card in load_reports():
        if models and card.model not in models:
            continue
        grade, reason = current_grade(card, undone)
        colour = _GRADE_COLOURS.get(grade, "yellow")
        table.add_row(card.model, f"[{colour}]{grade}[/]", escape(reason))
    if table.row_count:
        _console.print(table)
    if not load_params().models:
        _console.print("There are no models yet. Next: artpipe dataset add PATH --name NAME, then artpipe run")
    for title, address in list_addresses():
        _console.print(f"{title}: {address}")


def list_addresses() -> list[tuple[str, str]]:
    """Return where the gallery and the runs can be seen, each with its title.

    The gallery's is an address to click, that of the runs a server's address or a command to type.
    """
    index = (paths.gallery() / "index.html").absolute()
    addresses = [("Gallery", index.as_uri())] if index.exists() else []
    return [*addresses, ("Runs", hide_passwords(os.environ.get("MLFLOW_TRACKING_URI", "")) or _ui_command())]


def _ui_command() -> str:
    makefile = Path("Makefile")
    if makefile.is_file() and "\nui:" in makefile.read_text(errors="replace"):
        return "make ui"
    artpipe, project = Path(sys.executable).parent / "artpipe", Path.cwd()  # not resolved: the environment's own folder
    on_path = shutil.which("artpipe")
    if artpipe.is_relative_to(project):
        artpipe = artpipe.relative_to(project)
    elif on_path and Path(on_path).resolve() == artpipe.resolve():
        artpipe = Path("artpipe")
    return f"{quote(str(artpipe))} ui"


def _format_seconds(seconds: float) -> str:
    minutes, rest = divmod(seconds, 60)
    return f"{minutes:.0f} min {rest:02.0f} s" if minutes else f"{rest:.1f} s"
