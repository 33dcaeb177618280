"""`artpipe new DIR`: create a project with what its owner changes.

No file of the package is in it.
"""

import contextlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from artpipe import __version__
from artpipe.artifacts.paths import STATE
from artpipe.code.code_yaml import record_code
from artpipe.errors import UserError, did_you_mean
from artpipe.plugins import PROJECT_FOLDER
from artpipe.project.dvc_yaml import make_graph_text
from artpipe.project.starter_texts import STARTERS, describe_next_steps, make_pyproject_text, make_readme_text
from artpipe.system.atomic_files import write_text

_FILES = Path(__file__).parents[1] / "starters"
_COPIED = {  # from `starters/` to the project
    "dvc/plots/curves.json": ".dvc/plots/curves.json",
    "dvc/plots/page.html": ".dvc/plots/page.html",
    "dvcignore": ".dvcignore",
    "flows/gallery.py": "flows/gallery.py",
    "prefect.yaml": "prefect.yaml",
    "weights/vgg16.yaml": "weights/vgg16.yaml",
}
_PLUGIN_GROUPS = ("metrics", "modalities", "models", "sections", "sources")
_DVC_CONFIG = """\
[core]
    analytics = false
    check_update = false
    autostage = false
[plots]
    html_template = plots/page.html
"""
_GITIGNORE = "/.venv/\n/data/\n/.state/\n/dvc_plots/\n__pycache__/\n*.py[cod]\n"


def create_project(folder: Path, starter: str = "museum") -> str:
    """Create a new project and return what to type next.

    Args:
        folder: is not there yet, or is empty.
        starter: one of `STARTERS`.

    Raises:
        UserError: the folder holds something, lies in a project already, or there is no such starter; nothing was written.
    """
    if starter not in STARTERS:
        starters = "; ".join(f"{name}: {text}" for name, text in STARTERS.items())
        raise UserError(f"--from {starter}: no such starter{did_you_mean(starter, STARTERS)} ({starters})")
    _require_empty(folder)
    _require_outside_projects(folder)
    repository = _find_git_root(folder)
    with _fill_folder(folder) as new_folder:
        _write_files(new_folder, starter, title=folder.absolute().name)
        has_git = _init_git(new_folder, repository)
    git_note = f"; git: part of the repository {repository}" if repository else ""
    next_steps = describe_next_steps(folder, starter, has_own_repository=has_git and not repository)
    return f"{folder}: a project for artpipe {__version__} ({STARTERS[starter]}){git_note}\n{next_steps}"


def _require_empty(folder: Path) -> None:
    if folder.is_dir():
        entries = sorted(path.name for path in folder.iterdir())
        if entries:
            some_names = ", ".join(entries[:3]) + (" ..." if len(entries) > 3 else "")  # noqa: PLR2004
            raise UserError(f"{folder}: not empty ({some_names}); name a folder that is empty or not there yet")
    elif folder.exists() or folder.is_symlink():
        raise UserError(f"{folder}: not a folder; name one that is empty or not there yet")


def _require_outside_projects(folder: Path) -> None:
    for above in folder.absolute().parents:
        if (above / "params.yaml").is_file() and (above / "dvc.yaml").is_file():
            raise UserError(f"{folder}: lies in the project {above}; a project cannot hold another one")


@contextlib.contextmanager
def _fill_folder(folder: Path) -> Iterator[Path]:
    """Yield a temporary folder, whose entries move to `folder` on success.

    On failure nothing of it stays.
    """
    created = [path for path in (folder, *folder.parents) if not path.exists()]
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".new.tmp.{os.getpid()}"
    try:
        temporary.mkdir()
        yield temporary
        for path in sorted(
            temporary.iterdir(), key=lambda path: path.name == "params.yaml"
        ):  # what makes it a project last
            path.replace(folder / path.name)
        temporary.rmdir()
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        for path in created:
            with contextlib.suppress(OSError):
                path.rmdir()
        raise


def _write_files(folder: Path, starter: str, title: str) -> None:
    for source, target in _COPIED.items():
        write_text(folder / target, (_FILES / source).read_text(encoding="utf-8"))
    write_text(folder / ".dvc/config", _DVC_CONFIG)
    write_text(folder / ".dvc/.gitignore", "/config.local\n/tmp\n/cache\n")
    write_text(folder / ".gitignore", _GITIGNORE)
    write_text(folder / "champions.json", '{\n  "format": 1\n}\n')
    write_text(folder / "dvc.yaml", make_graph_text())
    write_text(folder / "params.yaml", _make_params_text(starter, title))
    write_text(folder / "pyproject.toml", make_pyproject_text(title))
    write_text(folder / "README.md", make_readme_text(title, starter))
    (folder / "datasets").mkdir()
    if starter == "museum":
        for card in sorted((_FILES / "datasets").glob("*.yaml")):
            write_text(folder / "datasets" / card.name, card.read_text(encoding="utf-8"))
    else:
        write_text(folder / "datasets/.gitkeep", "")
    for group in _PLUGIN_GROUPS:
        write_text(folder / PROJECT_FOLDER / group / ".gitkeep", "")
    with contextlib.chdir(folder):  # the plugins of a project are those of the working directory
        record_code()
    shutil.rmtree(folder / STATE)


def _make_params_text(starter: str, title: str) -> str:
    """Return the default gallery's parameters, for other starters without entries."""
    text = (_FILES / "params.yaml").read_text(encoding="utf-8")
    if starter == "museum":
        return text
    parts = re.split(r"^(?=[a-z]+:)", text, flags=re.MULTILINE)
    empty = {
        "datasets": "datasets: {} # `artpipe dataset add PATH --name NAME` writes entries here\n\n",
        "weights": "weights: {} # for style transfer: `vgg16: {path: weights/vgg16.yaml}`\n\n",
        "models": "models: {} # and here, as does `artpipe model add`\n\n",
    }
    text = "".join(empty.get(part.partition(":")[0], part) for part in parts)
    text = re.sub(r"^  titles:.*\n(?:    .*\n)+", "  titles: {} # of models\n", text, flags=re.MULTILINE)
    return re.sub(r"^  title: .*$", f"  title: {json.dumps(title, ensure_ascii=False)}", text, flags=re.MULTILINE)


def _find_git_root(folder: Path) -> Path | None:
    """Return the git repository around a folder, None where there is none or no git."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.is_dir())
    with contextlib.suppress(OSError):
        result = subprocess.run(
            ["git", "-C", str(existing), "rev-parse", "--show-toplevel"], capture_output=True, text=True, check=False
        )
        if result.returncode == 0:
            return Path(result.stdout.rstrip("\n"))
    return None


def _init_git(folder: Path, repository: Path | None) -> bool:
    """Create a git repository unless there is one around; return whether there is one.

    Without git, DVC is told to do without.
    """
    if repository:
        return True
    result = None
    with contextlib.suppress(OSError):
        result = subprocess.run(["git", "init", "--quiet", str(folder)], capture_output=True, check=False)
    if result is None or result.returncode:
        config = folder / ".dvc/config"
        write_text(config, config.read_text(encoding="utf-8").replace("[core]\n", "[core]\n    no_scm = true\n"))
        return False
    return True
