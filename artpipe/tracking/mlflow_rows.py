"""Rows of journals and verdicts in the form that MLflow takes."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any


def iterate_metrics(rows: Iterable[Mapping[str, Any]]) -> Iterator[tuple[str, float, int, int]]:
    """Yield key, value, time in milliseconds and step of every finite number in rows."""
    for row in rows:
        for group in ("losses", "validation", "scores"):
            for name, value in row.get(group, {}).items():
                if isinstance(value, int | float) and math.isfinite(value):
                    yield f"{group}/{name}", float(value), to_milliseconds(row["time"]), int(row["step"])


def to_milliseconds(seconds: float) -> int:
    """Return a time as MLflow has it."""
    return round(seconds * 1000)


def split_batches(items: Sequence[Any], size: int) -> Iterator[list[Any]]:
    """Yield the items in lists of `size` at most."""
    for start in range(0, len(items), size):
        yield list(items[start : start + size])


def flatten_params(params: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested parameters by their dotted names."""
    return dict(_iterate_leaves(params, prefix))


def _iterate_leaves(value: Any, prefix: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _iterate_leaves(inner, f"{prefix}.{key}" if prefix else str(key))
    else:
        yield prefix, value
