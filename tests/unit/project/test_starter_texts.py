"""What a new project says: commands that work where it was made, a name that is one."""

import re
import sys
from pathlib import Path

import pytest

from artpipe.project import starter_texts
from artpipe.project.starter_texts import describe_next_steps, make_project_name, make_pyproject_text, make_readme_text


def next_commands(monkeypatch, *, programs=("artpipe",), starter="museum", folder="mon été", own=True, **env):
    for name in ("UV", "VIRTUAL_ENV"):
        monkeypatch.delenv(name, raising=False)
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(starter_texts.shutil, "which", lambda name: f"/bin/{name}" if name in programs else None)
    text = describe_next_steps(Path(folder), starter, has_own_repository=own)
    return [line.partition("  # ")[0].strip() for line in text.splitlines()[1:]]


def test_after_uvx_the_project_gets_an_environment_of_its_own(monkeypatch):
    """That of `uvx` is on PATH while it runs, and not afterwards."""
    assert next_commands(monkeypatch, UV="/bin/uv", own=False) == ["cd 'mon été'", "uv sync", "uv run artpipe run"]


def test_an_environment_that_stays_is_used(monkeypatch):
    """An activated one, also by `uv run`; or one that was put on PATH, such as by pipx."""
    assert next_commands(monkeypatch, own=False) == ["cd 'mon été'", "artpipe run"]
    assert next_commands(monkeypatch, own=False, UV="/bin/uv", VIRTUAL_ENV=sys.prefix) == [
        "cd 'mon été'",
        "artpipe run",
    ]


def test_without_uv_pip_installs(monkeypatch):
    """Called by its path, where neither artpipe nor uv is on PATH."""
    commands = next_commands(monkeypatch, programs=(), own=False)
    assert commands[1:] == ["python3 -m venv .venv && .venv/bin/pip install .", ".venv/bin/artpipe run"]


def test_a_first_commit_comes_before_the_first_run(monkeypatch):
    """Where a repository was made, in which there is none yet."""
    commands = next_commands(monkeypatch, starter="pictures", folder=".")
    assert [re.sub(r" -m .*", "", command) for command in commands] == [
        "artpipe dataset add ~/pictures --name mine",
        "git add -A && git commit",
        "artpipe run",
    ]


@pytest.mark.parametrize(
    ("title", "name"),
    [("mon été", "mon-ete"), ("My Studio!", "my-studio"), ("artpipe", "gallery"), ("# ? %", "gallery")],
)
def test_the_name_of_a_project_is_its_title_in_ascii(title, name):
    """Accents go; what a project depends on cannot be its name."""
    assert make_project_name(title) == name


def test_titles_in_other_letters_do_not_collide():
    """Each has a name that the packaging standard allows."""
    names = [make_project_name(title) for title in ("日本", "中国", "Ærø", "Erø", "日本 art")]
    assert len(set(names)) == len(names)
    assert all(re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name) for name in names)
    assert f'name = "{names[0]}"' in make_pyproject_text("日本")


@pytest.mark.parametrize("starter", starter_texts.STARTERS)
def test_the_readme_says_each_command_once(starter):
    """By uv first, then what stands in for it."""
    text = make_readme_text("mine", starter)
    commands = re.findall(r"^uv run (artpipe .*?)  +#", text, flags=re.MULTILINE)
    assert len(set(commands)) == len(commands) >= 4
    assert text.index("uv sync") < text.index("pip install")
