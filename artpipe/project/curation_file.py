"""Change `curation.yaml`, a decision at a time.

Comments and the rest of the file stay as they stand.
"""

import io
from collections.abc import MutableMapping, Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from artpipe.artifacts.curation import EMPTY_CURATION, BredWork, Curation, WorkDecision, load_curation, parse_curation
from artpipe.artifacts.paths import CURATION
from artpipe.system.atomic_files import write_text
from artpipe.system.locks import hold_lock

_WAIT_SECONDS = 10.0  # for another decision


class CurationFile:
    """The decisions of a project, each written at once."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def load(self) -> Curation:
        """Return what stands in the file now.

        Raises:
            UserError: it is no curation; nothing is written over it.
        """
        return load_curation(self._root)

    def decide(self, model: str, recipe: str, decision: WorkDecision) -> None:
        """Write what was decided of one work; nothing special takes it out of the file.

        Raises:
            UserError: the file is no curation.
        """
        fields = decision.model_dump(exclude_defaults=True)
        self._edit(lambda content: _write_fields(_enter_works(content, model), recipe, fields))

    def order(self, model: str, recipes: Sequence[str]) -> None:
        """Give works the places 1, 2, 3 ... in this order.

        No other work of the model has one.

        Raises:
            UserError: the file is no curation.
        """
        places = {recipe: place for place, recipe in enumerate(recipes, start=1)}

        def change(content: MutableMapping[str, Any]) -> None:
            works = _enter_works(content, model)
            for recipe in dict.fromkeys([*places, *works]):
                fields = {name: value for name, value in (works.get(recipe) or {}).items() if name != "place"}
                place = places.get(recipe)
                _write_fields(works, recipe, fields if place is None else {**fields, "place": place})

        self._edit(change)

    def add_bred(self, model: str, bred: BredWork) -> None:
        """Write that a bred picture hangs from now on.

        Raises:
            UserError: the file is no curation.
        """

        def change(content: MutableMapping[str, Any]) -> None:
            entry = _enter(_enter(content, "models"), model)
            listed = entry.get("bred") or []
            fields = bred.model_dump(exclude_none=True)
            if fields not in listed:
                listed.append(fields)
            entry["bred"] = listed

        self._edit(change)

    def _edit(self, change: Any) -> None:
        path, yaml = self._root / CURATION, YAML()
        yaml.width = 4096
        with hold_lock(self._root / ".state/curation.lock", wait_seconds=_WAIT_SECONDS, doing="deciding"):
            text = path.read_text(encoding="utf-8") if path.exists() else EMPTY_CURATION
            parse_curation(text)  # nothing is written over what is no curation
            content = yaml.load(text)
            if content is None:
                content = CommentedMap(format=1)
            change(content)
            stream = io.StringIO()
            yaml.dump(content, stream)
            parse_curation(stream.getvalue())
            write_text(path, stream.getvalue())


def _enter(content: MutableMapping[str, Any], name: str) -> MutableMapping[str, Any]:
    """Return a mapping within one, an empty one where there was none."""
    if not isinstance(content.get(name), MutableMapping):
        content[name] = CommentedMap()
    inner: MutableMapping[str, Any] = content[name]
    return inner


def _enter_works(content: MutableMapping[str, Any], model: str) -> MutableMapping[str, Any]:
    return _enter(_enter(_enter(content, "models"), model), "works")


def _write_fields(works: MutableMapping[str, Any], recipe: str, fields: MutableMapping[str, Any]) -> None:
    """Give a work these fields; without any it leaves the file."""
    if not fields:
        works.pop(recipe, None)
    elif isinstance(works.get(recipe), MutableMapping):
        _replace_fields(works[recipe], fields)
    else:
        works[recipe] = fields


def _replace_fields(entry: MutableMapping[str, Any], fields: MutableMapping[str, Any]) -> None:
    for name in [name for name in entry if name not in fields]:
        del entry[name]
    entry.update(fields)
