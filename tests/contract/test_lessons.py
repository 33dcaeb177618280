"""The lessons can be followed: each command parses; nightly, each lesson runs from an empty folder.

That their links lead somewhere is tested in test_docs.py.
"""

import ast
import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from artpipe import plugins
from tests.support.documents import list_commands, list_snippets, make_script

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "docs/lessons"
ENGLISH = sorted(path for path in FOLDER.glob("[1-9]-*.md") if not path.name.endswith(".zh-CN.md"))
PAGES = sorted(FOLDER.glob("*.md"))
SHELL = {"cd", "python", "sed", "ls", "rm", "cp", "grep"}  # what is typed besides artpipe
FEW_STEPS = "sed -i -E 's/steps: [0-9]+/steps: 20/; s/(samples|reference): 2000/\\1: 64/' params.yaml"
PICTURES_LIMIT, PICTURE_LIMIT = 600_000, 60_000  # bytes of all pictures, and of one


def name(path: Path) -> str:
    """Return a page's name, by which its tests are called."""
    return path.name


def translation(page: Path) -> Path:
    """Return the Chinese version of a page."""
    return page.with_name(page.name.removesuffix(".md") + ".zh-CN.md")


def test_there_are_six_lessons_in_two_languages():
    """Each page has its Chinese version beside it, and the first page names all six."""
    assert len(ENGLISH) == 6
    assert set(PAGES) == {path for page in [FOLDER / "README.md", *ENGLISH] for path in (page, translation(page))}
    for page in (FOLDER / "README.md", translation(FOLDER / "README.md")):
        linked = re.findall(r"\]\(([1-6]-[^)]+)\)", page.read_text(encoding="utf-8"))
        wanted = [lesson if page.name == "README.md" else translation(lesson) for lesson in ENGLISH]
        assert linked == [lesson.name for lesson in wanted]


def code_of(text: str) -> str:
    """Return what a snippet does: its syntax tree without the docstring."""
    module = ast.parse(text)
    assert ast.get_docstring(module)
    return ast.dump(ast.Module(module.body[1:], []))


@pytest.mark.parametrize("page", ENGLISH, ids=name)
def test_both_languages_have_the_same_commands(page):
    """What is typed and what is saved is the same but for comments and what a file says of itself."""
    assert list_commands(page) == list_commands(translation(page))
    ours, theirs = list_snippets(page), list_snippets(translation(page))
    assert {file: code_of(text) for file, text in ours.items()} == {
        file: code_of(text) for file, text in theirs.items()
    }


@pytest.mark.parametrize("page", [page for page in PAGES if "README" not in page.name], ids=name)
def test_a_lesson_has_its_parts(page):
    """An aim, what is needed, three questions with three answers, and a picture of the class."""
    text = page.read_text(encoding="utf-8")
    headings = re.findall(r"^## (.*)$", text, flags=re.MULTILINE)
    chinese = page.name.endswith(".zh-CN.md")
    wanted = ["问题", "全班的画", "答案"] if chinese else ["Questions", "The picture of the class", "Answers"]
    assert headings[-3:] == wanted
    assert 4 <= len(headings) - 3 <= 6
    for heading in (wanted[0], wanted[2]):
        section = text.partition(f"## {heading}\n")[2].partition("\n## ")[0]
        assert re.findall(r"^(\d)\. ", section, flags=re.MULTILINE) == ["1", "2", "3"]
    assert (
        ("**目标。**" in text and "**需要。**" in text) if chinese else ("**Aim.**" in text and "**Needed.**" in text)
    )


def test_the_pictures_are_small_and_all_are_shown():
    """No picture is above 60 kB, all together are below 600 kB, and each hangs in both languages."""
    pictures = [path for path in FOLDER.iterdir() if path.suffix in {".webp", ".png"}]
    assert max(path.stat().st_size for path in pictures) < PICTURE_LIMIT
    assert sum(path.stat().st_size for path in pictures) < PICTURES_LIMIT
    for pages in ([*ENGLISH], [translation(page) for page in ENGLISH]):
        text = "".join(page.read_text(encoding="utf-8") for page in pages)
        assert [path.name for path in pictures if f"({path.name})" not in text] == []


@pytest.mark.parametrize("page", ENGLISH, ids=name)
def test_the_commands_of_a_lesson_parse(page):
    """Each command of artpipe exists with its options, each parameter belongs to its kind, each file is a snippet's."""
    snippets = list_snippets(page)
    for line in list_commands(page):
        command, *arguments = shlex.split(line)
        if command == "artpipe":
            parse(arguments)
        else:
            assert command in SHELL, line
        if command == "python":
            assert Path(arguments[0]).name in snippets, line


def parse(arguments: list[str]) -> None:
    """Parse a command of artpipe without running it; a mistake raises."""
    from artpipe.cli.app import app

    command = typer.main.get_command(app)
    context = command.make_context("artpipe", list(arguments))
    while hasattr(command, "resolve_command"):
        _, command, rest = command.resolve_command(context, [*context._protected_args, *context.args])
        context = command.make_context(command.name, rest, parent=context)
    if "kind" in context.params:
        fields = plugins.load_plugin("models", context.params["kind"]).params.model_fields
        keys = [parameter.partition("=")[0] for parameter in context.params["parameter"]]
        assert [key for key in keys if key not in fields] == []


@pytest.mark.parametrize("page", ENGLISH, ids=name)
def test_what_a_snippet_imports_is_there(page):
    """Each name that a snippet takes from a module is in it."""
    for text in list_snippets(page).values():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module)
                for alias in node.names:
                    assert hasattr(module, alias.name) or importlib.import_module(f"{node.module}.{alias.name}")
            elif isinstance(node, ast.Import):
                for alias in node.names:
                    importlib.import_module(alias.name)


@pytest.mark.nightly
@pytest.mark.timeout(1800)
@pytest.mark.xdist_group("lessons")
@pytest.mark.parametrize("page", ENGLISH, ids=name)
def test_a_lesson_runs_from_an_empty_folder(page, tmp_path):
    """All commands and snippets, from top to bottom, with few steps and samples, end well."""
    script = re.sub(r"steps=\d+", "steps=20", make_script(page))
    script = re.sub(r"^(?=artpipe run)", lambda _: f"{FEW_STEPS}\n", script, flags=re.MULTILINE)
    environment = {**os.environ, "ARTPIPE_TRACKING": "off", "ARTPIPE_MEASURE": "off"}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        ["bash", "-e"], input=script, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
