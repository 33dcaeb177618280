"""YAML of people and strangers: plain values, bounded before they are built, each mistake one line."""

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import Composer, ComposerError
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode

from artpipe.errors import UserError

_DEEPEST = 64  # values within values
_DIGITS = 100  # of a whole number
_MOST = 1_000_000  # values, those counted again that an alias repeats: ten aliases of ten of ten ... are a bomb


class _Bounded(Composer):
    """Refuses what would not end: aliases of themselves, and aliases of aliases that grow beyond all bounds."""

    def get_single_node(self) -> Any:
        """Return the root, before anything is made of it."""
        root = super().get_single_node()
        if root is not None:
            _weigh(root, {})
        return root


def parse_yaml(text: str, place: str) -> Any:
    """Return what a text says (YAML 1.2, no tags of programs) as plain Python.

    Args:
        text: one document.
        place: its file, for messages.

    Raises:
        UserError: it is not YAML, or a bomb; the message has file, line and column.
    """
    yaml = YAML(typ="safe", pure=True)
    yaml.max_depth, yaml.Composer = _DEEPEST, _Bounded
    try:
        return yaml.load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{place}:{mark.line + 1}:{mark.column + 1}" if mark else place
        problem = str(getattr(error, "problem", None) or error).partition(", if necessary increase YAML()")[0]
        raise UserError(f"{place}: not YAML: {' '.join(problem.split())}") from None
    except (ValueError, KeyError, OverflowError, RecursionError) as error:  # a date, number or truth that is none
        raise UserError(f"{place}: not YAML: {' '.join(str(error).split())[:200]}") from None


def _weigh(node: Node, known: dict[int, int]) -> int:
    """Return how many values a node stands for."""
    if known.setdefault(id(node), 0):
        return known[id(node)]
    count = 1
    if isinstance(node, ScalarNode):
        _require_plain(node)
    else:
        pairs = isinstance(node, MappingNode)
        for inner in [one for pair in node.value for one in pair] if pairs else node.value:
            if known.get(id(inner)) == 0:
                raise ComposerError(None, None, "an alias of what it stands in", inner.start_mark)
            count += _weigh(inner, known)
    if count > _MOST:
        raise ComposerError(None, None, f"aliases that stand for more than {_MOST:,} values", node.start_mark)
    known[id(node)] = count
    return count


def _require_plain(node: ScalarNode) -> None:
    """Refuse what Python reads and cannot write again."""
    if str(node.tag).endswith(":int") and len(node.value) > _DIGITS:
        raise ComposerError(None, None, f"a number of {len(node.value):,} digits", node.start_mark)
    try:
        node.value.encode()
    except UnicodeEncodeError:
        raise ComposerError(None, None, "half a character (a lone surrogate)", node.start_mark) from None
