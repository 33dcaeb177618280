"""Fingerprint the code that decides a result: by definition, not by file.

A fingerprint is a hash over the syntax trees (comments, docstrings and positions left out) of every definition that
can be reached from an entry point: the names it mentions, the names those mention, across the modules of one package.
A module that is reached also counts with the statements it runs on import that bind no name. What decides no result is
a boundary: it is not reached, nor what only it mentions.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from artpipe.code.module_code import ON_IMPORT, WHOLE_MODULE, Definition, ModuleCode


class PackageCode:
    """The definitions of a package and what each of them mentions.

    Args:
        sources: files by dotted module name; `package_files` lists those of an installed package.
        boundaries: modules, or ``module:name``, that decide no result.
    """

    def __init__(self, sources: Mapping[str, Path], boundaries: Iterable[str] = ()) -> None:
        self._sources = dict(sources)
        self._boundaries = frozenset(boundaries)
        self._modules: dict[str, ModuleCode] = {}
        self._neighbours: dict[Definition, list[Definition]] = {}
        self._descriptions: dict[Definition, bytes] = {}

    def reachable(self, entries: Iterable[Definition], within: Iterable[str] = ()) -> set[Definition]:
        """Return every definition that the entries can reach, themselves included.

        A name that is not defined reaches none.

        Args:
            entries: where the code begins.
            within: boundaries that decide this result and are crossed for it.
        """
        boundaries = self._boundaries.difference(within)
        open_definitions = [entry for entry in (self._resolve(*name) for name in entries) if entry]
        reached: set[Definition] = set()
        while open_definitions:
            definition = open_definitions.pop()
            if definition in reached or boundaries & {definition[0], ":".join(definition)}:
                continue
            reached.add(definition)
            open_definitions += self._find_neighbours(definition)
        return {(module, name) for module, name in reached if name != WHOLE_MODULE}

    def fingerprint(self, entries: Iterable[Definition], within: Iterable[str] = ()) -> str:
        """Return 16 hexadecimal digits that change with the meaning of the entries' code.

        And with nothing else; the arguments are those of `reachable`.
        """
        return self._hash(self.reachable(entries, within))

    def fingerprint_literals(self, entries: Iterable[Definition]) -> str:
        """Return 16 hexadecimal digits of constants that are read and not run.

        A function that a text in them names is not reached: who calls it depends on it.
        """
        return self._hash(entry for entry in (self._resolve(*name) for name in entries) if entry)

    def _hash(self, definitions: Iterable[Definition]) -> str:
        digest = hashlib.sha256()
        for definition in sorted(definitions):
            if definition not in self._descriptions:
                self._descriptions[definition] = self._describe(*definition)
            digest.update(self._descriptions[definition])
        return digest.hexdigest()[:16]

    def _describe(self, module: str, name: str) -> bytes:
        """Return a definition with what the names in it mean; nothing if undefined."""
        code = self._module(module)
        statements = code.definitions.get(name)
        if not statements:
            return b""
        parts = [f"{module}:{name}\n", *map(code.dump, statements), *sorted(self._describe_imports(code, name))]
        return "".join(parts).encode()

    def _describe_imports(self, code: ModuleCode, name: str) -> Iterator[str]:
        """Yield what the imported names in a definition mean.

        `gelu as act` is not `relu as act`.
        """
        for local_name, targets in code.used_imports(name).items():
            resolved = (self._resolve(*target) or target for target in targets)
            yield f"{local_name}={','.join(sorted(':'.join(target) for target in resolved))}\n"

    def _find_neighbours(self, definition: Definition) -> list[Definition]:
        """Return what a definition mentions, and what importing its module runs."""
        if definition not in self._neighbours:
            module = self._module(definition[0])
            names = module.definitions if definition[1] == WHOLE_MODULE else ()
            mentions = module.unused_imports() if definition[1] == WHOLE_MODULE else module.mentions(definition[1])
            resolved = (self._resolve(*mention) or self._resolve_dynamic(*mention) for mention in mentions)
            self._neighbours[definition] = [
                *((package, ON_IMPORT) for package in self._packages(definition[0])),
                *((definition[0], name) for name in names),
                *(mention for mention in resolved if mention),
            ]
        return self._neighbours[definition]

    def _resolve_dynamic(self, module: str, name: str) -> Definition | None:
        """Return the whole module of a name that it makes only while it runs.

        Such as by `__getattr__`.
        """
        is_missing = module in self._sources and not name.startswith("__") and self._module(module).makes_names
        return (module, WHOLE_MODULE) if is_missing else None

    def _packages(self, module: str) -> Iterator[str]:
        """Yield the module and the packages around it: importing it imports them."""
        while module in self._sources:
            yield module
            module = module.rpartition(".")[0]

    def _module(self, name: str) -> ModuleCode:
        if name not in self._modules:
            self._modules[name] = ModuleCode(name, self._sources)
        return self._modules[name]

    def _resolve(self, module: str, name: str, passed: frozenset[Definition] = frozenset()) -> Definition | None:
        """Return where a name of a module is defined, None outside of the package.

        Re-exports are followed, those of a star too.
        """
        if module not in self._sources or (module, name) in passed:
            return None
        code, passed = self._module(module), passed | {(module, name)}
        if name in {ON_IMPORT, WHOLE_MODULE} or name in code.definitions:
            return module, name
        if code.is_broken:
            return module, ON_IMPORT
        if f"{module}.{name}" in self._sources:
            return f"{module}.{name}", WHOLE_MODULE
        targets = code.imports.get(name) or [(star, name) for star in code.stars]
        return next(filter(None, (self._resolve(*target, passed) for target in targets)), None)


def package_files(name: str, folder: Path) -> dict[str, Path]:
    """Return the files of a package by dotted module name, for `PackageCode`."""
    files: dict[str, Path] = {}
    for path in sorted(folder.rglob("*.py")):
        parts = (name, *path.relative_to(folder).with_suffix("").parts)
        if path.is_file() and not any("." in part or not part.isprintable() for part in parts[1:]):
            files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return files
