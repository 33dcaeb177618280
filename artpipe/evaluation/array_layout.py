"""Where arrays stand in one long array of floats, and how strides walk over them."""

from collections.abc import Sequence

ALIGNMENT = 4  # floats


def round_up(size: int, multiple: int) -> int:
    """Return the least multiple that is not less than a size."""
    return -(-size // multiple) * multiple


def merge_axes(sizes: Sequence[int], strides: Sequence[Sequence[int]]) -> tuple[list[int], list[list[int]]]:
    """Return the fewest axes that walk over arrays of several strides alike."""
    merged: list[tuple[int, list[int]]] = []
    for size, *steps in zip(sizes, *strides, strict=True):
        if size == 1:
            continue
        if merged and all(before == size * step for before, step in zip(merged[-1][1], steps, strict=True)):
            merged[-1] = (merged[-1][0] * size, steps)
        else:
            merged.append((size, steps))
    merged = merged or [(1, [1] * len(strides))]
    return [size for size, _ in merged], [list(column) for column in zip(*(steps for _, steps in merged), strict=True)]


def place_buffers(
    sizes: Sequence[int],
    writes: Sequence[int],
    reads: Sequence[Sequence[int]],
    inputs: Sequence[int],
    output: int,
    start: int,
) -> tuple[dict[int, int], int]:
    """Return the place of each buffer from `start` on, and where the last one ends.

    Each step writes one buffer and reads several. A place is taken again when what stood there was read for the last
    time.
    """
    last_use = {buffer: number for number, read in enumerate(reads) for buffer in read} | {output: len(reads)}
    places: dict[int, int] = {}
    taken: list[tuple[int, int, int]] = []  # start, end, buffer
    end = start
    for number, written in enumerate([inputs, *([buffer] for buffer in writes)], start=-1):
        taken = [region for region in taken if last_use.get(region[2], -1) >= number or region[2] in inputs]
        for buffer in written:
            place = _find_gap(taken, round_up(sizes[buffer], ALIGNMENT), start)
            places[buffer] = place
            taken.append((place, place + round_up(sizes[buffer], ALIGNMENT), buffer))
            end = max(end, taken[-1][1])
    return places, end


def _find_gap(taken: Sequence[tuple[int, int, int]], size: int, start: int) -> int:
    for low, high, _ in sorted(taken):
        if low - start >= size:
            break
        start = max(start, high)
    return start
