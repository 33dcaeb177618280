"""Find where each value of a YAML text stands, and edit it there.

All other characters stay.

It is made of the parser's events, so an alias is what is written and not what it stands for.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
)

_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # where the parser counts a new line
_ENDS = MappingEndEvent | SequenceEndEvent
_BYTE_ORDER_MARK = "\ufeff"


@dataclass(frozen=True)
class Node:
    """A value, as it is written."""

    form: str  # scalar, list, mapping or alias
    start: int  # characters before it
    end: int  # after its own text; blank lines and comments behind it are not its own
    line: int  # from 1
    flow: bool = True  # False: a list or mapping of lines
    value: str = ""  # of a scalar
    pairs: "tuple[Pair, ...]" = ()  # of a mapping

    def find(self, key: str) -> "Pair | None":
        """Return the pair of a mapping's key, None where it is not written here."""
        return next((pair for pair in self.pairs if pair.key.value == key), None)


@dataclass(frozen=True)
class Pair:
    """A key of a mapping with its value."""

    key: Node
    value: Node


@dataclass
class YamlTree:
    """A YAML text with the places of its values, and the edits that it will get."""

    text: str
    root: Node = field(init=False)
    _starts: list[int] = field(init=False)  # of each line
    _edits: list[tuple[int, int, int, str]] = field(init=False, default_factory=list)  # start, depth, end, new text

    def __post_init__(self) -> None:
        events = (
            event for event in YAML(typ="safe", pure=True).parse(self.text) if isinstance(event, NodeEvent | _ENDS)
        )
        self.root = _build_node(next(events), events, self.text)
        self._starts = [0, *(mark.end() for mark in _BREAK.finditer(self.text))]

    def find(self, place: Sequence[str]) -> Pair | None:
        """Return the pair at a path of keys, None where nothing is written there."""
        node, pair = self.root, None
        for key in place:
            pair = node.find(key)
            if pair is None:
                return None
            node = pair.value
        return pair

    def find_line(self, place: Sequence[str]) -> int:
        """Return the line (from 1) of the deepest key of a path that is written."""
        line, node = self.root.line, self.root
        for key in place:
            if (pair := node.find(key)) is None:
                break
            line, node = pair.key.line, pair.value
        return line

    def column(self, index: int) -> int:
        """Return the column of a character, from 0."""
        start = self._starts[bisect_right(self._starts, index) - 1]
        return index - start - self.text.startswith(_BYTE_ORDER_MARK, start, index)

    def line_range(self, node_range: tuple[int, int]) -> tuple[int, int]:
        """Return the range of the whole lines that a range of characters touches.

        The lines' ends are included.
        """
        first, last = (bisect_right(self._starts, index) for index in node_range)
        return self._starts[first - 1], self._starts[last] if last < len(self._starts) else len(self.text)

    def line_break(self, index: int) -> str:
        """Return the line end before a character, or the first there is."""
        breaks = [mark[0] for mark in _BREAK.finditer(self.text)]
        line = bisect_right(self._starts, index) - 1
        return (breaks[max(0, line - 1)] if breaks else "") or "\n"

    def raw_value(self, pair: Pair) -> str:
        """Return what stands between a key's colon and the end of its value."""
        return self.text[self.after_colon(pair) : pair.value.end]

    def replace_raw_value(self, pair: Pair, raw: str) -> None:
        """Put other characters between a key's colon and the end of its value."""
        self._edit(self.after_colon(pair), pair.value.end, raw)

    def insert(self, index: int, text: str, depth: int = 0) -> None:
        """Put characters at a place; of several at one place the deepest stand first."""
        self._edit(index, index, text, depth)

    def insert_lines(self, index: int, lines: Sequence[str], depth: int) -> None:
        """Put lines below that of a character."""
        _, end = self.line_range((index, index))
        line_break = self.line_break(end)
        is_open = end == len(self.text) and not _ends_with_break(self.text)
        block = [f"{line_break}{line}" if is_open else f"{line}{line_break}" for line in lines]
        self._edit(end, end, "".join(block), depth)

    def remove_pairs(self, mapping: Node, pairs: Sequence[Pair]) -> None:
        """Take pairs out of a mapping, with their lines or commas."""
        if not mapping.flow:
            for pair in pairs:
                self._edit(*self.line_range((pair.key.start, pair.value.end)), "")
            return
        kept: Pair | None = None
        for number, pair in enumerate(mapping.pairs):
            if pair not in pairs:
                kept = pair
            elif kept is not None:
                self._edit(mapping.pairs[number - 1].value.end, pair.value.end, "")
            elif number + 1 < len(mapping.pairs):
                self._edit(pair.key.start, mapping.pairs[number + 1].key.start, "")
            else:
                self._edit(pair.key.start, pair.value.end, "")

    def edited_text(self) -> str:
        """Return the text with all edits; without a line end at its end it stays so."""
        parts, place = [], 0
        for start, _, end, text in sorted(self._edits, key=lambda edit: edit[:2]):
            parts += [self.text[place:start], text]
            place = max(place, end)
        result = "".join([*parts, self.text[place:]])
        if not _ends_with_break(self.text) and (last := re.search(f"(?:{_BREAK.pattern})\\Z", result)):
            return result[: last.start()]
        return result

    def after_colon(self, pair: Pair) -> int:
        """Return the place behind the colon of a key."""
        return self.text.index(":", pair.key.end) + 1

    def _edit(self, start: int, end: int, text: str, depth: int = 0) -> None:
        self._edits.append((start, -depth, end, text))


def _ends_with_break(text: str) -> bool:
    return bool(re.search(f"(?:{_BREAK.pattern})\\Z", text))


def _build_node(event: Any, events: Iterator[Any], text: str) -> Node:
    start, end, line = event.start_mark.index, event.end_mark.index, event.start_mark.line + 1
    if isinstance(event, AliasEvent):
        return Node("alias", start, end, line)
    if isinstance(event, ScalarEvent):
        block = event.style in {"|", ">"}  # its mark is behind the blank lines that follow
        own_end = start + len(text[start:end].rstrip()) if block else end
        return Node("scalar", start, own_end, line, flow=not block, value=str(event.value))
    return _build_collection(event, events, text)


def _build_collection(event: CollectionStartEvent, events: Iterator[Any], text: str) -> Node:
    children: list[Node] = []
    while not isinstance(inner := next(events), _ENDS):
        children.append(_build_node(inner, events, text))
    flow = bool(event.flow_style)
    start, end, line = event.start_mark.index, inner.end_mark.index, event.start_mark.line + 1
    if not isinstance(event, MappingStartEvent):
        return Node("list", start, end if flow or not children else children[-1].end, line, flow)
    pairs = tuple(_make_pair(key, value, text) for key, value in zip(children[::2], children[1::2], strict=True))
    end = end if flow or not pairs else pairs[-1].value.end
    return Node("mapping", start, end, line, flow, pairs=pairs)


def _make_pair(key: Node, value: Node, text: str) -> Pair:
    """Return a pair of key and value.

    A value that is left out ends at the colon, not where the parser noticed.
    """
    if value.start < value.end:
        return Pair(key, value)
    colon = text.find(":", key.end, value.end)
    end = key.end if colon < 0 else colon + 1
    return Pair(key, replace(value, start=end, end=end))
