"""Write one module that holds a class and all of artpipe's code that it needs.

What is written runs without artpipe. A definition counts as needed where the code mentions its name; annotations are
never evaluated in the written file, so what only they mention is left out.
"""

import ast
import builtins
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

from artpipe.code.module_code import WHOLE_MODULE, Definition, ModuleCode
from artpipe.errors import UserError

_LINTER_COMMENT = re.compile(r"[ \t]+# (?:type: ignore|noqa|fmt: skip)\b.*$", re.MULTILINE)
_PACKAGE = "artpipe."
_ANNOTATIONS = ("annotation", "returns")


def write_standalone_code(entries: Iterable[Definition], docstring: str, footer: str) -> str:
    """Return the source of a module with the entries and what they need.

    Each definition stands after what it needs itself.

    Args:
        entries: module and name of classes and functions.
        docstring: of the written module.
        footer: its last statements.

    Raises:
        UserError: two definitions that it needs have one name, or a whole module of artpipe is used as a value.
    """
    collector = _Collector()
    for module, name in entries:
        collector.add(module, name)
    return collector.write(docstring, footer)


class _Collector:
    """The definitions that are needed, in an order in which they can be run."""

    def __init__(self) -> None:
        self.sources: list[str] = []
        self.owners: dict[str, str] = {}  # module by name
        self.imports: dict[str, Definition] = {}
        self.only_annotated: set[str] = set()  # names that stand in annotations alone
        self._written: set[tuple[str, int]] = set()  # a statement by module and line

    def add(self, module: str, name: str) -> None:
        """Add a definition, after all that it mentions."""
        if (owner := self.owners.setdefault(name, module)) != module:
            raise UserError(f"{module}: `{name}` is defined in {owner} too; one file holds both, so rename one")
        if name in self.imports:
            raise UserError(f"{module}: `{name}` is imported in another module; one file holds both, so rename one")
        code = _read_module(module)
        for statement in code.definitions.get(name, ()):
            if (module, statement.lineno) in self._written:
                continue
            self._written.add((module, statement.lineno))
            for mentioned, is_evaluated in _list_names(statement):
                self._add_mentioned(code, mentioned, is_evaluated=is_evaluated)
            self.sources.append(_source_of(module, statement))

    def _add_mentioned(self, code: ModuleCode, name: str, *, is_evaluated: bool) -> None:
        if name in code.definitions:
            if is_evaluated:
                self.add(code.name, name)
            else:
                self.only_annotated.add(name)
        elif name in code.imports:
            for module, attribute in code.imports[name]:
                self._add_imported(code, name, module, attribute, is_evaluated=is_evaluated)
        elif not (is_evaluated or hasattr(builtins, name)):
            self.only_annotated.add(name)  # imported for annotations alone

    def _add_imported(self, code: ModuleCode, name: str, module: str, attribute: str, *, is_evaluated: bool) -> None:
        if not f"{module}.".startswith(_PACKAGE):
            known = self.imports.setdefault(name, (module, attribute))
            if _join(name, *known) != _join(name, module, attribute) or name in self.owners:
                raise UserError(f"{code.name}: `{name}` means something else in another module; one file holds both")
        elif not is_evaluated:
            self.only_annotated.add(name)
        elif attribute == WHOLE_MODULE or name != attribute:
            raise UserError(
                f"{code.name}: `{name}` is imported by another name or as a module; one file cannot hold it"
            )
        else:
            self.add(module, attribute)

    def write(self, docstring: str, footer: str) -> str:
        """Return the module's source."""
        body = "\n\n\n".join(self.sources)
        missing = sorted(self.only_annotated - {*self.owners, *self.imports})
        if missing:
            self.imports.setdefault("Any", ("typing", "Any"))
        unknown = f"\n\n{' = '.join(missing)} = Any  # of artpipe; in annotations alone" if missing else ""
        lines = [_import_line(name, *target) for name, target in self.imports.items()]
        lines = sorted(lines, key=lambda line: (line.startswith("from"), line))
        head = f'"""{docstring}"""\n\nfrom __future__ import annotations\n\n' + "\n".join(lines)
        return f"{head}{unknown}\n\n\n{body}\n\n\n{footer}"


@lru_cache(maxsize=256)
def _read_module(module: str) -> ModuleCode:
    return ModuleCode(module, {module: _module_file(module)})


def _module_file(module: str) -> Path:
    spec = find_spec(module)
    return Path(str(spec and spec.origin))


def _source_of(module: str, statement: ast.stmt) -> str:
    decorators = getattr(statement, "decorator_list", [])
    first = min([statement.lineno, *(decorator.lineno for decorator in decorators)])
    lines = _module_file(module).read_text(encoding="utf-8").splitlines()[first - 1 : statement.end_lineno]
    return _LINTER_COMMENT.sub("", "\n".join(lines))


def _list_names(statement: ast.stmt) -> Iterator[tuple[str, bool]]:
    """Yield the names of a statement, and whether running it evaluates them."""
    waiting: list[tuple[ast.AST, bool]] = [(statement, True)]
    while waiting:
        node, is_evaluated = waiting.pop()
        if isinstance(node, ast.Name):
            yield node.id, is_evaluated
        for field, value in ast.iter_fields(node):
            inside = is_evaluated and field not in _ANNOTATIONS
            children = value if isinstance(value, list) else [value]
            waiting += [(child, inside) for child in children if isinstance(child, ast.AST)]


def _join(name: str, module: str, attribute: str) -> str:
    """Return what a name stands for, however it was imported."""
    if attribute != WHOLE_MODULE:
        return f"{module}.{attribute}"
    return name if name == module.partition(".")[0] else module


def _import_line(name: str, module: str, attribute: str) -> str:
    if attribute == WHOLE_MODULE:
        return f"import {module}" if name in {module, module.partition(".")[0]} else f"import {module} as {name}"
    return f"from {module} import {attribute}" + ("" if name == attribute else f" as {name}")
