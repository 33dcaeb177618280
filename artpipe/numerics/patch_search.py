"""Nearest patches: all are compared, or those near matches already found.

The latter is PatchMatch (Barnes et al. 2009).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

_CHUNK_VALUES = 2**24  # of a table of distances that is held at once
_BASIS_PATCHES = 4096  # patches of which the principal components are computed
_JUMPS = (4, 2, 1)  # pixels to the neighbours whose matches are tried


@dataclass(frozen=True)
class PatchGrid:
    """Numbers of the patches of works of one size.

    They run through works, rows and columns.
    """

    works: int
    size: tuple[int, int]
    patch: int

    @property
    def shape(self) -> tuple[int, int]:
        """Return how many patches are below and beside each other in a work."""
        return self.size[0] - self.patch + 1, self.size[1] - self.patch + 1

    @property
    def patches(self) -> int:
        """Return how many patches there are."""
        return self.works * self.shape[0] * self.shape[1]

    def places(self, numbers: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return work, top row and left column of patches."""
        rows, columns = self.shape
        return numbers // (rows * columns), numbers // columns % rows, numbers % columns

    def numbers(self, work: Tensor, top: Tensor, left: Tensor) -> Tensor:
        """Return the numbers of patches; a place outside of a work is moved to its border."""
        rows, columns = self.shape
        return (work * rows + top.clamp(0, rows - 1)) * columns + left.clamp(0, columns - 1)


class PatchFeatures:
    """The principal components of patches, which keep distances with few numbers."""

    def __init__(self, works: Tensor, patch: int, components: int) -> None:
        channels, (height, width) = works.shape[1], works.shape[2:]
        self.values = channels * patch * patch
        grid = PatchGrid(len(works), (height, width), patch)
        numbers = torch.linspace(0, grid.patches - 1, min(_BASIS_PATCHES, grid.patches)).round().long()
        work, top, left = grid.places(numbers)
        offsets = torch.arange(patch)
        rows, columns = (top[:, None] + offsets)[:, :, None], (left[:, None] + offsets)[:, None, :]
        patches = works[work[:, None, None], :, rows, columns].permute(0, 3, 1, 2).flatten(1).double()
        centred = patches - patches.mean(0)
        _, vectors = torch.linalg.eigh(centred.T @ centred)
        basis = vectors[:, -min(components, self.values) :].T.float()
        self.kernels = basis.reshape(-1, channels, patch, patch).contiguous()

    def project(self, images: Tensor) -> Tensor:
        """Return ``(P, D)`` of all patches of images ``(N, C, H, W)``.

        The mean square difference of two patches is about the square distance of their rows.
        """
        maps = F.conv2d(images, self.kernels).permute(0, 2, 3, 1)
        rows: Tensor = maps.reshape(-1, maps.shape[3]) / self.values**0.5
        return rows


def match_all(queries: Tensor, keys: Tensor, alpha: float) -> tuple[Tensor, Tensor]:
    """Return the number of the best key for each query, and its square distance.

    A distance counts relative to `alpha` plus the key's own smallest one (Granot et al. 2022, equation 2), so that a
    key which nothing resembles is taken by whatever resembles it most.
    """
    lengths = keys.square().sum(1)
    rows = max(1, _CHUNK_VALUES // len(keys))

    parts = torch.split(queries, rows)

    def distances_of(part: Tensor) -> Tensor:
        return torch.addmm(lengths[None] + part.square().sum(1, keepdim=True), part, keys.T, alpha=-2).clamp_(min=0)

    smallest = torch.stack([distances_of(part).amin(0) for part in parts]).amin(0)
    scale = 1 / (alpha + smallest)
    numbers = torch.cat([(distances_of(part) * scale).argmin(1) for part in parts])
    return numbers, (queries - keys[numbers]).square().sum(1)


def refine_matches(
    grid: PatchGrid, queries: Tensor, keys: Tensor, near: Tensor, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return better matches ``(H, W)`` than `near`, and square distances.

    Queries are ``(H, W, D)``.

    Tried are the matches of neighbours, moved along, and random places in smaller and smaller squares around the best.
    """
    height, width = near.shape
    rows, columns = torch.arange(height)[:, None], torch.arange(width)[None, :]
    best, distances = near, (queries - keys[near]).square().sum(2)
    for jump in _JUMPS:
        for down, right in ((jump, 0), (-jump, 0), (0, jump), (0, -jump)):
            other_rows, other_columns = (rows + down).clamp(0, height - 1), (columns + right).clamp(0, width - 1)
            work, top, left = grid.places(best[other_rows, other_columns])
            tried = grid.numbers(work, top + rows - other_rows, left + columns - other_columns)
            best, distances = _keep_nearer(queries, keys, best, distances, tried)
    radius = max(grid.shape) // 4
    while radius:
        work, top, left = grid.places(best)
        moves = torch.randint(-radius, radius + 1, (2, height, width), generator=generator)
        best, distances = _keep_nearer(
            queries, keys, best, distances, grid.numbers(work, top + moves[0], left + moves[1])
        )
        radius //= 2
    return best, distances


def _keep_nearer(
    queries: Tensor, keys: Tensor, best: Tensor, distances: Tensor, tried: Tensor
) -> tuple[Tensor, Tensor]:
    """Return matches and distances, with those that were tried where they are nearer."""
    tried_distances = (queries - keys[tried]).square().sum(2)
    nearer = tried_distances < distances
    return torch.where(nearer, tried, best), torch.where(nearer, tried_distances, distances)
