"""Find plugins: a file's name is the registration, a constant in it the plugin.

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
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

from artpipe.errors import UserError, did_you_mean

PROJECT_FOLDER = "plugins"
_CONSTANT = {"modalities": "MEDIUM", "sources": "SOURCE", "models": "MODEL", "metrics": "METRIC", "sections": "SECTION"}
_PROJECT_FOLDERS: set[Path] = set()  # that stood in the path of a package; others there were added by a program
_REPLACES = "REPLACES_BUILT_IN"  # a project's file with the name of one of artpipe's says so


def list_plugins(group: str) -> list[str]:
    """Return the sorted plugin names of a group.

    Groups are ``modalities``, ``sources``, ``models``, ``metrics`` and ``sections``.
    """
    modules = pkgutil.iter_modules(map(str, folders(group)))
    files = {module.name for module in modules if not module.name.startswith("_")}
    return sorted(files | _installed_plugins(group).keys())


def load_plugin(group: str, name: str) -> Any:
    """Import a plugin and return it; no other plugin is imported.

    Raises:
        UserError: there is none of that name; a project's file is broken, or has the name of one of artpipe's without
            saying that it replaces it.
    """
    plugin_names = list_plugins(group)
    if name not in plugin_names:
        message = (
            f"`{name}` is not one of artpipe's {group} ({', '.join(plugin_names)}){did_you_mean(name, plugin_names)}"
        )
        raise UserError(message)
    _import_package(group)
    project_file = Path(PROJECT_FOLDER, group, f"{name}.py")
    if project_file.is_file():
        return _load_project_plugin(project_file, group, name)
    if point := _installed_plugins(group).get(name):
        return point.load()
    return getattr(importlib.import_module(f"artpipe.{group}.{name}"), _CONSTANT[group])


def load_function(path: str) -> Any:
    """Return the function of a ``module:function``, also of a project's plugin."""
    module, _, function = path.partition(":")
    group = module.removeprefix("artpipe.").partition(".")[0]
    if group in _CONSTANT:
        _import_package(group)
    return getattr(importlib.import_module(module), function)


def locate_plugin(group: str, name: str) -> tuple[str, str]:
    """Return the module and the constant of a plugin, without importing it."""
    point = _installed_plugins(group).get(name)
    return (point.module, point.attr) if point else (f"artpipe.{group}.{name}", _CONSTANT[group])


def info_constant(group: str, name: str) -> str:
    """Return the name of a plugin's info: `MODEL_INFO` beside `MODEL`."""
    own = Path(PROJECT_FOLDER, group, f"{name}.py").is_file()
    return f"{_CONSTANT[group] if own else locate_plugin(group, name)[1]}_INFO"


def source_file(group: str, name: str) -> Path | None:
    """Return the file of a plugin, which is not imported; None where there is none."""
    own = Path(PROJECT_FOLDER, group, f"{name}.py")
    point = None if own.is_file() else _installed_plugins(group).get(name)
    if point is None:
        bases = [folder / name for folder in folders(group)] if name in list_plugins(group) else []
    else:
        package, *parts = point.module.split(".")
        spec = find_spec(package)
        alone = [str(Path(spec.origin).with_suffix(""))] if spec and spec.origin else []  # a module without a package
        locations = (spec.submodule_search_locations if spec else None) or alone
        bases = [Path(location, *parts) for location in locations]
    files = (file for base in bases for file in (base.with_suffix(".py"), base / "__init__.py"))
    return next((file for file in files if file.is_file()), None)


def foreign_files() -> list[Path]:
    """Return the files of plugins that are not artpipe's; none is imported.

    They are the project's and those that installed packages bring.
    """
    own = [path for group in _CONSTANT for path in sorted(Path(PROJECT_FOLDER, group).absolute().glob("*.py"))]
    points = [point for group in _CONSTANT for point in _installed_plugins(group).values()]
    origins = (getattr(find_spec(point.module), "origin", None) for point in points)
    return [*own, *(Path(origin) for origin in origins if origin)]


def folders(group: str) -> list[Path]:
    """Return the folders of a group's files; the first that has a name owns it.

    The package is not imported.
    """
    spec = find_spec(f"artpipe.{group}")
    built_in = [Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]
    loaded = getattr(sys.modules.get(f"artpipe.{group}"), "__path__", ())
    built_in += [path for path in map(Path, loaded) if path not in built_in and path not in _PROJECT_FOLDERS]
    project_folder = Path(PROJECT_FOLDER, group).absolute()
    if not project_folder.is_dir():
        return built_in
    _PROJECT_FOLDERS.add(project_folder)
    built_in_names = {module.name for module in pkgutil.iter_modules(map(str, built_in))}
    replaces = any(path.stem in built_in_names and _declares_replacement(path) for path in project_folder.glob("*.py"))
    return [project_folder, *built_in] if replaces else [*built_in, project_folder]


def _import_package(group: str) -> ModuleType:
    """Return artpipe's package of a group, with the project's plugins in its path."""
    package = importlib.import_module(f"artpipe.{group}")
    former, current = list(package.__path__), [str(folder) for folder in folders(group)]
    if former != current:
        changed = {*former} ^ {*current}  # folders that came or went
        _unload_modules(group, {path.stem for folder in changed for path in Path(folder).glob("*.py")})
        package.__path__ = current
    return package


def _unload_modules(group: str, stems: set[str]) -> None:
    """Remove modules from the cache of imports: another file has their name now."""
    for stem in stems:
        sys.modules.pop(f"artpipe.{group}.{stem}", None)
    importlib.invalidate_caches()


def _load_project_plugin(path: Path, group: str, name: str) -> Any:
    """Import a plugin file of the project; an error is one line with its place."""
    owners = [folder / f"{name}.py" for folder in folders(group)]
    if any(owner.is_file() and owner != path.absolute() for owner in owners) and not _declares_replacement(path):
        raise UserError(
            f"{path}: artpipe has {group} of that name; take another, or write `{_REPLACES} = True` into the file"
        )
    try:
        module = importlib.import_module(f"artpipe.{group}.{name}")
    except SyntaxError as error:
        raise UserError(f"{_format_place(path, error.filename, error.lineno)}: {error.msg}") from None
    except Exception as error:  # noqa: BLE001 - whatever a person's own file raises is reported with its place
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == str(path.absolute())), None)
        raise UserError(f"{_format_place(path, None, line)}: {type(error).__name__}: {error}") from None
    plugin, expected = getattr(module, _CONSTANT[group], None), _CONSTANT[group]
    if type(plugin).__name__ != expected.capitalize():
        problem = "no such name in it" if plugin is None else f"it is a {type(plugin).__name__}"
        raise UserError(f"{path}: `{expected}` is wanted, a {expected.capitalize()}; {problem}")
    return plugin


def _format_place(path: Path, file: str | None, line: int | None) -> str:
    shown = path if file in {None, str(path.absolute())} else Path(str(file))
    return f"{shown}:{line}" if line else str(shown)


def _declares_replacement(path: Path) -> bool:
    """Return whether a file sets ``REPLACES_BUILT_IN = True``, without running it."""
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
def _installed_plugins(group: str) -> dict[str, EntryPoint]:
    """Return the plugins of a group that installed packages bring, by name."""
    return {point.name: point for point in _entry_points().select(group=f"artpipe.{group}")}


@cache
def _entry_points() -> Any:  # of another type before Python 3.12, with the same `select`
    """Return the entry points of all installed packages; their files are read once."""
    return entry_points()
