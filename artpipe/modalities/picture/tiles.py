"""Works that were cut into tiles, whole again: for what hangs, and for measures of whole works."""

from collections.abc import Collection, Iterator, Mapping

import torch
from torch import Tensor


def wholes(columns: Mapping[str, Tensor], wanted: Collection[str] | None = None) -> Iterator[tuple[Tensor, str]]:
    """Yield each work's picture ``(C, H, W)``, of the type of `images`, and its digest in hex, empty where there is none.

    Args:
        columns: rows of a ShardSet in any order. A work whose tiles are not all there is passed over.
        wanted: digests of the works to yield, all where it is None.
    """
    images = columns["images"]
    places = columns["places"].tolist() if "places" in columns else [(0, 0, 1, 1)] * len(images)
    tiles: dict[str, dict[tuple[int, int], int]] = {}
    for index, digest in enumerate(_digests(columns)):
        if wanted is not None and digest not in wanted:
            continue
        row, column, rows, across = places[index]
        own = tiles.setdefault(digest, {})
        own[row, column] = index
        if len(own) == rows * across:
            lines = [torch.cat([images[own[y, x]] for x in range(across)], 2) for y in range(rows)]
            yield torch.cat(lines, 1), digest


def _digests(columns: Mapping[str, Tensor]) -> list[str]:
    if "digests" not in columns:
        return [""] * len(columns["images"])
    text = bytes(columns["digests"].cpu().flatten().numpy()).hex()
    return [text[start : start + 64] for start in range(0, len(text), 64)]
