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
_CONSTANT = {
    "modalities": "MEDIUM",
    "sources": "SOURCE",
    "models": "MODEL",
    "metrics": "METRIC",
    "sections": "SECTION",
    "observations": "OBSERVATION",
    "extractors": "EXTRACTOR",
}
_PROJECT_FOLDERS: set[Path] = set()  # that stood in the path of a package; others there were added by a program
_REPLACES = "REPLACES_BUILT_IN"  # a project's file with the name of one of artpipe's says so


def list_plugins(group: str) -> list[str]:
    """Return the sorted plugin names of a group.

    Groups are ``modalities``, ``sources``, ``models``, ``metrics``, ``sections``, ``extractors`` and
    ``observations``.
    """
    return sorted(_names_in(folders(group)) | _installed_plugins(group).keys())


def built_in_names(group: str) -> list[str]:
    """Return the sorted names of artpipe's own plugins of a group."""
    return sorted(_names_in(_built_in_folders(group)))


def _names_in(searched: list[Path]) -> set[str]:
    modules = pkgutil.iter_modules(map(str, searched))
    return {module.name for module in modules if not module.name.startswith("_") and "." not in module.name}


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
    if project_file := _find_project_file(group, name):
        return _load_project_plugin(project_file, group, name)
    if point := _installed_plugins(group).get(name):
        return _load_installed_plugin(point, group, name)
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
    point = None if _find_project_file(group, name) else _installed_plugins(group).get(name)
    return (point.module, point.attr) if point else (f"artpipe.{group}.{name}", _CONSTANT[group])


def info_constant(group: str, name: str) -> str:
    """Return the name of a plugin's info: `MODEL_INFO` beside `MODEL`."""
    return f"{locate_plugin(group, name)[1]}_INFO"


def source_file(group: str, name: str) -> Path | None:
    """Return the file of a plugin, which is not imported; None where there is none."""
    point = None if _find_project_file(group, name) else _installed_plugins(group).get(name)
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
    own_folders = [Path(PROJECT_FOLDER, group).absolute() for group in _CONSTANT]
    own = [
        path for folder in own_folders for pattern in ("*.py", "*/__init__.py") for path in sorted(folder.glob(pattern))
    ]
    installed = [source_file(group, name) for group in _CONSTANT for name in _installed_plugins(group)]
    return [path for path in (*own, *installed) if path is not None and path.is_file()]


def folders(group: str) -> list[Path]:
    """Return the folders of a group's files; the first that has a name owns it.

    The package is not imported.
    """
    built_in = _built_in_folders(group)
    project_folder = Path(PROJECT_FOLDER, group).absolute()
    if not project_folder.is_dir():
        return built_in
    _PROJECT_FOLDERS.add(project_folder)
    owned = _names_in(built_in)
    replaces = any(path.stem in owned and _declares_replacement(path) for path in project_folder.glob("*.py"))
    return [project_folder, *built_in] if replaces else [*built_in, project_folder]


def theme_folders(root: Path = Path()) -> dict[str, Path]:
    """Return the folder of each theme of the gallery by its name.

    Artpipe's come before the project's.
    """
    built_in = Path(__file__).parent / "templates"
    found = [folder for parent in (built_in, (root / PROJECT_FOLDER / "themes").absolute()) if parent.is_dir()
             for folder in sorted(parent.iterdir()) if folder.is_dir() and not folder.name.startswith(("_", "."))]  # fmt: skip
    return {folder.name: folder for folder in reversed(found)}


def language_files(root: Path = Path()) -> dict[str, Path]:
    """Return the project's files of further languages, by the language."""
    return {path.stem: path for path in sorted((root / PROJECT_FOLDER / "languages").glob("*.json"))}


def _built_in_folders(group: str) -> list[Path]:
    """Return artpipe's folders of a group, and those a program added to its path."""
    spec = find_spec(f"artpipe.{group}")
    built_in = [Path(folder) for folder in (spec and spec.submodule_search_locations) or ()]
    loaded = getattr(sys.modules.get(f"artpipe.{group}"), "__path__", ())
    return built_in + [path for path in map(Path, loaded) if path not in built_in and path not in _PROJECT_FOLDERS]


def _find_project_file(group: str, name: str) -> Path | None:
    """Return the file of the project that is a plugin of this name.

    A module, or a package's own file.
    """
    folder = Path(PROJECT_FOLDER, group)
    files = (folder / f"{name}.py", folder / name / "__init__.py")
    return next((file for file in files if file.is_file()), None)


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
    if name in built_in_names(group) and not _declares_replacement(path):
        raise UserError(
            f"{path}: artpipe has {group} of that name; take another, or write `{_REPLACES} = True` into the file"
        )
    module = _import_foreign(f"artpipe.{group}.{name}", path)
    return _require_plugin(getattr(module, _CONSTANT[group], None), str(path), group)


def _load_installed_plugin(point: EntryPoint, group: str, name: str) -> Any:
    """Import a plugin of an installed package; an error is one line with its place."""
    path = source_file(group, name)
    place = f"entry point `{name} = {point.value}` of `artpipe.{group}`"
    if name in built_in_names(group) and not (path and _declares_replacement(path)):
        raise UserError(
            f"{place}: artpipe has {group} of that name; the package needs another, or `{_REPLACES} = True` in {point.module}"
        )
    module = _import_foreign(point.module, path or Path(point.module))
    return _require_plugin(getattr(module, point.attr, None), place, group)


def _import_foreign(module: str, path: Path) -> ModuleType:
    """Import a module that a person wrote.

    Raises:
        UserError: whatever it raised, also that it ended the process, with file and line.
    """
    try:
        return importlib.import_module(module)
    except SyntaxError as error:
        raise UserError(f"{_format_place(path, error.filename, error.lineno)}: {error.msg}") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever a person's own file raises is reported with its place
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == str(path.absolute())), None)
        raise UserError(f"{_format_place(path, None, line)}: {type(error).__name__}: {error}") from None


def _require_plugin(plugin: Any, place: str, group: str) -> Any:
    expected = _CONSTANT[group]
    if type(plugin).__name__ != expected.capitalize():
        problem = "no such name in it" if plugin is None else f"it is a {type(plugin).__name__}"
        raise UserError(f"{place}: `{expected}` is wanted, a {expected.capitalize()}; {problem}")
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
