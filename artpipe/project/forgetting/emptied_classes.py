"""Find classes that params.yaml names and that forgetting leaves empty."""

from collections.abc import Iterator, Mapping
from typing import Any

from artpipe.config.params import Params
from artpipe.contracts.plugin_info import model_info
from artpipe.project.forgetting.held_works import Holdings, iterate_works


def describe_emptied_classes(params: Params, holdings: Holdings) -> list[str]:
    """Return a line for each class that a model names and that is left empty.

    Such a model cannot be made again before its entry is changed.
    """
    emptied = _find_emptied(params, holdings)
    return [
        f"params.yaml: `models.{name}.{key}` names `{label}`, of which no work is left: take it out or name another class"
        for name, entry in params.models.items()
        for key in model_info(str(entry.get("kind"))).class_parameters
        for label in emptied.get(str(entry.get("dataset")), ())
        if label in set(_list_names(entry.get(key)))
    ]


def _find_emptied(params: Params, holdings: Holdings) -> dict[str, list[str]]:
    """Return by dataset the classes whose every work is to be forgotten."""
    left: dict[str, set[str]] = {name: set() for name in holdings.datasets}
    gone: dict[str, set[str]] = {name: set() for name in holdings.datasets}
    forgotten = {(held.dataset, held.work.sha256) for held in holdings.held}
    for held in iterate_works(params):
        if held.dataset in left and held.work.label is not None:
            labels = gone if (held.dataset, held.work.sha256) in forgotten else left
            labels[held.dataset].add(held.work.label)
    return {name: sorted(gone[name] - left[name]) for name in left}


def _list_names(value: Any) -> Iterator[str]:
    """Yield the names in a parameter: of a list, or of a mapping and its lists."""
    if isinstance(value, Mapping):
        for key, names in value.items():
            yield str(key)
            yield from _list_names(names)
    elif isinstance(value, str):
        yield value
    else:
        yield from map(str, value or ())
