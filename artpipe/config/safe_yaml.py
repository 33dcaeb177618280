"""Parse YAML of untrusted files: plain values, bounded before they are built.

Each mistake is one line.
"""

import re
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from artpipe.errors import UserError

_MAX_DEPTH = 64  # values within values
_MAX_DIGITS = 100  # of a whole number
_CONFLICT_MARK = re.compile(
    r"^<{7}( |$)", re.MULTILINE
)  # of git, at the beginning of a line, where no YAML of ours has them
_MAX_VALUES = 1_000_000  # values, those counted again that an alias repeats: ten aliases of ten of ten ... are a bomb


class _BoundedComposer(Composer):
    """Composer that refuses aliases of themselves and aliases that grow without bound."""

    def get_single_node(self) -> Any:
        """Return the root, before anything is made of it."""
        root = super().get_single_node()
        if root is not None:
            _count_values(root, {})
        return root


def find_conflict_line(text: str) -> int:
    """Return the line (from 1) of the first conflict mark of git, 0 without one."""
    marks = _CONFLICT_MARK.search(text)
    return text.count("\n", 0, marks.start()) + 1 if marks else 0


def require_no_conflict(path: Path) -> None:
    """Refuse a file with conflict marks of git in it.

    A file that is missing or cannot be read is not refused here.

    Raises:
        UserError: file, line and what to do.
    """
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return
    if line := find_conflict_line(text):
        raise UserError(f"{path}:{line}: the marks of a merge (`<<<<<<<`); {advise_on_merge(str(path))}")


def advise_on_merge(name: str) -> str:
    """Return how to end a merge that left its marks in a file.

    Files that programs write are taken from one side.
    """
    if name.endswith(("dvc.lock", ".dvc")):
        again = (
            "then `artpipe run` brings up to date what the other side has" if name.endswith("lock") else "or --theirs"
        )
        return f"take one side whole: `git checkout --ours {name}` (while the merge is open), {again}"
    return "keep one side of each, take the marks out, then `artpipe check`"


def parse_yaml(text: str, place: str) -> Any:
    """Return a YAML 1.2 text, without tags, as plain Python.

    The same text is parsed once.

    Args:
        text: one document.
        place: its file, for messages.

    Raises:
        UserError: it is not YAML, or a bomb; the message has file, line and column.
    """
    return deepcopy(_parse(text, place))


@lru_cache(maxsize=8)
def _parse(text: str, place: str) -> Any:
    if line := find_conflict_line(text):
        raise UserError(f"{place}:{line}: the marks of a merge (`<<<<<<<`); {advise_on_merge(Path(place).name)}")
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth, yaml.Composer = _MAX_DEPTH, _BoundedComposer
    try:
        return yaml.load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{place}:{mark.line + 1}:{mark.column + 1}" if mark else place
        problem = str(getattr(error, "problem", None) or error).partition(", if necessary increase YAML()")[0]
        raise UserError(f"{place}: not YAML: {' '.join(problem.split())}") from None
    except (ValueError, KeyError, OverflowError, RecursionError) as error:  # an invalid date, number or boolean
        raise UserError(f"{place}: not YAML: {' '.join(str(error).split())[:200]}") from None


def _count_values(node: Node, counts: dict[int, int]) -> int:
    """Return how many values a node stands for."""
    if counts.setdefault(id(node), 0):
        return counts[id(node)]
    count = 1
    if isinstance(node, ScalarNode):
        _require_plain(node)
    else:
        pairs = isinstance(node, MappingNode)
        for inner in [child for pair in node.value for child in pair] if pairs else node.value:
            if counts.get(id(inner)) == 0:
                raise ComposerError(None, None, "an alias of what it stands in", inner.start_mark)
            count += _count_values(inner, counts)
    if count > _MAX_VALUES:
        raise ComposerError(None, None, f"aliases that stand for more than {_MAX_VALUES:,} values", node.start_mark)
    counts[id(node)] = count
    return count


def _require_plain(node: ScalarNode) -> None:
    """Refuse values that Python reads and cannot write again."""
    if str(node.tag).endswith(":int") and len(node.value) > _MAX_DIGITS:
        raise ComposerError(None, None, f"a number of {len(node.value):,} digits", node.start_mark)
    try:
        node.value.encode()
    except UnicodeEncodeError:
        raise ComposerError(None, None, "half a character (a lone surrogate)", node.start_mark) from None


def unescape(text: str) -> str:
    """Return text with the escapes of line and page ends, tabs and returns replaced."""
    for letter, character in {"n": "\n", "r": "\r", "t": "\t", "f": "\f"}.items():
        text = text.replace(f"\\{letter}", character)
    return text
