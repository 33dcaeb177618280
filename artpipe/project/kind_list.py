"""`artpipe model list`: the kinds of models there are, without importing torch."""

import ast
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from artpipe import plugins
from artpipe.config.params import load_params
from artpipe.contracts.plugin_info import model_info

_ANY_MEDIUM = "any"


class ModelKind(NamedTuple):
    """A kind of models that an entry of params.yaml may name."""

    name: str
    title: str
    media: tuple[str, ...]  # whose works it learns from; empty: its file does not say so in a literal
    origin: str  # empty: artpipe's own; else the plugin's file, or what installed it
    models: tuple[str, ...]  # of this project


def list_kinds() -> list[ModelKind]:
    """Return all kinds, by name; none of their files is run.

    Raises:
        UserError: a plugin's file is no Python; the message names file and line.
    """
    columns = {
        medium: plugins.load_plugin("modalities", medium).columns for medium in plugins.list_plugins("modalities")
    }
    models = load_params().models if Path("params.yaml").is_file() else {}
    foreign_files = plugins.foreign_files()
    kinds = []
    for name in plugins.list_plugins("models"):
        path, info = plugins.source_file("models", name), model_info(name)
        reads = _read_columns(path) if path else frozenset()
        kinds.append(
            ModelKind(
                name=name,
                title=info.title or name,
                media=tuple(medium for medium, names in columns.items() if reads and reads <= names),
                origin=_describe_origin(path) if path is None or path in foreign_files else "",
                models=tuple(model for model, entry in models.items() if entry.get("kind") == name),
            )
        )
    return kinds


class KindList(NamedTuple):
    """All kinds, for `artpipe model list`."""

    kinds: Sequence[ModelKind]

    def to_text(self) -> str:
        """Return a table of them, and how one gets a model of a kind."""
        return _describe_kinds(self.kinds)

    def to_json(self) -> list[dict[str, Any]]:
        """Return the same for programs."""
        return [kind._asdict() for kind in self.kinds]


def _describe_kinds(kinds: Sequence[ModelKind]) -> str:
    rows = [("kind", "made from", "what it is", "in this project")]
    for kind in kinds:
        media = _ANY_MEDIUM if not kind.media else ", ".join(kind.media)
        title = f"{kind.title} ({kind.origin})" if kind.origin else kind.title
        rows.append((kind.name, media, title, ", ".join(kind.models)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    hint = "artpipe model add NAME --kind KIND --dataset DATASET"
    return "\n".join([*lines, "", f"{hint}   # a file in {plugins.PROJECT_FOLDER}/models/ is a kind more"])


def _read_columns(path: Path) -> frozenset[str]:
    """Return the columns of shards that `MODEL` reads, empty if they are no literal."""
    for statement in reversed(ast.parse(path.read_bytes()).body):
        if isinstance(statement, ast.Assign) and any(ast.unparse(target) == "MODEL" for target in statement.targets):
            for call in ast.walk(statement.value):
                if isinstance(call, ast.keyword) and call.arg == "reads":
                    names = (node.value for node in ast.walk(call.value) if isinstance(node, ast.Constant))
                    return frozenset(name for name in names if isinstance(name, str))
    return frozenset()


def _describe_origin(path: Path | None) -> str:
    if path is None:
        return "installed"
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
