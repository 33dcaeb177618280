"""Compose pictures of the patches of given works, from coarse to fine.

Granot et al. 2022 ("Drop the GAN"): at each level of a pyramid every patch of an enlarged guess is replaced by the
nearest patch of the works, and overlapping patches are averaged. Small levels search all patches, in both directions;
larger ones search near the matches of the level below (`patch_search.py`). At the end every pixel is copied from one
pixel of a work: the source map says which.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.numerics.patch_search import PatchFeatures, PatchGrid, match_all, refine_matches

Size = tuple[int, int]
_FAR = 1e6  # a square distance that no patch has


@dataclass(frozen=True)
class PatchSettings:
    """How patches are compared and combined."""

    patch: int = 7  # side in pixels
    alpha: float = 0.005  # less: every patch of the works is wanted in the picture; more: the nearest alone counts
    components: int = 32  # of a patch that are compared
    search_all: int = 3_500  # patches of the works below which all are compared


@dataclass(frozen=True)
class SourceLevel:
    """The works at one level of the pyramid, ``(W, C, H, W)`` in [-1, 1]."""

    sharp: Tensor
    blurred: Tensor  # enlarged from the level below, as the guess is

    @property
    def size(self) -> Size:
        """Return height and width."""
        return self.sharp.shape[2], self.sharp.shape[3]


def resize_bicubic(images: Tensor, size: Size) -> Tensor:
    """Return ``(N, C, *size)``; what is too fine for it is taken away first."""
    if (images.shape[2], images.shape[3]) == size:
        return images
    return F.interpolate(images, size, mode="bicubic", antialias=True, align_corners=False)


def enlarge_nearest(picture: Tensor, size: Size) -> Tensor:
    """Return ``(C, *size)``; a pixel stays a field of one colour."""
    return F.interpolate(picture[None], size, mode="nearest")[0]


def list_level_sizes(size: Size, coarsest: int, ratio: float) -> list[Size]:
    """Return the sizes of a pyramid, the smallest first.

    The shorter side of the smallest is `coarsest` or a little more; neighbours differ by `ratio`.
    """
    sizes, scale = [size], 1.0
    while min(size) * (scale := scale / ratio) >= coarsest:
        sizes.append((round(size[0] * scale), round(size[1] * scale)))
    return sizes[::-1]


def build_source_level(works: Tensor, size: Size, smaller: Size | None) -> SourceLevel:
    """Return works ``(W, C, H, W)`` in [-1, 1] at `size`, and enlarged from `smaller`."""
    sharp = resize_bicubic(works, size)
    return SourceLevel(sharp, sharp if smaller is None else resize_bicubic(resize_bicubic(works, smaller), size))


def match_patches(
    source: SourceLevel,
    guess: Tensor,
    near: Tensor | None,
    generator: torch.Generator,
    settings: PatchSettings,
    *,
    enlarged: bool,
    penalties: Tensor | None = None,
) -> tuple[Tensor, float]:
    """Match all patches of a guess ``(C, H, W)``; return the mean square difference.

    A match is the number of a patch of the works. `near` are matches to start from; where there are none, or few patches,
    all are compared. An `enlarged` guess is compared with works as blurred as itself. `penalties` ``(P)`` are added to
    the distances of patches; one whose penalty is infinite is not taken.
    """
    keys = source.blurred if enlarged else source.sharp
    grid = PatchGrid(len(keys), source.size, settings.patch)
    features = PatchFeatures(keys, settings.patch, settings.components)
    queries, candidates = features.project(guess[None]), features.project(keys)
    if penalties is not None:  # one more component, which is 0 in the guess
        queries = F.pad(queries, (0, 1))
        candidates = torch.cat([candidates, penalties.clamp(max=_FAR).sqrt()[:, None]], 1)
    shape = (guess.shape[1] - settings.patch + 1, guess.shape[2] - settings.patch + 1)
    if near is None or grid.patches <= settings.search_all:
        allowed = torch.arange(len(candidates)) if penalties is None else penalties.isfinite().nonzero()[:, 0]
        matches, distances = match_all(queries, candidates[allowed], settings.alpha)
        return allowed[matches].view(shape), float(distances.mean())
    matches, distances = refine_matches(grid, queries.view(*shape, -1), candidates, near, generator)
    return matches, float(distances.mean())


def enlarge_matches(matches: Tensor, small: PatchGrid, large: PatchGrid, shape: Size) -> Tensor:
    """Return matches ``shape`` of a larger level, each beside that of its place."""
    work, top, left = small.places(matches)
    scale = [large.size[side] / small.size[side] for side in (0, 1)]
    rows, columns = (torch.arange(count, dtype=torch.float32) for count in shape)
    near_rows = (rows / scale[0]).round().long().clamp(max=matches.shape[0] - 1)
    near_columns = (columns / scale[1]).round().long().clamp(max=matches.shape[1] - 1)
    place = (near_rows[:, None], near_columns[None, :])
    moved_top = top[place] * scale[0] + (rows - near_rows * scale[0])[:, None]
    moved_left = left[place] * scale[1] + (columns - near_columns * scale[1])[None, :]
    return large.numbers(work[place], moved_top.round().long(), moved_left.round().long())


def average_patches(works: Tensor, matches: Tensor, patch: int, trust: Tensor | None = None) -> Tensor:
    """Return the picture ``(C, H, W)`` that overlapping patches make together.

    `trust` ``(h, w)`` is the weight of each of them, 1 where it is None.
    """
    size = (matches.shape[0] + patch - 1, matches.shape[1] + patch - 1)
    pixels, corners = _pixel_rows(works), _corner_pixels(works, matches, patch)
    total, weights = torch.zeros(*size, works.shape[1]), torch.zeros(*size, 1)
    for (row, column), share in _window(patch):
        weight = share if trust is None else share * trust[..., None]
        area = (slice(row, row + matches.shape[0]), slice(column, column + matches.shape[1]))
        total[area] += weight * pixels[corners + row * works.shape[3] + column]
        weights[area] += weight
    return (total / weights).permute(2, 0, 1)


def choose_source_pixels(works: Tensor, matches: Tensor, patch: int) -> Tensor:
    """Return the source map ``(H, W)``: a pixel of the works for each pixel.

    It is the one nearest to the average of all patches that lie over the place, so that the picture is as sharp as the
    works. Pixels are numbered through works, rows and columns.
    """
    average = average_patches(works, matches, patch).permute(1, 2, 0)
    pixels, corners = _pixel_rows(works), _corner_pixels(works, matches, patch)
    nearest = torch.full(average.shape[:2], torch.inf)
    source_map = torch.zeros(average.shape[:2], dtype=torch.long)
    for (row, column), _ in sorted(_window(patch), key=lambda item: -item[1]):
        area = (slice(row, row + matches.shape[0]), slice(column, column + matches.shape[1]))
        numbers = corners + row * works.shape[3] + column
        distance = (pixels[numbers] - average[area]).square().sum(2)
        closer = distance < nearest[area]
        nearest[area] = torch.where(closer, distance, nearest[area])
        source_map[area] = torch.where(closer, numbers, source_map[area])
    return source_map


def copy_source_pixels(works: Tensor, source_map: Tensor) -> Tensor:
    """Return the picture ``(C, H, W)`` of a source map."""
    return _pixel_rows(works)[source_map].permute(2, 0, 1)


def locate_source_pixels(source_map: Tensor, size: Size) -> tuple[Tensor, Tensor, Tensor]:
    """Return work, row and column ``(H, W)`` of each pixel, of works of `size`."""
    work, rest = source_map // (size[0] * size[1]), source_map % (size[0] * size[1])
    return work, rest // size[1], rest % size[1]


def synthesise(
    works: Tensor,
    guess: Tensor,
    sizes: Sequence[Size],
    seed: int,
    settings: PatchSettings | None = None,
    iterations: int = 3,
) -> tuple[Tensor, Tensor]:
    """Return a picture ``(C, H, W)`` of works ``(W, C, H, W)``, and its source map.

    `guess` ``(C, h, w)`` is what it looks like at the first of the `sizes` of the works, which end with their own; its
    sides may be in another proportion to those of the works, and the picture's will be in the same.
    """
    settings, generator = settings or PatchSettings(), torch.Generator().manual_seed(seed)
    stretch = (guess.shape[1] / sizes[0][0], guess.shape[2] / sizes[0][1])
    matches: Tensor | None = None
    for level, size in enumerate(sizes):
        smaller = sizes[level - 1] if level else None
        source = build_source_level(works, size, smaller)
        if smaller is not None and matches is not None:
            guess, matches = enlarge_guess(works, matches, smaller, size, stretch, settings.patch)
        for iteration in range(iterations):
            enlarged = bool(level) and not iteration
            matches, _ = match_patches(source, guess, matches, generator, settings, enlarged=enlarged)
            guess = average_patches(source.sharp, matches, settings.patch)
    assert matches is not None  # noqa: S101 - there is a level and an iteration
    source_map = choose_source_pixels(works, matches, settings.patch)
    return copy_source_pixels(works, source_map), source_map


def enlarge_guess(
    works: Tensor, matches: Tensor, small: Size, large: Size, stretch: tuple[float, float], patch: int
) -> tuple[Tensor, Tensor]:
    """Return picture ``(C, H, W)`` and matches of a level, enlarged for the next one."""
    picture = average_patches(resize_bicubic(works, small), matches, patch)
    size = (round(large[0] * stretch[0]), round(large[1] * stretch[1]))
    grids = PatchGrid(len(works), small, patch), PatchGrid(len(works), large, patch)
    enlarged = enlarge_matches(matches, grids[0], grids[1], (size[0] - patch + 1, size[1] - patch + 1))
    return resize_bicubic(picture[None], size)[0], enlarged


def _pixel_rows(works: Tensor) -> Tensor:
    return works.permute(0, 2, 3, 1).reshape(-1, works.shape[1])


def _corner_pixels(works: Tensor, matches: Tensor, patch: int) -> Tensor:
    """Return the number of the pixel at the upper left of each match."""
    height, width = works.shape[2:]
    work, top, left = PatchGrid(len(works), (height, width), patch).places(matches)
    return (work * height + top) * width + left


def _window(patch: int) -> list[tuple[Size, float]]:
    """Return each place of a patch with its weight, which is largest in the middle."""
    centre, deviation = (patch - 1) / 2, patch / 4
    weights = [float(torch.tensor(-((i - centre) ** 2) / (2 * deviation**2)).exp()) for i in range(patch)]
    return [((row, column), weights[row] * weights[column]) for row in range(patch) for column in range(patch)]
