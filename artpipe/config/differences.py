"""Where two nested mappings differ, such as two texts of params.yaml."""

from collections.abc import Iterator, Mapping
from typing import Any


def list_differences(old: Any, new: Any, place: str = "") -> Iterator[tuple[str, Any, Any]]:
    """Yield the dotted key, old and new value of each difference.

    A value that is not there is None. Where only one of both is a mapping, it counts as a whole.
    """
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from list_differences(old.get(key), new.get(key), f"{place}.{key}" if place else str(key))
    elif old != new:
        yield place, old, new
