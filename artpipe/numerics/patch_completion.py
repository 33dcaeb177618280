"""Fill a hole of a picture with patches of the rest of it and of other works.

Coarse to fine, as Wexler et al. 2007 ("Space-Time Completion of Video"): every patch that touches the hole is replaced by
the nearest one that is whole, and overlapping patches are averaged; what is not the hole stays bit by bit.
"""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional as F

from artpipe.numerics.patch_synthesis import (
    PatchSettings,
    Size,
    SourceLevel,
    average_patches,
    build_source_level,
    choose_source_pixels,
    enlarge_guess,
    match_patches,
)
from artpipe.numerics.source_map import Composition

_ROUNDS = (20, 4)  # at the coarsest level, where the layout is made; at each finer one
_NOISE = 0.1  # of the first guess, in standard deviations of the picture: other seeds fill otherwise
_TRUST = 1.3  # by which a patch counts less for each pixel that its middle lies deeper in the hole
_PENALTY = 0.02  # of pieces of other works, in square distance of [-1, 1]
_NEAREST_ALONE = 1e3  # `alpha`: nothing of the works has to reappear


def fill_hole(
    picture: Tensor, hole: Tensor, works: Tensor, sizes: Sequence[Size], seed: int, settings: PatchSettings
) -> Composition:
    """Return a picture whose hole is filled, as pixels of itself and of works.

    Args:
        picture: ``(C, H, W)`` in [-1, 1]; what it has in the hole is not looked at.
        hole: ``(H, W)`` bool.
        works: ``(N, C, H, W)`` in [-1, 1], possibly none.
        sizes: of the levels, the coarsest first; the last is ``(H, W)``.
        seed: of the first guess and the search.
        settings: how patches are compared.

    Returns:
        The picture itself is the first of its works, with a smooth hole of which no pixel is taken.

    Raises:
        ValueError: at some level no patch of any work is whole.
    """
    generator, settings = torch.Generator().manual_seed(seed), replace(settings, alpha=_NEAREST_ALONE)
    sources = torch.cat([_fill_smoothly(picture, hole)[None], works])
    matches: Tensor | None = None
    for level, size in enumerate(sizes):
        smaller = sizes[level - 1] if level else None
        source = build_source_level(sources, size, smaller)
        if smaller is None or matches is None:
            coarse = source.sharp[0]
            guess = coarse + _NOISE * coarse.std() * torch.randn(coarse.shape, generator=generator)
        else:
            guess, matches = enlarge_guess(sources, matches, smaller, size, (1.0, 1.0), settings.patch)
        matches = _match_level(source, guess, matches, _shrink(hole, size), generator, settings)
    assert matches is not None  # noqa: S101 - there is a level and a round
    source_map = choose_source_pixels(sources, matches, settings.patch)
    own = torch.arange(hole.numel()).view(hole.shape)
    return Composition(sources, torch.where(hole, source_map, own))


def _match_level(
    source: SourceLevel,
    guess: Tensor,
    matches: Tensor | None,
    hole: Tensor,
    generator: torch.Generator,
    settings: PatchSettings,
) -> Tensor:
    """Return better matches of a level.

    One with matches of a coarser level begins from an enlarged guess.
    """
    is_enlarged = matches is not None
    penalties = _find_penalties(hole, len(source.sharp), settings.patch)
    trust = _trust_patches(hole, settings.patch)
    for number in range(_ROUNDS[is_enlarged]):
        enlarged = is_enlarged and not number
        guess = torch.where(hole, guess, source.blurred[0] if enlarged else source.sharp[0])
        matches, _ = match_patches(source, guess, matches, generator, settings, enlarged=enlarged, penalties=penalties)
        guess = average_patches(source.sharp, matches, settings.patch, trust)
    assert matches is not None  # noqa: S101 - there is a round
    return matches


def _fill_smoothly(picture: Tensor, hole: Tensor) -> Tensor:
    """Return a picture ``(C, H, W)`` whose hole has the colours around it."""
    known = (~hole).to(picture.dtype)[None]
    filled, weight = picture * known, known
    while bool((weight == 0).any()):
        total, weight_around = (
            F.avg_pool2d(part[None], 5, 1, 2)[0] for part in (filled * (weight > 0), (weight > 0).to(known))
        )
        new = (weight == 0) & (weight_around > 0)
        if not bool(new.any()):
            return torch.zeros_like(picture)  # all of it is hole
        filled = torch.where(new, total / weight_around.clamp(min=1e-6), filled)
        weight = torch.where(new, weight_around, weight)
    return filled


def _trust_patches(hole: Tensor, patch: int) -> Tensor:
    """Return the weight of each patch.

    It is more the nearer its middle is to what is known (Wexler et al. 2007, section 3.2).
    """
    depth, rest = torch.zeros(hole.shape), hole[None].float()
    while bool(rest.any()):
        depth += rest[0]
        rest = 1 - F.max_pool2d(1 - rest, 3, 1, 1)
        if bool((rest > 0).all()):  # all of it is hole
            break
    start = patch // 2
    centres = depth[start : start + hole.shape[0] - patch + 1, start : start + hole.shape[1] - patch + 1]
    return _TRUST**-centres


def _shrink(hole: Tensor, size: Size) -> Tensor:
    """Return a hole at another size; a pixel that is partly hole is hole."""
    smaller: Tensor = F.adaptive_max_pool2d(hole[None].float(), size)[0] > 0
    return smaller


def _find_penalties(hole: Tensor, works: int, patch: int) -> Tensor:
    """Return what is added to the distances of patches ``(P)`` of all works.

    Those that touch the hole of the first are never taken, those of other works where nothing of the first is as near.
    """
    touched = F.max_pool2d(hole[None].float(), patch, 1)[0].flatten() > 0
    own = torch.zeros(len(touched)).masked_fill(touched, torch.inf)
    penalties = torch.cat([own, torch.full(((works - 1) * len(own),), _PENALTY)])
    if not bool(penalties.isfinite().any()):
        raise ValueError("no patch is whole")
    return penalties
