"""Join works that were cut into tiles."""

from collections.abc import Collection, Iterator, Mapping

import torch
from torch import Tensor


def join_tiles(columns: Mapping[str, Tensor], digests: Collection[str] | None = None) -> Iterator[tuple[Tensor, str]]:
    """Yield each work's picture ``(C, H, W)`` and its digest in hex.

    The picture has the type of `images`; the digest is empty where there is none.

    Args:
        columns: rows of a ShardSet in any order. A work whose tiles are not all there is passed over.
        digests: those of the works to yield, all where it is None.
    """
    images = columns["images"]
    places = columns["places"].tolist() if "places" in columns else [(0, 0, 1, 1)] * len(images)
    tiles: dict[str, dict[tuple[int, int], int]] = {}
    for index, digest in enumerate(_hex_digests(columns)):
        if digests is not None and digest not in digests:
            continue
        row, column, rows, across = places[index]
        work_tiles = tiles.setdefault(digest, {})
        work_tiles[row, column] = index
        if len(work_tiles) == rows * across:
            lines = [torch.cat([images[work_tiles[y, x]] for x in range(across)], 2) for y in range(rows)]
            yield torch.cat(lines, 1), digest


def _hex_digests(columns: Mapping[str, Tensor]) -> list[str]:
    if "digests" not in columns:
        return [""] * len(columns["images"])
    text = bytes(columns["digests"].cpu().flatten().numpy()).hex()
    return [text[start : start + 64] for start in range(0, len(text), 64)]
