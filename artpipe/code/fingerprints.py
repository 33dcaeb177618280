"""Fingerprint the code that decides a result: by definition, not by file.

A fingerprint is a hash over the syntax trees (comments, docstrings and positions left out) of every definition that
can be reached from an entry point: the names it mentions, the names those mention, across the modules of one package.
A module that is reached also counts with the statements it runs on import that bind no name.
"""

import ast
import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path

Definition = tuple[str, str]  # module, global name
_ON_IMPORT = "*"  # what a module runs on import that binds no name
_WHOLE_MODULE = "**"  # a module used as a value: every definition of it


class PackageCode:
    """The definitions of a package and what each of them mentions.

    Args:
        sources: files by dotted module name; `package_files` lists those of an installed package.
    """

    def __init__(self, sources: Mapping[str, Path]) -> None:
        self._sources = dict(sources)
        self._modules: dict[str, _Module] = {}
        self._neighbours: dict[Definition, list[Definition]] = {}

    def reachable(self, entries: Iterable[Definition]) -> set[Definition]:
        """Return every definition that the entries can reach, themselves included.

        A name that is not defined reaches none.
        """
        open_definitions = [entry for entry in (self._resolve(*name) for name in entries) if entry]
        reached: set[Definition] = set()
        while open_definitions:
            definition = open_definitions.pop()
            if definition in reached:
                continue
            reached.add(definition)
            open_definitions += self._find_neighbours(definition)
        return {(module, name) for module, name in reached if name != _WHOLE_MODULE}

    def fingerprint(self, entries: Iterable[Definition]) -> str:
        """Return 16 hexadecimal digits that change with the meaning of the entries' code.

        And with nothing else.
        """
        digest = hashlib.sha256()
        for module, name in sorted(self.reachable(entries)):
            if statements := self._module(module).definitions.get(name):
                digest.update(f"{module}:{name}\n".encode())
                digest.update("".join(map(self._module(module).dump, statements)).encode())
        return digest.hexdigest()[:16]

    def _find_neighbours(self, definition: Definition) -> list[Definition]:
        """Return what a definition mentions, and what importing its module runs."""
        if definition not in self._neighbours:
            module = self._module(definition[0])
            names = module.definitions if definition[1] == _WHOLE_MODULE else ()
            mentions = () if definition[1] == _WHOLE_MODULE else module.mentions(definition[1])
            resolved = (self._resolve(*mention) for mention in mentions)
            self._neighbours[definition] = [
                *((package, _ON_IMPORT) for package in self._packages(definition[0])),
                *((definition[0], name) for name in names),
                *(mention for mention in resolved if mention),
            ]
        return self._neighbours[definition]

    def _packages(self, module: str) -> Iterator[str]:
        """Yield the module and the packages around it: importing it imports them."""
        while module in self._sources:
            yield module
            module = module.rpartition(".")[0]

    def _module(self, name: str) -> "_Module":
        if name not in self._modules:
            self._modules[name] = _Module(name, self._sources)
        return self._modules[name]

    def _resolve(self, module: str, name: str) -> Definition | None:
        """Return where a name of a module is defined, None outside of the package.

        Re-exports are followed.
        """
        visited: set[Definition] = set()
        while module in self._sources and (module, name) not in visited:
            visited.add((module, name))
            code = self._module(module)
            if name in {_ON_IMPORT, _WHOLE_MODULE} or name in code.definitions:
                return module, name
            if code.is_broken:
                return module, _ON_IMPORT
            if f"{module}.{name}" in self._sources:
                return f"{module}.{name}", _WHOLE_MODULE
            if name not in code.imports:
                return None  # such as `__path__`
            module, name = code.imports[name]
            if name == _WHOLE_MODULE:
                return (module, _WHOLE_MODULE) if module in self._sources else None
        return None


class _Module:
    """One parsed module."""

    def __init__(self, name: str, sources: Mapping[str, Path]) -> None:
        self.name = name
        self.tree = _parse(sources[name])
        self.imports: dict[str, Definition] = _imports(self.tree.body)
        self.is_broken = any(isinstance(statement, ast.Global) for statement in self.tree.body)
        self._sources = sources
        self._dumps: dict[int, str] = {}

    @cached_property
    def definitions(self) -> dict[str, list[ast.stmt]]:
        """Statements by the global name they bind; `*` for those that bind none."""
        bound: dict[str, list[ast.stmt]] = {}
        for statement in self.tree.body:
            if isinstance(statement, ast.Import | ast.ImportFrom) or _is_docstring(statement):
                continue
            if isinstance(statement, ast.If) and _mentions_type_checking(statement.test):
                continue
            for name in _bound_names(statement) or {_ON_IMPORT}:
                bound.setdefault(name, []).append(statement)
        return bound

    def mentions(self, name: str) -> Iterator[Definition]:
        """Yield the names of this and other modules that a definition mentions."""
        for statement in self.definitions.get(name, ()):
            imports = self.imports | _imports(ast.walk(statement))
            owners = {id(node.value): node for node in ast.walk(statement) if isinstance(node, ast.Attribute)}
            for node in ast.walk(statement):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    yield from self._parse_module_path(node.value)
                elif isinstance(node, ast.Name) and node.id in imports:
                    yield self._resolve_attribute(*imports[node.id], _attribute_chain(node, owners))
                elif isinstance(node, ast.Name) and node.id in self.definitions:
                    yield self.name, node.id

    def _resolve_attribute(self, module: str, name: str, attributes: list[str]) -> Definition:
        """Return the definition that ``name.attribute.attribute`` of a module means.

        As deep as there are modules.
        """
        path = [*([] if name == _WHOLE_MODULE else [name]), *attributes]
        while path and f"{module}.{path[0]}" in self._sources:
            module = f"{module}.{path.pop(0)}"
        return module, path[0] if path else _WHOLE_MODULE

    def _parse_module_path(self, text: str) -> Iterator[Definition]:
        """Yield the definition that a string such as ``package.module:function`` names."""
        module, _, name = text.partition(":")
        if module in self._sources and "." in module:
            yield module, name or _WHOLE_MODULE

    def dump(self, statement: ast.stmt) -> str:
        """Return a statement as text without docstrings and positions."""
        if id(statement) not in self._dumps:
            self._dumps[id(statement)] = _dump(statement)
        return self._dumps[id(statement)]


def package_files(name: str, folder: Path) -> dict[str, Path]:
    """Return the files of a package by dotted module name, for `PackageCode`."""
    files: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.py")):
        parts = (name, *path.relative_to(folder).with_suffix("").parts)
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files


def _imports(nodes: Iterable[ast.AST]) -> dict[str, Definition]:
    """Return the names that import statements bind, and their definitions or modules."""
    bound: dict[str, Definition] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0],
                    _WHOLE_MODULE,
                )
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                bound[alias.asname or alias.name] = (node.module, alias.name)
    return bound


def _attribute_chain(node: ast.expr, owners: Mapping[int, ast.Attribute]) -> list[str]:
    """Return the attributes taken of a name: ``a.b.c`` gives ``["b", "c"]``."""
    chain: list[str] = []
    while (owner := owners.get(id(node))) is not None:
        chain.append(owner.attr)
        node = owner
    return chain


def _bound_names(statement: ast.stmt) -> set[str]:
    """Return the global names that a statement of a module binds."""
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    return {node.id for node in ast.walk(statement) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)}


def _parse(path: Path) -> ast.Module:
    """Return a file's syntax tree.

    That of a file which is not Python is its bytes, marked by a `global` statement.
    """
    source = path.read_bytes()
    try:
        return ast.parse(source, filename=str(path))
    except (SyntaxError, ValueError):
        return ast.Module([ast.Global([]), ast.Expr(ast.Constant(source))], [])


def _dump(node: object) -> str:
    """Return a syntax tree as text.

    What is empty is left out, so that versions of Python agree on it.
    """
    if isinstance(node, list):
        return f"[{','.join(_dump(item) for item in node if not _is_docstring(item))}]"
    if not isinstance(node, ast.AST):
        return repr(node)
    fields = ((name, getattr(node, name, None)) for name in node._fields if name not in {"kind", "type_comment", "ctx"})
    shown = (f"{name}={_dump(value)}" for name, value in fields if value is not None and value != [])
    return f"{type(node).__name__}({','.join(shown)})"


def _is_docstring(statement: object) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _mentions_type_checking(test: ast.expr) -> bool:
    return any(isinstance(node, ast.Name) and node.id == "TYPE_CHECKING" for node in ast.walk(test))
