"""Plugins are files: the file's name is the registration, one upper-case constant in it is the plugin.

They stand in artpipe itself, in a project's own `plugins/GROUP/`, or in an installed package that announces them as
entry points of the group `artpipe.GROUP`.
"""

import ast
import importlib
import pkgutil
import sys
import traceback
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from artpipe.errors import UserError, did_you_mean

PROJECT_FOLDER = "plugins"
_CONSTANT = {"media": "MEDIUM", "sources": "SOURCE", "models": "MODEL", "metrics": "METRIC", "sections": "SECTION"}
_REPLACES = "REPLACES_BUILT_IN"  # a project's file with the name of one of artpipe's says so
_project_paths: dict[str, str] = {}  # by group, what was added to the package's path


def names(group: str) -> list[str]:
    """Return the sorted plugin names of a group: ``media``, ``sources``, ``models``, ``metrics`` or ``sections``."""
    modules = pkgutil.iter_modules(_package(group).__path__)
    files = {module.name for module in modules if not module.name.startswith("_")}
    return sorted(files | _announced(group).keys())


def find(group: str, name: str) -> Any:
    """Import a plugin and return it; no other plugin is imported.

    Raises:
        UserError: there is none of that name; a project's file is broken, or has the name of one of artpipe's without
            saying that it replaces it.
    """
    known = names(group)
    if name not in known:
        message = f"`{name}` is not one of artpipe's {group} ({', '.join(known)}){did_you_mean(name, known)}"
        raise UserError(message)
    own = Path(PROJECT_FOLDER, group, f"{name}.py")
    if own.is_file():
        return _load_own(own, group, name)
    if point := _announced(group).get(name):
        return point.load()
    return getattr(importlib.import_module(f"artpipe.{group}.{name}"), _CONSTANT[group])


def load_function(path: str) -> Any:
    """Return the function that ``module:function`` names; the module may be a project's plugin."""
    module, _, function = path.partition(":")
    group = module.removeprefix("artpipe.").partition(".")[0]
    if group in _CONSTANT:
        _package(group)
    return getattr(importlib.import_module(module), function)


def definition(group: str, name: str) -> tuple[str, str]:
    """Return the module and the constant of a plugin, without importing it."""
    point = _announced(group).get(name)
    return (point.module, point.attr) if point else (f"artpipe.{group}.{name}", _CONSTANT[group])


def folders(group: str) -> list[Path]:
    """Return the folders that files of a group stand in; the first that has a name owns it."""
    return [Path(folder) for folder in _package(group).__path__]


def _package(group: str) -> ModuleType:
    """Return artpipe's package of a group, the working directory's own plugins in its path."""
    package = importlib.import_module(f"artpipe.{group}")
    folder = Path(PROJECT_FOLDER, group).absolute()
    added, wanted = _project_paths.get(group, ""), str(folder) if folder.is_dir() else ""
    if added != wanted:
        _forget_modules(
            group,
            {path.stem for path in folder.glob("*.py")} | {path.stem for path in Path(added).glob("*.py") if added},
        )
        package.__path__ = [path for path in package.__path__ if path != added]
        if wanted:
            built_in = {module.name for module in pkgutil.iter_modules(package.__path__)}
            first = any(path.stem in built_in and _says_it_replaces(path) for path in folder.glob("*.py"))
            package.__path__ = [wanted, *package.__path__] if first else [*package.__path__, wanted]
        _project_paths[group] = wanted
    return package


def _forget_modules(group: str, stems: set[str]) -> None:
    """Let modules be imported anew: another file has their name from now on."""
    for stem in stems:
        sys.modules.pop(f"artpipe.{group}.{stem}", None)
    importlib.invalidate_caches()


def _load_own(path: Path, group: str, name: str) -> Any:
    """Import a file of the project; whatever is wrong with it is one line with its place."""
    owners = [folder / f"{name}.py" for folder in folders(group)]
    if any(owner.is_file() and owner != path.absolute() for owner in owners) and not _says_it_replaces(path):
        raise UserError(
            f"{path}: artpipe has {group} of that name; take another, or write `{_REPLACES} = True` into the file"
        )
    try:
        module = importlib.import_module(f"artpipe.{group}.{name}")
    except SyntaxError as error:
        raise UserError(f"{_place(path, error.filename, error.lineno)}: {error.msg}") from None
    except Exception as error:  # noqa: BLE001 - whatever a person's own file raises is told with its place
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == str(path.absolute())), None)
        raise UserError(f"{_place(path, None, line)}: {type(error).__name__}: {error}") from None
    plugin, expected = getattr(module, _CONSTANT[group], None), _CONSTANT[group]
    if type(plugin).__name__ != expected.capitalize():
        found = "no such name in it" if plugin is None else f"it is a {type(plugin).__name__}"
        raise UserError(f"{path}: `{expected}` is wanted, a {expected.capitalize()}; {found}")
    return plugin


def _place(path: Path, file: str | None, line: int | None) -> str:
    shown = path if file in {None, str(path.absolute())} else Path(str(file))
    return f"{shown}:{line}" if line else str(shown)


def _says_it_replaces(path: Path) -> bool:
    """Return whether a file has ``REPLACES_BUILT_IN = True`` at its top level; it is not run for that."""
    try:
        statements = ast.parse(path.read_bytes()).body
    except (OSError, SyntaxError, ValueError):
        return False
    assigned: dict[str, Any] = {
        statement.targets[0].id: statement.value.value
        for statement in statements
        if isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and isinstance(statement.value, ast.Constant)
    }
    return assigned.get(_REPLACES) is True


@cache
def _announced(group: str) -> dict[str, EntryPoint]:
    """Return the plugins of a group that installed packages bring, by name."""
    return {point.name: point for point in entry_points(group=f"artpipe.{group}")}
