"""The command line: quick, plain, and never a traceback for what a person did."""

import os
import re
import resource
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from artpipe.cli.app import app
from artpipe.cli.command_classes import ProjectCommand
from artpipe.cli.early_project_check import PROJECT_COMMANDS


def cpu_seconds(*command: str) -> float:
    """Return the CPU time of a command, which does not depend on who else is busy."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_help_is_quick():
    """`artpipe --help` takes under 0.2 s of a core, the median of ten."""
    assert statistics.median(cpu_seconds("artpipe", "--help") for _ in range(10)) < 0.25


def test_help_imports_nothing_heavy():
    """No torch, pandas, mlflow, pillow or rich for a page of help."""
    code = "import sys; sys.argv = ['artpipe', '-h']\nfrom artpipe.__main__ import main\n"
    code += "try: main()\nexcept SystemExit: pass\n"
    code += "sys.exit(' '.join({'torch', 'pandas', 'mlflow', 'PIL', 'rich', 'numpy'} & set(sys.modules)) or 0)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_commands_stand_under_headings(artpipe):
    """What is used every day comes first, the stages last, and the usual three are spelt out."""
    code, out, _ = artpipe("--help")
    assert code == 0
    places = [out.index(word) for word in ("Every day", "Your own pictures", "Looking closer", "Stages", "usual three")]
    assert places == sorted(places)


def test_help_begins_with_the_usual_commands(artpipe):
    """Those of a beginner with what they do, a line each; every other one by its name alone."""
    _, out, _ = artpipe("--help")
    _, everything, _ = artpipe("help", "all")
    told = re.findall(r"^  (\w+) +[A-Z]", out.partition("Every day")[2], flags=re.MULTILINE)
    assert told == [
        "new",
        "upgrade",
        "check",
        "run",
        "plan",
        "status",
        "gc",
        "doctor",
        "preset",
        "dataset",
        "model",
        "curate",
        "publish",
        "catalogue",
        "serve",
        "ui",
    ]
    more = out.partition("More")[2].partition("The usual")[0]
    every = re.findall(r"^  (\w+) +[A-Z]", everything.partition("Every day")[2], flags=re.MULTILINE)
    assert set(every) - set(told) <= set(re.findall(r"\w+", more))
    assert set(told) & set(re.findall(r"\w+", more)) == set()


def test_help_knows_every_command(artpipe):
    """`artpipe help dataset add` is `artpipe dataset add --help`; a word that is none is a mistake, and answered by the nearest."""
    assert artpipe("help") == artpipe("--help")
    assert artpipe("help", "dataset", "add") == artpipe("dataset", "add", "--help")
    line = "artpipe: there is no command `rnu`, did you mean `run`?; `artpipe help all` shows all\n"
    assert artpipe("help", "rnu") == (2, "", line)
    assert artpipe("help", "run", "all")[0] == 2


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["frob"], "there is no command `frob`; `artpipe help all` shows all"),
        (["modle"], "there is no command `modle`, did you mean `model`?; `artpipe help all` shows all"),
        (["dataset", "ad"], "there is no command `dataset ad`, did you mean `add`?; `artpipe help dataset` shows all"),
        (["train"], "Missing argument 'NAME'; `artpipe train -h` shows what it takes"),
        (["run", "--slot", "3"], "`artpipe run` has no option `--slot`, did you mean `--slots`?; `artpipe run -h` shows what it takes"),
        (["run", "-C", "p3"], "`artpipe run` has no option `-C`: it stands before the command, `artpipe -C DIR run`"),
        (["dataset", "add", "-C", "p3"], "`artpipe dataset add` has no option `-C`: it stands before the command, `artpipe -C DIR dataset add`"),
        (["--frob"], "`artpipe` has no option `--frob`; `artpipe -h` shows what it takes"),
        (["run", "--slots", "x"], "Invalid value for '--slots': Input should be a valid integer, unable to parse string as an integer; `artpipe run -h` shows what it takes"),
    ],
)  # fmt: skip
def test_a_wrong_command_line_is_one_line(artpipe, arguments, line):
    """It exits 2 and says what is wrong, the nearest name, and how to see what there is."""
    assert artpipe(*arguments) == (2, "", f"artpipe: {line}\n")


def test_the_version_is_that_of_the_package(artpipe):
    """In a project or outside of one, before any command."""
    from artpipe import __version__

    assert artpipe("--version") == (0, f"artpipe {__version__}\n", "")


def test_help_says_what_an_exit_code_means(artpipe):
    """On the first page and on that of every command."""
    for arguments in ([], ["run"], ["dataset", "add"]):
        assert "75 try again later" in artpipe(*arguments, "--help")[1]


@pytest.mark.parametrize(
    ("words", "wanted"), [("artpipe pl", "plan"), ("artpipe dataset in", "inspect"), ("artpipe run --sl", "--slots")]
)
def test_a_shell_completes_commands_and_options(artpipe, monkeypatch, words, wanted):
    """As the script asks that `artpipe --show-completion` prints for bash."""
    monkeypatch.setenv("_ARTPIPE_COMPLETE", "complete_bash")
    monkeypatch.setenv("COMP_WORDS", words)
    monkeypatch.setenv("COMP_CWORD", str(words.count(" ")))
    code, out, err = artpipe()
    assert (code, out.split(), err) == (0, [wanted], "")


def test_outside_of_a_project_a_command_ends_at_once(tmp_path):
    """In an empty folder: one line, nothing written, nothing heavy imported."""
    code = "import sys\nfrom artpipe.__main__ import main\ntry: main(sys.argv[1:])\nexcept SystemExit: pass\n"
    code += "heavy = {'torch', 'typer', 'pydantic', 'pandas', 'mlflow', 'PIL', 'numpy', 'dvc', 'prefect'} & set(sys.modules)\n"
    code += "sys.exit(' '.join(heavy) or 0)"
    for command in (["plan"], ["dataset", "remove", "x"], ["-C", str(tmp_path), "status"]):
        done = subprocess.run(
            [sys.executable, "-c", code, *command], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert done.stderr.startswith("artpipe: no project here")
        assert (done.stderr.count("\n"), done.returncode) == (1, 0), done.stderr
    assert list(tmp_path.iterdir()) == []


def test_every_command_that_needs_a_project_is_known_early():
    """The names that are looked for before anything is imported are those of the project commands."""
    names = {
        f"{group} {command.name}".strip()
        for group, commands in (("", app), *((each.name, each.typer_instance) for each in app.registered_groups))
        for command in get_command(commands).commands.values()
        if type(command) is ProjectCommand
    }
    assert names == PROJECT_COMMANDS


@pytest.mark.parametrize("arguments", [[], ["dataset"]])
def test_no_command_shows_the_help(artpipe, arguments):
    """Nothing was typed that could be run: the help is shown, and the exit code is 2."""
    code, out, err = artpipe(*arguments)
    assert (code, out) == (2, "")
    assert err == artpipe(*arguments, "--help")[1]


def test_a_reader_that_leaves_early_is_no_error():
    """`artpipe --help | head -1` prints no traceback."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(["artpipe", "--help"], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_one_line():
    """What is no bug of ours gets one line, and the exit code of what works later."""
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(["artpipe", "--help"], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (75, "artpipe: output: No space left on device\n")


@pytest.mark.parametrize("command", ["ingest", "preprocess", "train", "evaluate"])
def test_a_stage_for_nobody_is_one_line(studio, artpipe, command):
    """A name that is not in params.yaml is answered with the nearest one."""
    name = "shape" if command in {"ingest", "preprocess"} else "shapes-clasifier"
    code, _, err = artpipe(command, name)
    assert code == 2
    assert f"`{name}`, did you mean" in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("command", ["plan", "run"])
def test_a_mistake_stops_everything_before_it_starts(studio, artpipe, command):
    """`plan` and `run` end with the line of `check`, and no stage has run."""
    path = Path("params.yaml")
    path.write_text(path.read_text().replace("steps: 20", "stepps: 20"))
    code, out, err = artpipe(command)
    line = "params.yaml: `models.shapes-classifier.stepps` is not a parameter, did you mean `steps`?"
    assert (code, out, err) == (2, "", f"artpipe: {line}\n")
    assert not Path("data").exists()


@pytest.mark.parametrize(
    "closed", [*(pytest.param(one, marks=pytest.mark.nightly) for one in ("<&-", ">&-", "2>&-")), "<&- >&- 2>&-"]
)
def test_closed_streams_are_nobodys_business(studio, closed):
    """As some daemons start it: nothing fails, and nothing that is printed lands in a file that took the stream's number."""
    done = subprocess.run(
        ["bash", "-c", f"artpipe ingest shapes {closed}"], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert (studio / "data/record/shapes/report.json").exists()


@pytest.mark.nightly
def test_a_limit_of_the_system_is_one_line(studio):
    """A file that may not become as large as it has to (`ulimit -f`, FAT): one line and 1."""
    done = subprocess.run(
        ["bash", "-c", "ulimit -f 8; artpipe ingest shapes 2>&1 | cat"], capture_output=True, text=True, check=False
    )
    assert done.stdout == "artpipe: output: File too large\n"
