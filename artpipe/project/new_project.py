"""`artpipe new DIR`: create a project with what its owner changes.

No file of the package is in it.
"""

import contextlib
import json
import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from artpipe import __version__
from artpipe.artifacts.curation import EMPTY_CURATION
from artpipe.artifacts.paths import STATE
from artpipe.code.code_yaml import CODE_FILE, record_code
from artpipe.errors import UserError, did_you_mean
from artpipe.plugins import PROJECT_FOLDER
from artpipe.project.dvc_yaml import make_graph_text
from artpipe.project.git_repository import find_repository, init_repository
from artpipe.project.new_folder import explain_os_errors, fill_folder, name_errors, require_empty, write_named_text
from artpipe.project.starter_texts import STARTERS, describe_next_steps, make_pyproject_text, make_readme_text
from artpipe.system.home_folders import require_nameable
from artpipe.system.plain_text import to_printable

_FILES = Path(__file__).parents[1] / "starters"
_COPIED = {  # from `starters/` to the project
    "dvc/plots/curves.json": ".dvc/plots/curves.json",
    "dvc/plots/page.html": ".dvc/plots/page.html",
    "dvcignore": ".dvcignore",
    "flows/automations/cancel-stuck-run.yaml": "flows/automations/cancel-stuck-run.yaml",
    "flows/automations/pause-after-failures.yaml": "flows/automations/pause-after-failures.yaml",
    "flows/automations/restart-crashed-run.yaml": "flows/automations/restart-crashed-run.yaml",
    "flows/gallery.py": "flows/gallery.py",
    "prefect.yaml": "prefect.yaml",
    "weights/vgg16.yaml": "weights/vgg16.yaml",
}
_PLUGIN_GROUPS = ("extractors", "metrics", "modalities", "models", "observations", "sections", "sources")
_DVC_CONFIG = """\
[core]
    analytics = false
    check_update = false
    autostage = false
[plots]
    html_template = plots/page.html
"""
_GITIGNORE = "/.venv/\n/data/\n/.state/\n/dvc_plots/\n__pycache__/\n*.py[cod]\n"


class NewProject(NamedTuple):
    """A project that was created."""

    folder: Path
    starter: str
    repository: Path | None  # of git, around the project; None: its own, or none
    next_steps: str

    def to_text(self) -> str:
        """Return what it is and what to type next."""
        git_note = f"; git: part of the repository {to_printable(str(self.repository))}" if self.repository else ""
        about = f"a project for artpipe {__version__} ({STARTERS[self.starter]}){git_note}"
        return f"{to_printable(str(self.folder))}: {about}\n{self.next_steps}"

    def to_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        repository = None if self.repository is None else str(self.repository)
        return {"folder": str(self.folder), "starter": self.starter, "artpipe": __version__, "repository": repository}


def create_project(folder: Path, starter: str = "museum") -> NewProject:
    """Create a new project.

    Args:
        folder: is not there yet, or is empty.
        starter: one of `STARTERS`.

    Raises:
        UserError: the folder holds something, lies in a project already or where it cannot be made, git cannot read the
            repository around it, or there is no such starter; nothing was written.
        DiskFullError: the disk is full; nothing was written.
    """
    if starter not in STARTERS:
        starters = "; ".join(f"{name}: {text}" for name, text in STARTERS.items())
        raise UserError(f"--from {starter}: no such starter{did_you_mean(starter, STARTERS)} ({starters})")
    with explain_os_errors(folder):
        require_empty(folder)
        target = Path(os.path.realpath(folder))
        require_nameable(target)
        _require_outside_projects(target)
        repository = find_repository(target)
        with fill_folder(target, last="params.yaml") as new_folder:  # it is what makes the folder a project
            _write_files(new_folder, starter, title=target.name)
            has_git = _init_git(new_folder, repository)
    next_steps = describe_next_steps(folder, starter, has_own_repository=has_git and not repository)
    return NewProject(folder, starter, repository, next_steps)


def _require_outside_projects(folder: Path) -> None:
    for above in folder.parents:
        if (above / "params.yaml").is_file() and (above / "dvc.yaml").is_file():
            raise UserError(
                f"{to_printable(str(folder))}: lies in the project {to_printable(str(above))}; a project cannot hold another one"
            )


def _write_files(folder: Path, starter: str, title: str) -> None:
    for source, target in _COPIED.items():
        write_named_text(folder / target, (_FILES / source).read_text(encoding="utf-8"))
    write_named_text(folder / ".dvc/config", _DVC_CONFIG)
    write_named_text(folder / ".dvc/.gitignore", "/config.local\n/tmp\n/cache\n")
    write_named_text(folder / ".gitignore", _GITIGNORE)
    write_named_text(folder / "champions.json", '{\n  "format": 1\n}\n')
    write_named_text(folder / "curation.yaml", EMPTY_CURATION)
    write_named_text(folder / "dvc.yaml", make_graph_text())
    write_named_text(folder / "params.yaml", _make_params_text(starter, title))
    write_named_text(folder / "pyproject.toml", make_pyproject_text(title))
    write_named_text(folder / "README.md", make_readme_text(title, starter))
    (folder / "datasets").mkdir()
    if starter == "museum":
        for file in sorted(path for name in ("datasets", "presets") for path in (_FILES / name).glob("*.yaml")):
            write_named_text(folder / file.parent.name / file.name, file.read_text(encoding="utf-8"))
    else:
        write_named_text(folder / "datasets/.gitkeep", "")
    for group in _PLUGIN_GROUPS:
        write_named_text(folder / PROJECT_FOLDER / group / ".gitkeep", "")
    with contextlib.chdir(folder), name_errors(folder / CODE_FILE):  # the working directory has the project's plugins
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
    title_line = f"  title: {json.dumps(title, ensure_ascii=False)}"
    return re.sub(r"^  title: .*$", lambda _: title_line, text, flags=re.MULTILINE)


def _init_git(folder: Path, repository: Path | None) -> bool:
    """Create a git repository unless there is one around; return whether there is one.

    Without git, DVC is told to do without.
    """
    if repository or init_repository(folder):
        return True
    config = folder / ".dvc/config"
    write_named_text(config, config.read_text(encoding="utf-8").replace("[core]\n", "[core]\n    no_scm = true\n"))
    return False
