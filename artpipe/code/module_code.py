"""The syntax tree of one module: what it defines, imports and mentions."""

import ast
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

Definition = tuple[str, str]  # module, global name
ON_IMPORT = "*"  # what a module runs on import that binds no name
WHOLE_MODULE = "**"  # a module used as a value: every definition of it
Imports = dict[str, list[Definition]]  # by the name they bind; more than one where branches bind the same
_BLOCKS = ast.If | ast.Try | ast.With | ast.For | ast.While | ast.Match | ast.TryStar
_NO_MODULE = ast.Global([])  # marks the tree of a file that is not Python


class ModuleCode:
    """One parsed module.

    Args:
        name: its dotted name.
        sources: the files of the package by dotted name, to tell its modules from others.
    """

    def __init__(self, name: str, sources: Mapping[str, Path]) -> None:
        self.name = name
        self._source = sources[name].read_bytes()
        self.tree = _parse(self._source)
        self._package = name if sources[name].name == "__init__.py" else name.rpartition(".")[0]
        self.imports, self.stars = _imports(_statements_on_import(self.tree.body), self._package)
        self.is_broken = any(statement is _NO_MODULE for statement in self.tree.body)
        self._sources = sources
        self._dumps: dict[int, str] = {}
        self._walks: dict[int, list[ast.AST]] = {}

    @cached_property
    def definitions(self) -> dict[str, list[ast.stmt]]:
        """Statements by the global name they bind; `*` for those that bind none."""
        bound: dict[str, list[ast.stmt]] = {}
        for statement in _without_type_checking(self.tree.body):
            if isinstance(statement, ast.Import | ast.ImportFrom) or _is_docstring(statement):
                continue
            for name in _bound_names(statement) or {ON_IMPORT}:
                bound.setdefault(name, []).append(statement)
        return bound

    @cached_property
    def makes_names(self) -> bool:
        """Whether names come to be while the module runs: by `__getattr__` or `globals()`."""
        called = (node for node in ast.walk(self.tree) if isinstance(node, ast.Name))
        return "__getattr__" in self.definitions or any(node.id in {"globals", "vars", "setattr"} for node in called)

    def mentions(self, name: str) -> Iterator[Definition]:
        """Yield the names of this and other modules that a definition mentions."""
        if name == ON_IMPORT:
            yield from self.unused_imports()
        for statement in self.definitions.get(name, ()):
            imports = self._imports_around(statement)
            nodes = self._walk(statement)
            owners = {id(node.value): node for node in nodes if isinstance(node, ast.Attribute)}
            for node in nodes:
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield from self._parse_module_path(node.value)
                elif isinstance(node, ast.Name) and node.id in imports:
                    for target in imports[node.id]:
                        yield self._resolve_attribute(*target, _attribute_chain(node, owners))
                elif isinstance(node, ast.Name) and (node.id in self.definitions or self.stars):
                    yield self.name, node.id

    def used_imports(self, name: str) -> Imports:
        """Return the imports whose names a definition uses."""
        used: Imports = {}
        for statement in self.definitions.get(name, ()):
            imports = self._imports_around(statement)
            names = {node.id for node in self._walk(statement) if isinstance(node, ast.Name)}
            used |= {local: imports[local] for local in names & imports.keys()}
        return used

    def unused_imports(self) -> Iterator[Definition]:
        """Yield the modules that are imported only for what importing them does.

        Their name is not used. A package is left out: it imports to offer to others.
        """
        nodes = (node for statement in self.tree.body for node in self._walk(statement))
        used = {node.id for node in nodes if isinstance(node, ast.Name)}
        for node in _statements_on_import(self.tree.body):
            if isinstance(node, ast.Import | ast.ImportFrom) and self._package != self.name:
                base = f"{_absolute_module(node, self._package)}." if isinstance(node, ast.ImportFrom) else ""
                for alias in node.names:
                    is_used = (alias.asname or alias.name.partition(".")[0]) in used
                    if not is_used and f"{base}{alias.name}" in self._sources:
                        yield f"{base}{alias.name}", WHOLE_MODULE

    def _imports_around(self, statement: ast.stmt) -> Imports:
        return self.imports | _imports(self._walk(statement), self._package)[0]

    def _walk(self, statement: ast.stmt) -> list[ast.AST]:
        """Return all nodes of a statement, listed once for every entry point."""
        if id(statement) not in self._walks:
            self._walks[id(statement)] = list(ast.walk(statement))
        return self._walks[id(statement)]

    def _resolve_attribute(self, module: str, name: str, attributes: list[str]) -> Definition:
        """Return the definition that ``name.attribute.attribute`` of a module means.

        As deep as there are modules.
        """
        path = [*([] if name == WHOLE_MODULE else [name]), *attributes]
        while path and f"{module}.{path[0]}" in self._sources:
            module = f"{module}.{path.pop(0)}"
        return module, path[0] if path else WHOLE_MODULE

    def _parse_module_path(self, text: str) -> Iterator[Definition]:
        """Yield the definition that a string names, as ``package.module:function``.

        ``.module`` is beside this one.
        """
        module, _, name = text.partition(":")
        if module.startswith(".") and not module.startswith(".."):
            module = f"{self._package}{module}"
        if module in self._sources and "." in module:
            yield module, name or WHOLE_MODULE

    def dump(self, statement: ast.stmt) -> str:
        """Return a statement as text without docstrings and positions."""
        if id(statement) not in self._dumps:
            try:
                self._dumps[id(statement)] = _dump(statement)
            except (RecursionError, ValueError):  # thousands of terms, or of digits: its lines as they stand
                lines = self._source.splitlines()[statement.lineno - 1 : statement.end_lineno]
                self._dumps[id(statement)] = ascii(lines)
        return self._dumps[id(statement)]


def _statements_on_import(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements that importing a module runs, also those in branches."""
    for statement in _without_type_checking(statements):
        yield statement
        if isinstance(statement, _BLOCKS):
            inner = [node for node in ast.iter_child_nodes(statement) if isinstance(node, ast.stmt)]
            cases = [
                node for node in ast.iter_child_nodes(statement) if isinstance(node, ast.ExceptHandler | ast.match_case)
            ]
            yield from _statements_on_import([*inner, *(each for case in cases for each in case.body)])


def _without_type_checking(statements: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield statements, but of ``if TYPE_CHECKING`` only what runs otherwise."""
    for statement in statements:
        if isinstance(statement, ast.If) and _is_type_checking(statement.test):
            yield from _without_type_checking(statement.orelse)
        else:
            yield statement


def _imports(nodes: Iterable[ast.AST], package: str) -> tuple[Imports, list[str]]:
    """Return the names that imports bind, and the modules of star imports.

    The names come with their definitions or modules.
    """
    bound: Imports = {}
    stars: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.partition(".")[0]
                bound.setdefault(alias.asname or first, []).append(
                    (alias.name if alias.asname else first, WHOLE_MODULE)
                )
        elif isinstance(node, ast.ImportFrom) and node.module != "__future__":
            module = _absolute_module(node, package)
            for alias in node.names:
                if alias.name == "*":
                    stars.append(module)
                else:
                    bound.setdefault(alias.asname or alias.name, []).append((module, alias.name))
    return bound, stars


def _absolute_module(node: ast.ImportFrom, package: str) -> str:
    """Return the module that an import names, be it absolute or relative.

    A relative one starts at the package around it.
    """
    if not node.level:
        return node.module or ""
    base = package.rsplit(".", node.level - 1)[0] if node.level > 1 else package
    return f"{base}.{node.module}" if node.module else base


def _attribute_chain(node: ast.expr, owners: Mapping[int, ast.Attribute]) -> list[str]:
    """Return the attributes taken of a name: ``a.b.c`` gives ``["b", "c"]``."""
    chain: list[str] = []
    while (owner := owners.get(id(node))) is not None:
        chain.append(owner.attr)
        node = owner
    return chain


def _bound_names(statement: ast.stmt) -> set[str]:
    """Return the global names that a statement of a module binds, imports aside."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    names: set[str | None] = set()
    for node in ast.walk(statement):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            names.add(node.id)
        elif isinstance(
            node,
            ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.ExceptHandler | ast.MatchAs | ast.MatchStar,
        ):
            names.add(node.name)
        elif isinstance(node, ast.MatchMapping):
            names.add(node.rest)
    return {name for name in names if name is not None}


def _parse(source: bytes) -> ast.Module:
    """Return a file's syntax tree.

    That of a file which is not Python is its bytes, marked by a `global` statement.
    """
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return ast.Module([_NO_MODULE, ast.Expr(ast.Constant(source))], [])


def _dump(node: object) -> str:
    """Return a syntax tree as text.

    What is empty is left out, so that versions of Python agree on it.
    """
    if isinstance(node, list):
        return f"[{','.join(_dump(item) for item in node if not _is_docstring(item))}]"
    if not isinstance(node, ast.AST):
        return ascii(node)
    if isinstance(node, ast.JoinedStr):  # Python 3.12.1 ends some of them with an empty text
        node = ast.JoinedStr([value for value in node.values if not _is_empty_text(value)])
    fields = ((name, getattr(node, name, None)) for name in node._fields if name not in {"kind", "type_comment", "ctx"})
    shown = (f"{name}={_dump(value)}" for name, value in fields if value is not None and value != [])
    return f"{type(node).__name__}({','.join(shown)})"


def _is_empty_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and node.value == ""


def _is_docstring(statement: object) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _is_type_checking(test: ast.expr) -> bool:
    return (isinstance(test, ast.Name) and test.id == "TYPE_CHECKING") or (
        isinstance(test, ast.Attribute) and test.attr == "TYPE_CHECKING"
    )
