"""What programs get: one document on stdout, with the keys of docs/json.md."""

import json
import re
import sys
import time
from pathlib import Path
from typing import NoReturn

import pytest
from typer.main import get_command

from artpipe.cli import command_result
from artpipe.cli.app import app
from artpipe.cli.command_result import show_result
from artpipe.errors import UserError
from tests.conftest import ROOT

TABLE = dict(
    re.findall(r"^\| `artpipe ([a-z ]+)` \| (.*) \|$", (ROOT / "docs/json.md").read_text(), flags=re.MULTILINE)
)
PROSE = (ROOT / "docs/json.md").read_text().partition("Without it")[2]


def commands():
    """Yield every command by its name."""
    for name, command in get_command(app).commands.items():
        for inner, each in getattr(command, "commands", {"": command}).items():
            yield f"{name} {inner}".strip(), each


def test_every_command_that_programs_may_ask_is_documented():
    """The table has those with `--json`, and none besides; the sentence below it those without."""
    asked = {name for name, command in commands() if any("--json" in param.opts for param in command.params)}
    assert set(TABLE) == asked
    others = {name for name, command in commands() if command.rich_help_panel != "Stages, called by dvc.yaml"} - asked
    assert others - {"help", "dataset watch"} == set(re.findall(r"`([a-z]+)`", PROSE)) & others


@pytest.fixture
def ask(artpipe):
    """Return a function that runs a command with `--json` and returns its document, whose keys the table has."""

    def run(*arguments: str):
        code, out, _ = artpipe(*arguments, "--json")
        assert code == 0
        document = json.loads(out)
        words = " ".join(str(argument) for argument in arguments)
        row = next(row for name, row in TABLE.items() if words.startswith(name))
        keys = {key for each in (document if isinstance(document, list) else [document]) for key in each}
        assert keys - set(re.findall(r"`([a-z_]+)`", row)) == set()
        return document

    return run


def test_a_project_is_made(ask, tmp_path):
    """A program may make one and go on in its folder."""
    made = ask("new", tmp_path / "mine", "--from", "pictures")
    assert (made["folder"], made["starter"], made["repository"]) == (str(tmp_path / "mine"), "pictures", None)


def test_datasets_and_models_come_and_go(ask, artpipe, studio):
    """Each step says what it changed; what is said on the way goes to stderr."""
    added = ask("dataset", "add", studio / "datasets/shapes", "--name", "mine", "--models", "gan")
    assert added["models"] == [{"name": "mine-gan", "kind": "gan", "dataset": "mine"}]
    assert (added["path"], added["understood"]["works"]) == ("datasets/mine", 24)
    assert Path(added["contact_sheet"]).is_file()
    vae = ask("model", "add", "mine-vae", "--kind", "vae", "--dataset", "mine", "-P", "steps=7")
    assert (vae["name"], vae["entry"]["steps"]) == ("mine-vae", 7)
    assert ask("model", "remove", "mine-vae") == {"name": "mine-vae"}
    planned = ask("dataset", "remove", "mine")  # nobody is asked
    assert (planned["removed"], planned["files"], planned["models"]) == (False, 24, ["mine-gan"])
    assert ask("dataset", "remove", "mine", "--yes") == {**planned, "removed": True}
    assert ask("dataset", "restore", "mine") == {"name": "mine", "path": "datasets/mine", "models": ["mine-gan"]}
    code, out, err = artpipe("dataset", "remove", "nobody", "--yes", "--json")
    assert (code, out, err.count("\n")) == (2, "", 1)


def test_presets_are_listed_and_laid_over(ask, studio):
    """Which there are, what one would change, and what it changed."""
    assert [row["name"] for row in ask("preset") if row["in_force"]] == ["default"]
    (studio / "presets").mkdir(exist_ok=True)
    (studio / "presets/quick.yaml").write_text("models:\n  shapes-classifier: {steps: 3}\n")
    planned = ask("preset", "quick", "--plan")
    (change,) = planned["changes"]
    assert (planned["written"], change["place"], change["after"]) == (False, "models.shapes-classifier.steps", 3)
    assert ask("preset", "quick") == {**planned, "written": True}


def test_nothing_was_withdrawn_and_nothing_evaluated(ask, studio):
    """An empty list is a document too."""
    assert ask("forget", "--list") == {"tombstones": []}
    assert ask("promote") == {"promotions": []}


def test_what_is_printed_on_the_way_goes_to_stderr(capsys):
    """Stdout has the document alone."""

    class Result:
        def to_text(self) -> str:
            return "done"

        def to_json(self) -> dict[str, str]:
            return {"title": "Dürer"}

    def work() -> Result:
        sys.stdout.write("half of it\n")
        return Result()

    show_result(work, as_json=True)
    assert capsys.readouterr() == ('{\n "title": "D\\u00fcrer"\n}\n', "half of it\n")
    assert show_result(work).to_text() == "done"
    assert capsys.readouterr() == ("half of it\ndone\n", "")


def test_a_table_is_printed_by_its_result(capsys):
    """What has colours prints itself, and is JSON all the same."""

    class Table:
        def print_text(self) -> None:
            sys.stdout.write("table\n")

        def to_json(self) -> list[int]:
            return [1]

    show_result(Table)
    assert capsys.readouterr() == ("table\n", "")
    show_result(Table, as_json=True)
    assert capsys.readouterr() == ("[\n 1\n]\n", "")


def test_an_error_may_have_a_document(capsys):
    """It stands on stdout with `--json` alone, and the error goes on."""

    class FaultyError(UserError):
        def to_json(self) -> dict[str, bool]:
            return {"ok": False}

    def work() -> NoReturn:
        raise FaultyError("two faults")

    for as_json, out in ((False, ""), (True, '{\n "ok": false\n}\n')):
        with pytest.raises(FaultyError):
            show_result(work, as_json=as_json)
        assert capsys.readouterr() == (out, "")


def test_slow_work_says_so(capsys, monkeypatch):
    """One line on stderr, and none of what is quick or has nothing to say."""
    monkeypatch.setattr(command_result, "SLOW_SECONDS", 0.01)

    class Result:
        def to_text(self) -> str:
            time.sleep(0.1)
            return "done"

        def to_json(self) -> str:
            return "done"

    def work() -> Result:
        time.sleep(0.3)
        return Result()

    show_result(work, if_slow="looking at a\nb", as_json=True)
    assert capsys.readouterr() == ('"done"\n', "looking at a\\nb ...\n")
    show_result(work)
    monkeypatch.setattr(command_result, "SLOW_SECONDS", 60.0)
    show_result(work, if_slow="looking")
    assert capsys.readouterr() == ("done\ndone\n", "")


def test_lists_are_documents(ask, studio):
    """What is asked of a project without trainings: each answer is one document."""
    assert ask("runs") == []
    assert {row["name"] for row in ask("model", "list")} >= {"gan", "vae"}
    assert ask("check")["ok"] is True
    assert ask("dataset", "inspect", studio / "datasets/shapes")["works"] == 24
