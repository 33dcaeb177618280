"""`format: 1` becomes `format: 2`: params.yaml, and what DVC recorded of it in dvc.lock, under today's names.

Only names change, each where it stands: numbers, comments, order, quotes and line ends stay byte for byte.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode

from artpipe.config.parameter_names import EVALUATION_NAMES, VERDICT_NAMES, Names, format_of, model_names, rename_keys
from artpipe.config.params import FORMAT
from artpipe.config.safe_yaml import parse_yaml
from artpipe.config.yaml_edit import with_scalars
from artpipe.errors import UserError

Path = tuple[str, ...]  # of keys, to a value
_MODEL = "models."  # before a model's name, among the parameters of a stage in dvc.lock
_ADVICE = "this way of writing YAML is beyond artpipe; rename by hand what `artpipe upgrade --plan` lists"


def migrate_params(text: str) -> str:
    """Return the text of a params.yaml under today's names; one of today's format as it is.

    Raises:
        UserError: it is not YAML, has a parameter under both names, or is written in a way that cannot be edited.
    """
    content = parse_yaml(text, "params.yaml")
    return _migrated(text, "params.yaml", content, [()]) if format_of(content) == 1 else text


def migrate_lock(text: str) -> str:
    """Return the text of a dvc.lock whose stages ran with today's names; those that did stay as they are.

    Raises:
        UserError: see `migrate_params`.
    """
    content = parse_yaml(text, "dvc.lock")
    stages = _mapping(_mapping(content).get("stages"))
    places = [("stages", name, "params", "params.yaml") for name in stages]
    old = [place for place in places if format_of(_mapping(_value_at(content, place))) == 1]
    return _migrated(text, "dvc.lock", content, old) if old else text


def renamed_parameters(text: str) -> dict[tuple[str, str], list[str]]:
    """Return where a params.yaml of `format: 1` has old names, by the old and the new one."""
    content = parse_yaml(text, "params.yaml")
    places: dict[tuple[str, str], list[str]] = {}
    for path, names in _sections(content) if format_of(content) == 1 else ():
        for old, new in names.items():
            if old in _value_at(content, path):
                places.setdefault((old, new), []).append(".".join(path))
    return places


def _migrated(text: str, file: str, content: dict[str, Any], places: Sequence[Path]) -> str:
    """Return a text with the parameters at some `places` of it renamed, and their format that of today."""
    root, words = YAML().compose(text), []
    for place in places:
        params = _mapping(_value_at(content, place))
        words += [(value, str(FORMAT)) for key, value in _node_at(root, place).value if key.value == "format"]
        for path, names in list(_sections(params)):
            section = _node_at(root, (*place, *path))
            words += [(key, names[key.value]) for key, _ in section.value if key.value in names]
            _rename(params, path, names, file)
        params["format"] = FORMAT
    migrated = with_scalars(text, words)
    if parse_yaml(migrated, file) != content:
        raise UserError(f"{file}: {_ADVICE}")
    return migrated


def _sections(params: Mapping[str, Any]) -> Iterator[tuple[Path, Names]]:
    """Yield the path of each mapping whose keys changed their names, and the names."""
    evaluation = _mapping(params.get("evaluation"))
    if evaluation:
        yield ("evaluation",), EVALUATION_NAMES
    if _mapping(evaluation.get("verdicts")):
        yield ("evaluation", "verdicts"), VERDICT_NAMES
    entries: dict[Path, Any] = {("models", str(name)): entry for name, entry in _mapping(params.get("models")).items()}
    entries |= {(key,): entry for key, entry in params.items() if str(key).startswith(_MODEL)}
    for path, entry in entries.items():
        if _mapping(entry):
            yield path, model_names(entry.get("kind"))


def _rename(params: dict[str, Any], path: Path, names: Names, file: str) -> None:
    *above, last = path
    parent = _value_at(params, tuple(above))
    for old, new in names.items():
        if old in parent[last] and new in parent[last]:
            raise UserError(
                f"{file}: `{'.'.join(path)}` has `{old}` and `{new}`, which are one parameter; take one out"
            )
    parent[last] = rename_keys(parent[last], names)


def _value_at(value: Any, path: Path) -> Any:
    for key in path:
        value = _mapping(value).get(key)
    return value


def _node_at(root: MappingNode, path: Path) -> MappingNode:
    """Return the mapping at a path, the one above where a merge makes it; what comes of that is compared."""
    for name in path:
        root = next((value for key, value in root.value if key.value == name), root)
    return root


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
