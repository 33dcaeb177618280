"""What a person is told at the end: addresses to click, and commands that can be typed as they stand."""

import io
import sys
import time
from pathlib import Path
from unittest import mock

import pytest
from rich.text import Text

from artpipe.artifacts.report import Finding
from artpipe.errors import StoppedError
from artpipe.orchestration.reporting import console
from artpipe.orchestration.reporting.console import current_grade, list_addresses
from artpipe.orchestration.scheduling.dispatcher import Outcome
from artpipe.orchestration.scheduling.run_failures import MistakeError, StagesFailedError
from artpipe.system.terminal import PlainConsole


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A project's folder, no server named."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def test_the_gallery_is_an_address(folder):
    """It opens in a browser from wherever it is clicked; where none hangs, none is told."""
    assert "Gallery" not in dict(list_addresses())
    (folder / "data/gallery").mkdir(parents=True)
    (folder / "data/gallery/index.html").touch()
    assert dict(list_addresses())["Gallery"] == f"file://{folder}/data/gallery/index.html"


def test_runs_are_where_they_were_sent(folder, monkeypatch):
    """A server that was named is named again."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert dict(list_addresses())["Runs"] == "http://127.0.0.1:5000"


def test_runs_are_shown_by_make_where_it_can(folder):
    """A Makefile with that target; another one is no help."""
    Path("Makefile").write_text("all:\n")
    assert dict(list_addresses())["Runs"].endswith("artpipe ui")
    Path("Makefile").write_text("all:\n\nui: all\n")
    assert dict(list_addresses())["Runs"] == "make ui"


def test_artpipe_is_called_where_it_lies(folder, monkeypatch):
    """It need not be on PATH: beside this interpreter, from the project's folder where it lies below it."""
    monkeypatch.setattr(sys, "executable", str(folder / ".venv/bin/python"))
    assert dict(list_addresses())["Runs"] == ".venv/bin/artpipe ui"
    monkeypatch.setattr(sys, "executable", "/usr/local/python/bin/python")
    assert dict(list_addresses())["Runs"] == "/usr/local/python/bin/artpipe ui"


def test_a_report_older_than_a_failure_is_stale():
    """What should have been evaluated anew and was not has no grade; what was not touched has one."""
    finding = Finding(verdict="healthy", score="kid", value=0.1, bound=0.2, sentence="It is near.")
    card = mock.Mock(model="digits-vae", verdict=finding)
    assert current_grade(card, {"train@other"}) == ("fair", "It is near.")
    said, why = current_grade(card, {"train@digits-vae", "evaluate@digits-vae"})
    assert (said, "older" in why, "fair then" in why) == ("stale", True, True)


class Half:
    """A run that is half over."""

    def share(self):
        return 0.5

    def seconds_left(self):
        return 300.0

    def running(self):
        return {"train@gan": (30, 120), "evaluate@[red]": (0, 0)}


def test_one_line_says_how_far_a_run_is():
    """Percent, time left, what runs and at which part of its steps; a name is no markup."""
    assert Text.from_markup(console.describe_progress(Half())).plain == (
        " 50 %  about 5 min left  train@gan 25 %, evaluate@[red]"
    )


def test_on_a_terminal_the_line_stays_below_all_others(monkeypatch):
    """What is printed meanwhile stands above it; in the end it is gone, and the cursor was never hidden for long."""
    stream = io.StringIO()
    monkeypatch.setattr(console, "_console", PlainConsole(file=stream, force_terminal=True, width=100, soft_wrap=True))
    with console.show_progress(Half()):
        console.print_note("a line")
        time.sleep(0.7)
    text = stream.getvalue()
    assert text.index("a line") < text.rindex("about 5 min left")
    assert text.rstrip().endswith("\x1b[2K") or text.endswith("\x1b[1A\x1b[2K")
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")


def test_without_a_terminal_it_is_a_line_now_and_then(monkeypatch):
    """The first comes after some seconds, the next when much has changed: not one each second."""
    stream = io.StringIO()
    monkeypatch.setattr(console, "_console", PlainConsole(file=stream, width=100, soft_wrap=True))
    monkeypatch.setattr(console, "_FIRST_LINE_SECONDS", 0.05)
    with console.show_progress(Half()):
        time.sleep(1.5)
    assert stream.getvalue().count("about 5 min left") == 1
    assert "\x1b" not in stream.getvalue()


def printed(monkeypatch, function, *arguments, **named) -> list[str]:
    output = io.StringIO()
    monkeypatch.setattr(console, "_console", PlainConsole(file=output, highlight=False, soft_wrap=True))
    function(*arguments, **named)
    return output.getvalue().splitlines()


def test_the_summary_tells_of_the_models_that_were_asked_for(folder, monkeypatch):
    """`artpipe run NAME` says how that one did; without a name it tells of all."""
    finding = Finding(verdict="healthy", score="kid", value=0.1, bound=0.2, sentence="It is near.")
    cards = [mock.Mock(model=name, verdict=finding) for name in ("digits-gan", "digits-vae")]
    monkeypatch.setattr(console, "load_reports", lambda: cards)
    monkeypatch.setattr(console, "load_params", lambda: mock.Mock(models={"digits-gan": {}, "digits-vae": {}}))
    told = "\n".join(printed(monkeypatch, console.print_summary, targets=["evaluate@digits-vae"]))
    assert ("digits-vae" in told, "digits-gan" in told) == (True, False)
    assert "digits-gan" in "\n".join(printed(monkeypatch, console.print_summary))


def test_an_empty_project_is_told_what_comes_next(folder, monkeypatch):
    """Once, in place of DVC's warnings of empty folders."""
    monkeypatch.setattr(console, "load_reports", list)
    monkeypatch.setattr(console, "load_params", lambda: mock.Mock(models={}))
    assert "artpipe dataset add PATH --name NAME" in printed(monkeypatch, console.print_summary)[0]
    assert printed(monkeypatch, console.print_output_line, "gallery", "WARNING: 'data/reports' is empty.") == []
    assert printed(monkeypatch, console.print_output_line, "gallery", "WARNING: the disk is full") != []


def test_a_stopped_stage_did_not_fail(capsys, monkeypatch):
    """It is told in plain words and without the sign of what failed."""
    monkeypatch.setattr(console, "_console", PlainConsole(highlight=False, soft_wrap=True))
    with pytest.raises(StoppedError), console.time_stage("train@gan"):
        raise StoppedError("stopped; it goes on when started again")
    with pytest.raises(RuntimeError), console.time_stage("train@vae"):
        raise RuntimeError("failed with exit code 1")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1] == "- train@gan 0.0 s stopped; it goes on when started again"
    assert lines[3] == "x train@vae 0.0 s failed with exit code 1"


def test_a_failure_is_one_line(capsys, monkeypatch):
    """Whatever a name in it holds."""
    monkeypatch.setattr(console, "_console", PlainConsole(highlight=False, soft_wrap=True))
    console.print_failure("a\nb: no such model")
    assert capsys.readouterr().out == "a\\nb: no such model\n"


def test_each_mistake_below_a_failure_has_a_line(capsys, monkeypatch):
    """What failed first, then a line for each mistake of the person, whatever a name in it holds."""
    monkeypatch.setattr(console, "_console", PlainConsole(highlight=False, soft_wrap=True))
    failed = {"train@vae": MistakeError("models.vae.steps:\nexpected a number"), "train@gan": RuntimeError("ended")}
    error = StagesFailedError(Outcome(failed=failed, not_run=["evaluate@vae"]))
    console.print_failure(*error.describe())
    assert capsys.readouterr().out.splitlines() == [
        "failed: train@vae, train@gan; not run, because what they read from failed: evaluate@vae",
        "train@vae: models.vae.steps:\\nexpected a number",
    ]
