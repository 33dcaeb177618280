"""Migrate params.yaml and dvc.lock from `format: 1` to today's parameter names.

Only names change, each where it stands: numbers, comments, order, quotes and line ends stay byte for byte.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode

from artpipe.config.parameter_names import EVALUATION_NAMES, VERDICT_NAMES, Names, model_names, read_format, rename_keys
from artpipe.config.params import FORMAT
from artpipe.config.safe_yaml import parse_yaml
from artpipe.config.yaml_edit import replace_scalars
from artpipe.errors import UserError

KeyPath = tuple[str, ...]  # of keys, to a value
_MODEL = "models."  # before a model's name, among the parameters of a stage in dvc.lock
_ADVICE = "this way of writing YAML is beyond artpipe; rename by hand what `artpipe upgrade --plan` lists"


def migrate_params(text: str) -> str:
    """Return the text of a params.yaml under today's names.

    One of today's format is returned as it is.

    Raises:
        UserError: it is not YAML, has a parameter under both names, or is written in a way that cannot be edited.
    """
    content = parse_yaml(text, "params.yaml")
    return _migrate(text, "params.yaml", content, [()]) if read_format(content) == 1 else text


def migrate_lock(text: str) -> str:
    """Return the text of a dvc.lock under today's names.

    Stages that ran with them stay as they are.

    Raises:
        UserError: see `migrate_params`.
    """
    content = parse_yaml(text, "dvc.lock")
    stages = _as_mapping(_as_mapping(content).get("stages"))
    places = [("stages", name, "params", "params.yaml") for name in stages]
    old_places = [place for place in places if read_format(_as_mapping(_value_at(content, place))) == 1]
    return _migrate(text, "dvc.lock", content, old_places) if old_places else text


def list_renamed_parameters(text: str) -> dict[tuple[str, str], list[str]]:
    """Return the places of old names in a params.yaml of `format: 1`.

    By the old and the new name.
    """
    content = parse_yaml(text, "params.yaml")
    places: dict[tuple[str, str], list[str]] = {}
    for path, names in _sections(content) if read_format(content) == 1 else ():
        for old, new in names.items():
            if old in _value_at(content, path):
                places.setdefault((old, new), []).append(".".join(path))
    return places


def _migrate(text: str, file: str, content: dict[str, Any], places: Sequence[KeyPath]) -> str:
    """Return a text with the parameters at `places` renamed and their format updated."""
    root, replacements = YAML().compose(text), []
    for place in places:
        params = _as_mapping(_value_at(content, place))
        replacements += [(value, str(FORMAT)) for key, value in _node_at(root, place).value if key.value == "format"]
        for path, names in list(_sections(params)):
            section = _node_at(root, (*place, *path))
            replacements += [(key, names[key.value]) for key, _ in section.value if key.value in names]
            _rename(params, path, names, file)
        params["format"] = FORMAT
    migrated = replace_scalars(text, replacements)
    if parse_yaml(migrated, file) != content:
        raise UserError(f"{file}: {_ADVICE}")
    return migrated


def _sections(params: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Names]]:
    """Yield the path of each mapping with renamed keys, and the names."""
    evaluation = _as_mapping(params.get("evaluation"))
    if evaluation:
        yield ("evaluation",), EVALUATION_NAMES
    if _as_mapping(evaluation.get("verdicts")):
        yield ("evaluation", "verdicts"), VERDICT_NAMES
    entries: dict[KeyPath, Any] = {
        ("models", str(name)): entry for name, entry in _as_mapping(params.get("models")).items()
    }
    entries |= {(key,): entry for key, entry in params.items() if str(key).startswith(_MODEL)}
    for path, entry in entries.items():
        if _as_mapping(entry):
            yield path, model_names(entry.get("kind"))


def _rename(params: dict[str, Any], path: KeyPath, names: Names, file: str) -> None:
    *above, last = path
    parent = _value_at(params, tuple(above))
    for old, new in names.items():
        if old in parent[last] and new in parent[last]:
            raise UserError(
                f"{file}: `{'.'.join(path)}` has `{old}` and `{new}`, which are one parameter; take one out"
            )
    parent[last] = rename_keys(parent[last], names)


def _value_at(value: Any, path: KeyPath) -> Any:
    for key in path:
        value = _as_mapping(value).get(key)
    return value


def _node_at(root: MappingNode, path: KeyPath) -> MappingNode:
    """Return the mapping at a path, or the one above where a merge makes it.

    The result is compared afterwards.
    """
    for name in path:
        root = next((value for key, value in root.value if key.value == name), root)
    return root


def _as_mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
