"""Insert and remove entries of params.yaml; every other line stays as it is.

Comments included.
"""

import io
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.nodes import CollectionNode, MappingNode, Node, ScalarNode
from ruamel.yaml.representer import RoundTripRepresenter

from artpipe.config.safe_yaml import parse_yaml
from artpipe.errors import UserError

_LINE_END = re.compile(r"\r\n\Z|[\r\n]\Z")  # of Windows, of old Macs, of all others


class BlockRepresenter(RoundTripRepresenter):
    """Representer that writes None as `null`.

    An empty value would have no end to splice at.
    """


BlockRepresenter.add_representer(
    type(None), lambda writer, _: writer.represent_scalar("tag:yaml.org,2002:null", "null")
)


def read_exactly(path: Path) -> str:
    """Return the text of a file with its line ends and its mark unchanged."""
    return path.read_bytes().decode()


def insert_entry(text: str, section: str, name: str, entry: Mapping[str, Any]) -> str:
    """Return the text of params.yaml with `entry` as the last one of `section`.

    A section is ``datasets`` or ``models``.

    Raises:
        UserError: the room is written in one line (flow style), so there is no place for a block.
    """
    key, value = _find_section(text, section)
    lines = _split_lines(text)
    if value.flow_style:
        line = lines[value.start_mark.line]
        lines[value.start_mark.line] = line[: value.start_mark.column].rstrip() + line[value.end_mark.column :]
    column = value.value[0][0].start_mark.column if value.value else key.start_mark.column + 2
    place = _end_line(lines, value)
    line_end, is_open = _detect_line_end(lines, place), not _LINE_END.search(lines[place - 1])
    block = [f"{' ' * column}{line}{line_end}" for line in dump_block({name: entry}).removesuffix("\n").split("\n")]
    if is_open:  # a file without a line end at its end stays one
        lines[place - 1] += line_end
        block[-1] = block[-1].removesuffix(line_end)
    lines[place:place] = block
    return _verify_edit("".join(lines), _expected_content(text, section, name, entry))


def remove_entry(text: str, section: str, name: str) -> str:
    """Return the text of params.yaml without the entry `name` of `section`.

    A section that is left empty stays a mapping.

    Raises:
        UserError: the room is written in one line (flow style).
    """
    key, value = _find_section(text, section)
    lines = _split_lines(text)
    pair = next(pair for pair in value.value if pair[0].value == name)
    is_open = not _LINE_END.search(lines[-1])
    del lines[pair[0].start_mark.line : _end_line(lines, pair[1])]
    if is_open:
        lines[-1] = _LINE_END.sub("", lines[-1])
    if len(value.value) == 1:
        line = lines[key.start_mark.line]
        lines[key.start_mark.line] = line.replace(f"{section}:", f"{section}: {{}}", 1)
    return _verify_edit("".join(lines), _expected_content(text, section, name, None))


def replace_scalars(text: str, replacements: Iterable[tuple[ScalarNode, str]]) -> str:
    """Return a text with some plain or quoted scalars replaced, in the same quotes.

    All else stays.
    """
    by_place = {
        node.end_mark.index: (node, replacement) for node, replacement in replacements
    }  # an alias's node comes more than once
    for end in sorted(by_place, reverse=True):
        node, replacement = by_place[end]
        quote = node.style or ""
        start = end - len(f"{quote}{node.value}{quote}")
        text = f"{text[:start]}{quote}{replacement}{quote}{text[end:]}"
    return text


def parse_key_value(text: str) -> tuple[str, Any]:
    """Return the two halves of ``key=value``, the value parsed as YAML.

    Raises:
        UserError: there is no `=`, or the value is not YAML.
    """
    key, sign, value = text.partition("=")
    if not sign:
        raise UserError(f"-P {text}: KEY=VALUE is wanted, such as `-P steps=500`")
    try:
        return key.strip(), parse_yaml(value, "-P")
    except UserError:
        raise UserError(f"-P {text}: the value is not YAML; text with signs of its own stands in quotes") from None


def _find_section(text: str, section: str) -> tuple[Node, MappingNode]:
    for key, value in YAML().compose(text).value:
        if key.value == section and isinstance(value, MappingNode):
            if value.flow_style and value.value:
                message = f"`{section}` is written in one line; write its entries one below the other"
                raise UserError(f"params.yaml:{key.start_mark.line + 1}: {message}")
            return key, value
    raise UserError(f"params.yaml: `{section}` is missing; write `{section}: {{}}`")


def _split_lines(text: str) -> list[str]:
    """Split a text where the YAML parser counts a new line.

    `str.splitlines` splits at more places.
    """
    return re.findall(r"[^\r\n\x85\u2028\u2029]*(?:\r\n|[\r\n\x85\u2028\u2029])|[^\r\n\x85\u2028\u2029]+", text)


def _detect_line_end(lines: list[str], place: int) -> str:
    """Return the line end before `place`, or the nearest usual one above."""
    ends = (_LINE_END.search(line) for line in reversed(lines[:place]))
    return next((end[0] for end in ends if end), "\n")


def _end_line(lines: list[str], node: Node) -> int:
    """Return the line (from 0) after a node's own text.

    A block of text may claim the blank lines that follow it.
    """
    end = _last_line(node)
    while end > node.start_mark.line and not lines[end].strip():
        end -= 1
    return end + 1


def _last_line(node: Node) -> int:
    """Return the line (from 0) in which a node's own text ends.

    Blank lines and comments after it belong to what follows.
    """
    if isinstance(node, CollectionNode) and not node.flow_style and node.value:
        last = node.value[-1]
        return _last_line(last[1] if isinstance(last, tuple) else last)
    end: int = node.end_mark.line
    return end - 1 if node.end_mark.column == 0 and end > node.start_mark.line else end


def dump_block(entry: Mapping[str, Any]) -> str:
    """Return an entry as a YAML block.

    Sections without sub-sections stand in one line, as in the default params.yaml.
    """
    yaml = YAML()
    yaml.width = 4096
    yaml.Representer = BlockRepresenter
    stream = io.StringIO()
    yaml.dump({name: _to_block_style(fields) for name, fields in entry.items()}, stream)
    return stream.getvalue()


def _to_block_style(fields: Mapping[str, Any]) -> CommentedMap:
    block = CommentedMap()
    for key, value in fields.items():
        block[key] = value
        if isinstance(value, Mapping):
            block[key] = CommentedMap(value)
            if not any(isinstance(item, str) for item in value.values()):
                block[key].fa.set_flow_style()
    return block


def _expected_content(text: str, section: str, name: str, entry: Mapping[str, Any] | None) -> dict[str, Any]:
    data: dict[str, Any] = parse_yaml(text, "params.yaml")
    data[section].pop(name, None)
    if entry is not None:
        data[section][name] = dict(entry)
    return data


def _verify_edit(text: str, expected: Mapping[str, Any]) -> str:
    """Return `text` if its content is `expected`.

    An unusual way of writing YAML is refused and not damaged.
    """
    if parse_yaml(text, "params.yaml") != expected:
        message = "this way of writing YAML is beyond artpipe; write the entry by hand as README.md shows"
        raise UserError(f"params.yaml: {message}")
    return text
