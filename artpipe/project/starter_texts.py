"""What a new project says of itself: README, pyproject.toml and next steps."""

import os
import re
import shutil
import sys
import unicodedata
import zlib
from pathlib import Path

from artpipe import __version__
from artpipe.system.plain_text import to_printable
from artpipe.system.shell_quoting import quote_folder

STARTERS = {
    "museum": "the default gallery: six rooms from public pictures, verses and chorales, about 14 min on two cores",
    "pictures": "empty, for pictures of your own",
    "texts": "empty, for poems or prose of your own",
    "music": "empty, for scores of your own",
}
_FIRST_COMMANDS = {
    "museum": (("run", "makes the gallery, and prints where it is"),),
    "pictures": (("dataset add ~/pictures --name mine", "a folder or an archive"), ("run", "makes the gallery")),
    "texts": (("dataset add ~/poems --name mine", "a folder or one file"), ("run", "makes the gallery")),
    "music": (("dataset add ~/scores --name mine", "a folder or an archive"), ("run", "makes the gallery")),
}
_LATER_COMMANDS = (
    ("plan", "what would run, why, and how long it takes"),
    ("serve", "gallery, MLflow, Prefect and its schedule in a browser, until Ctrl-C"),
    ("upgrade --plan", "after another artpipe was installed: what would run again"),
)
_COMMIT_COMMAND = "git add -A && git commit -m 'New gallery'"


def describe_next_steps(folder: Path, starter: str, *, has_own_repository: bool) -> str:
    """Return what to type next, in lines that can be copied.

    Args:
        folder: of the project.
        starter: one of `STARTERS`.
        has_own_repository: a git repository was made for it, which has no commit yet.
    """
    display_path = os.path.relpath(folder) if folder.absolute().is_relative_to(Path.cwd()) else str(folder)
    install, prefix = _choose_installation()
    steps = [(f"{prefix}artpipe {command}", effect) for command, effect in _FIRST_COMMANDS[starter]]
    if has_own_repository:
        steps.insert(-1, (_COMMIT_COMMAND, "so that labels name the commit that works were made at"))
    if install:
        steps.insert(0, (install, "artpipe and what it needs, in .venv"))
    if display_path != ".":
        steps.insert(0, (f"cd {quote_folder(display_path)}", ""))
    width = max(len(command) for command, _ in steps)
    return "\n".join(
        ["next:", *(f"  {command:<{width}}  # {effect}" if effect else f"  {command}" for command, effect in steps)]
    )


def _choose_installation() -> tuple[str, str]:
    """Return the command that installs artpipe, and what precedes its own.

    Nothing where the environment that runs now stays and is on PATH. `uvx` puts its own, which does not stay, on PATH
    as well: it sets UV but, unlike an activated environment, no VIRTUAL_ENV.
    """
    is_activated = Path(os.environ.get("VIRTUAL_ENV", "/nowhere")) == Path(sys.prefix)
    is_on_path = shutil.which("artpipe") is not None
    if is_on_path and (is_activated or not os.environ.get("UV")):
        return "", ""
    if os.environ.get("UV") or shutil.which("uv"):
        return "uv sync", "uv run "
    return "python3 -m venv .venv && .venv/bin/pip install .", ".venv/bin/"


def make_project_name(title: str) -> str:
    """Return a name for pyproject.toml: letters of ASCII, digits and `-`.

    Accents go. Of a title with letters that have no like in ASCII, a checksum keeps two titles apart.
    """
    letters = "".join(letter for letter in unicodedata.normalize("NFKD", title) if not unicodedata.combining(letter))
    name = re.sub(r"[^a-z0-9]+", "-", letters.lower()).strip("-")
    if any(letter.isalnum() and not letter.isascii() for letter in letters):
        return f"{name or 'gallery'}-{zlib.crc32(title.encode('utf-8', 'surrogateescape')):08x}"
    return "gallery" if name in {"", "artpipe"} else name  # a project cannot depend on its own name


def make_pyproject_text(title: str) -> str:
    """Return pyproject.toml, which pins the minor version of artpipe."""
    minor = ".".join(__version__.split(".")[:2])
    return (
        "# What this project runs with; `uv sync` or `pip install .` installs it.\n"
        f'[project]\nname = "{make_project_name(title)}"\nversion = "0"\nrequires-python = ">=3.11"\n'
        f'dependencies = ["artpipe=={minor}.*"]\n\n'
        "[tool.uv]\npackage = false\n\n[tool.setuptools]\npy-modules = []\n"
    )


def make_readme_text(title: str, starter: str) -> str:
    """Return the README of a new project: commands by uv first, and its files."""
    rows = [(f"uv run artpipe {command}", effect) for command, effect in (*_FIRST_COMMANDS[starter], *_LATER_COMMANDS)]
    rows = [("uv sync", "artpipe and what it needs, in .venv"), *rows]
    width = max(len(command) for command, _ in rows)
    commands = "".join(f"{command:<{width}}  # {effect}\n" for command, effect in rows)
    return (
        f"# {to_printable(title)}\n\nA gallery made with artpipe: {STARTERS[starter]}.\n\n```sh\n{commands}```\n\n"
        "Without uv: `python3 -m venv .venv && .venv/bin/pip install .`, then `.venv/bin/artpipe` where `uv run artpipe` stands above.\n"
        f"`{_COMMIT_COMMAND}` before the first run: labels then name the commit that works were made at.\n\n"
        "| file | what it is |\n|---|---|\n"
        "| `params.yaml` | every number that may be turned: datasets, models, evaluation, gallery |\n"
        "| `datasets/` | the works, tracked by DVC (`NAME.dvc`), or a card that says where they come from |\n"
        "| `presets/` | other budgets, one file each: a part of `params.yaml` that `artpipe preset NAME` lays over it |\n"
        "| `plugins/` | models, metrics, extractors, sections, sources and modalities of your own, one file each |\n"
        "| `dvc.yaml`, `code.yaml` | the graph and the fingerprints of the code; artpipe writes them |\n"
        "| `flows/gallery.py`, `prefect.yaml` | the flow that runs the stages, and when it runs by itself |\n"
        "| `champions.json` | the best model of each dataset and kind |\n"
        "| `curation.yaml` | which works a person picked, hid, named and bred; `artpipe curate` writes it |\n"
    )
