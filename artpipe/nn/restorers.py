"""What restorers share: their validation, and how they hang a work that was lost and found."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from artpipe.nn.contract import Batch, Exhibit, Prompt, Restoration, Restorer
from artpipe.nn.fidelity import psnr, ssim
from artpipe.nn.tiles import wholes

MOST = 24  # works hung at once


def validated(restorer: Restorer, works: Batch, at_once: int = 64) -> dict[str, float]:
    """Return `psnr` in dB and what it gains over the baseline, on held-out pictures of one size; damage is by place."""
    images = works.get("images", torch.empty(0))
    rows: list[tuple[Tensor, Tensor, Tensor]] = []
    for start in range(0, len(images), at_once):
        part = images[start : start + at_once]
        found = restorer.restoration(part, range(start, start + len(part)))
        near = [psnr(made, found.original, found.counts) for made in (found.restored, found.baseline)]
        rows.append((near[0], near[1], ssim(found.restored, found.original, found.counts)))
    if not rows:
        return {}
    ours, theirs, alike = (torch.cat(column) for column in zip(*rows, strict=True))
    told = ours.isfinite() & theirs.isfinite()
    if not told.any():
        return {}
    means = {"psnr": ours[told], "psnr_gain": (ours - theirs)[told], "ssim": alike[told]}
    return {name: values.mean().item() for name, values in means.items()}


def shown(prompt: Prompt) -> Iterable[tuple[Tensor, int, tuple[str, ...]]]:
    """Yield a few of the prompt's works, whole: picture ``(1, C, H, W)``, a seed for its damage, and its digests."""
    if not len(prompt.works.get("images", ())):
        return
    for seed, (work, digest) in zip(prompt.seeds[:MOST], wholes(prompt.works), strict=False):
        yield work[None], seed, (digest,) if digest else ()


def compared(found: Restoration, baseline: str) -> str:
    """Return a caption with both PSNRs of one work."""
    ours, theirs = (float(psnr(made, found.original, found.counts)) for made in (found.restored, found.baseline))
    return f"{ours:.1f} dB ({baseline} {theirs:.1f} dB)"


def hung(found: Restoration, caption: str, role: str, digests: tuple[str, ...], **more: Tensor) -> Exhibit:
    """Return the exhibit of one work: restored, with what it was made from and what it should be."""
    parts: Mapping[str, Tensor] = {"before": found.damaged[0], "original": found.original[0]}
    return Exhibit("image", found.restored[0], caption, role, digests=digests, parts={**parts, **more})
