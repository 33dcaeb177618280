"""Lay a partial params.yaml over params.yaml; take it off again byte for byte.

Mappings are merged, all else is replaced. What the lines were before is kept with each change, so that taking off
brings back spacing, comments and the way numbers are written.
"""

import io
import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from artpipe.config.params import Frozen
from artpipe.config.safe_yaml import parse_yaml
from artpipe.config.yaml_edit import BlockRepresenter, dump_block
from artpipe.config.yaml_tree import Node, Pair, YamlTree
from artpipe.errors import UserError

Place = tuple[str, ...]  # keys, from the outermost
_FILE = "params.yaml"
_MISSING = object()  # no value, not even null


class Change(Frozen):
    """One value that an overlay changed or added."""

    place: Place
    after: Any
    before: str | None = None  # what stood between the colon and the end of the value; None: the key was not there
    empty: str | None = None  # of an added key: how its section was written that was empty before


class Removal(NamedTuple):
    """A params.yaml without an overlay."""

    text: str
    restored: tuple[Place, ...]
    left: tuple[tuple[Place, str], ...]  # what stays as it is, and why


def merge(content: Any, overlay: Any) -> Any:
    """Return plain values with those of an overlay over them; neither is changed."""
    if not isinstance(content, Mapping) or not isinstance(overlay, Mapping):
        return overlay
    merged = {key: merge(content[key], overlay[key]) if key in overlay else content[key] for key in content}
    return merged | {key: overlay[key] for key in overlay if key not in content}


def value_at(content: Any, place: Sequence[str]) -> Any:
    """Return the value at a path of keys, None where there is none."""
    value = _look_up(content, place)
    return None if value is _MISSING else value


def apply_overlay(text: str, overlay: Mapping[str, Any], overlay_text: str = "") -> tuple[str, tuple[Change, ...]]:
    """Return params.yaml's text with an overlay over it, and what takes it off.

    Args:
        text: of params.yaml.
        overlay: partial content of params.yaml.
        overlay_text: a YAML text of which the overlay was read, whose numbers and comments are taken over.

    Raises:
        UserError: params.yaml is written in a way that cannot be edited and put back to the byte.
    """
    content = parse_yaml(text, _FILE)
    writer = _OverlayWriter(YamlTree(text), YamlTree(overlay_text) if overlay_text else None)
    writer.write(writer.tree.root, content, overlay, ())
    edited, changes = writer.tree.edited_text(), tuple(writer.changes)
    if _try_parse(edited) != merge(content, overlay) or remove_overlay(edited, changes).text != text:
        raise UserError(f"{_FILE}: this way of writing YAML is beyond artpipe; nothing was changed")
    return edited, changes


def remove_overlay(text: str, changes: Sequence[Change], keep: Collection[Place] = ()) -> Removal:
    """Return the text of params.yaml without what an overlay changed.

    A value that is another one by now is left as it is, and so is what `keep` names.

    Raises:
        UserError: params.yaml is not YAML any more, or is written in a way that cannot be edited.
    """
    content, tree = parse_yaml(text, _FILE), YamlTree(text)
    left, removed, restored = list[tuple[Place, str]](), dict[Place, list[Change]](), list[Place]()
    for change in changes:
        pair, present = tree.find(change.place), _look_up(content, change.place)
        if pair is None or change.place in keep:
            if change.before is not None and pair is None:
                left.append((change.place, "is not there any more"))
        elif present != change.after:
            left.append((change.place, "was changed since"))
        else:
            restored.append(change.place)
            if change.before is None:
                removed.setdefault(change.place[:-1], []).append(change)
            else:
                tree.replace_raw_value(pair, change.before)
    for place, group in removed.items():
        _remove_group(tree, place, group)
    edited = tree.edited_text()
    if _without(_try_parse(edited), restored) != _without(content, restored):
        raise UserError(f"{_FILE}: this way of writing YAML is beyond artpipe; nothing was changed")
    return Removal(edited, tuple(restored), tuple(left))


def _remove_group(tree: YamlTree, place: Place, group: Sequence[Change]) -> None:
    """Take the keys of changes out of one mapping, which stays a mapping."""
    section = tree.find(place)
    mapping = section.value if section else tree.root
    pairs = [pair for change in group if (pair := tree.find(change.place))]
    tree.remove_pairs(mapping, pairs)
    if section and not mapping.flow and len(pairs) == len(mapping.pairs):
        empty = next((change.empty for change in group if change.empty is not None), " {}")
        tree.insert(tree.after_colon(section), empty)


class _OverlayWriter:
    """Edits the tree of params.yaml, and notes each change."""

    def __init__(self, tree: YamlTree, source: YamlTree | None) -> None:
        self.tree, self.changes, self._source = tree, list[Change](), source

    def write(self, mapping: Node, content: Mapping[str, Any], overlay: Mapping[str, Any], place: Place) -> None:
        """Edit what differs in one mapping and those below it."""
        added: dict[str, Any] = {}
        for key, value in overlay.items():
            pair, old = mapping.find(str(key)), content.get(key, _MISSING)
            merged = value if old is _MISSING else merge(old, value)
            if old is not _MISSING and merged == old:
                continue
            if pair is None:
                added[str(key)] = merged
            elif not isinstance(value, Mapping) or not isinstance(old, Mapping):
                self._replace(pair, value, (*place, str(key)))
            elif pair.value.form == "mapping":
                self.write(pair.value, old, value, (*place, str(key)))
            else:
                dotted = ".".join((*place, str(key)))
                raise UserError(f"{_FILE}:{pair.key.line}: `{dotted}` is an alias; write it out to change a part of it")
        if added:
            self._add(mapping, added, place)

    def _replace(self, pair: Pair, value: Any, place: Place) -> None:
        raw, old = self.tree.raw_value(pair), pair.value
        gap = raw[: len(raw) - (old.end - old.start)] or " "
        column = self.tree.column(old.start)
        if not old.flow and old.form == "list" and isinstance(value, list) and value:
            line_break = self.tree.line_break(old.end)
            new = f"{line_break}{' ' * column}".join(f"- {_dump_flow(item)}" for item in value)
        else:
            gap = gap if old.flow else " "
            new = self._write_flow(place, value)
        self.tree.replace_raw_value(pair, f"{gap}{new}")
        self.changes.append(Change(place=place, after=value, before=raw))

    def _add(self, mapping: Node, added: Mapping[str, Any], place: Place) -> None:
        section, empty = self.tree.find(place), None
        has_entries = any(isinstance(value, Mapping) for value in added.values())
        if mapping.flow and (mapping.pairs or not has_entries or not section or not self._stands_in_lines(place)):
            items = ", ".join(
                f"{_dump_flow(key)}: {self._write_flow((*place, key), value)}" for key, value in added.items()
            )
            index = mapping.pairs[-1].value.end if mapping.pairs else mapping.start + 1
            self.tree.insert(index, f", {items}" if mapping.pairs else items)
        else:
            if section and not mapping.pairs:
                column, empty = self.tree.column(section.key.start) + 2, self.tree.raw_value(section)
                self.tree.replace_raw_value(section, "")
            else:
                column = self.tree.column(mapping.pairs[0].key.start)
            lines = [
                " " * column + line if line.strip() else line
                for key, value in added.items()
                for line in self._write_lines((*place, key), value)
            ]
            self.tree.insert_lines(mapping.end, lines, len(place))
        self.changes += [Change(place=(*place, key), after=value, empty=empty) for key, value in added.items()]

    def _stands_in_lines(self, place: Place) -> bool:
        """Return whether the mapping around a section is one of lines."""
        above = self.tree.find(place[:-1])
        return not (above.value if above else self.tree.root).flow

    def _write_flow(self, place: Place, value: Any) -> str:
        """Return a value in one line, if possible as the overlay's file writes it.

        It is written anew where that text means another value here.
        """
        pair = self._source.find(place) if self._source else None
        if pair is not None and self._source is not None and pair.value.flow:
            raw = self._source.text[pair.value.start : pair.value.end]
            if "\n" not in raw and _try_parse(f"[{raw}]") == [value]:
                return raw
        return _dump_flow(value)

    def _write_lines(self, place: Place, value: Any) -> list[str]:
        """Return the lines of an entry, if possible as the overlay's file writes them.

        They are written anew where they mean another value here.
        """
        pair = self._source.find(place) if self._source else None
        if pair is not None and self._source is not None:
            start, end = self._source.line_range((pair.key.start, pair.value.end))
            indent = self._source.text[start : pair.key.start]
            lines = [line.removeprefix(indent) for line in self._source.text[start:end].splitlines()]
            if not indent.strip() and _try_parse("\n".join([*lines, ""])) == {place[-1]: value}:
                return lines
        if isinstance(value, Mapping) and value:
            block = dump_block({place[-1]: value})
            if _try_parse(block) == {place[-1]: value}:
                return block.removesuffix("\n").split("\n")
        return [f"{_dump_flow(place[-1])}: {self._write_flow(place, value)}"]


def _dump_flow(value: Any) -> str:
    """Return a value in one line, as it may stand in brackets."""
    yaml, stream = YAML(), io.StringIO()
    yaml.width, yaml.default_flow_style, yaml.Representer = 2**20, True, BlockRepresenter
    yaml.dump({"value": value}, stream)  # a mapping: in a list another one of one key would lose its brackets
    text = stream.getvalue().rstrip("\n").removeprefix("{value: ").removesuffix("}")
    mappings = (f"value: {text}\n", f'{{\n  "value": {text}\n}}')
    is_read = _try_parse(f"[{text}]") == [value] and all(_try_parse(one) == {"value": value} for one in mappings)
    return text if is_read else json.dumps(value)  # ruamel quotes too little: `?.A`, `:0` behind a quoted key


def _look_up(content: Any, place: Sequence[str]) -> Any:
    for key in place:
        if not isinstance(content, Mapping):
            return _MISSING
        content = next((value for name, value in content.items() if str(name) == key), _MISSING)
    return content


def _without(content: Any, places: Collection[Place]) -> Any:
    """Return plain values without those at some places."""
    if not isinstance(content, Mapping) or not places:
        return content
    below: dict[str, list[Place]] = {}
    for place in places:
        below.setdefault(place[0], []).append(place[1:])
    return {
        key: _without(value, below.get(str(key), []))
        for key, value in content.items()
        if () not in below.get(str(key), [])
    }


def _try_parse(text: str) -> Any:
    try:
        return parse_yaml(text, _FILE)
    except UserError:
        return _MISSING
