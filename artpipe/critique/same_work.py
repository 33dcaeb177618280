"""Find the work of a dataset that a picture shows.

It may be scaled, encoded anew or cropped a little. Works whose perceptual hashes are near are laid upon it. It is a work where it differs far less from it than the nearest other work does.
"""

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from artpipe.artifacts import paths
from artpipe.artifacts.works import Works
from artpipe.critique.critiqued_picture import CritiquedPicture
from artpipe.critique.project_models import IMAGES, ProjectModels
from artpipe.errors import ArtpipeError
from artpipe.modalities.picture.decoder import perceptual_hash

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from artpipe.artifacts.shards import ShardSet, Split

_MOST_BITS = 24  # in which a picture that was cropped may differ
_MOST_CANDIDATES, _MOST_LAID = 200, 6  # works, by their hashes; of these by their colours
_NEARER = 0.35  # of the difference to the nearest other work, or of all variance
_TWIN = 1e-3  # share of variance: other works that differ less show the same
_SPLITS: tuple["Split", ...] = ("train", "validation", "test")


class SameWork(NamedTuple):
    """A work that a picture shows.

    `difference` is the share of the picture's variance in which the two differ, laid upon each other; `bound` the most with which they are one.
    """

    dataset: str
    sha256: str
    image: "Tensor"  # (C, H, W), as its dataset prepared it
    bits: int
    difference: float
    bound: float


def find_same_work(picture: CritiquedPicture, models: ProjectModels, dataset: str) -> SameWork | None:
    """Return the work of a dataset that a picture shows, if it shows one.

    It is looked for once. A plain picture, whose hash is 0, is no work's copy.
    """
    if dataset not in picture.same_works:
        shards = models.open_shards(dataset)
        picture.same_works[dataset] = _find(picture, shards, dataset) if shards is not None else None
    found = picture.same_works[dataset]
    assert found is None or isinstance(found, SameWork)  # noqa: S101 - for the type alone
    return found


def _find(picture: CritiquedPicture, shards: "ShardSet", dataset: str) -> SameWork | None:
    from artpipe.critique.model_input import prepare_picture_for
    from artpipe.numerics.overlaid_pictures import shrink_for_overlay

    look = perceptual_hash(picture.image)
    works = _read_hashes(dataset)
    if not look or works is None or shards.card.works != works[2]:
        return None
    digests, hashes, _ = works
    nearest = _lay_upon(shrink_for_overlay(prepare_picture_for(picture, shards)), look, digests, hashes, shards)
    if not nearest:
        return None
    difference, place, image = nearest[0]
    own = shrink_for_overlay(_to_float(image))
    others = _lay_upon(own, int(hashes[place]), digests, hashes, shards)
    apart = next((share for share, other, _ in others if other != place and share > _TWIN), 1.0)
    bound = _NEARER * min(1.0, apart)
    if difference > bound and picture.sha256 != digests[place]:
        return None
    bits = int(np.bitwise_count(hashes[place] ^ np.uint64(look)))
    return SameWork(dataset, digests[place], image, bits, difference, bound)


def _read_hashes(dataset: str) -> "tuple[list[str], NDArray[np.uint64], str] | None":
    """Return SHA-256 and perceptual hash of each work, and the hash of them all."""
    try:
        works = Works.open(paths.works(dataset))
        rows = [(work.sha256, int(work.phash or "0", 16)) for work in works.rows()]
    except ArtpipeError:
        return None
    return [sha256 for sha256, _ in rows], np.array([phash for _, phash in rows], np.uint64), works.sha256


def _lay_upon(
    picture: "Tensor", look: int, digests: list[str], hashes: "NDArray[np.uint64]", shards: "ShardSet"
) -> "list[tuple[float, int, Tensor]]":
    """Return difference, place and picture of the works that look most like it.

    The nearest comes first.
    """
    from artpipe.numerics.overlaid_pictures import measure_overlaid_difference, shrink_for_overlay

    bits = np.bitwise_count(hashes ^ np.uint64(look))
    order = np.argsort(bits, kind="stable")[:_MOST_CANDIDATES]
    images = _find_images(shards, [digests[place] for place in order if bits[place] <= _MOST_BITS])
    candidates = []
    for place in order:
        for image in images.get(digests[place], ()):
            small = shrink_for_overlay(_to_float(image))
            candidates.append((float((small - picture).square().mean()), int(place), image, small))
    candidates.sort(key=lambda candidate: candidate[0])
    laid = [
        (measure_overlaid_difference(picture, small), place, image)
        for _, place, image, small in candidates[:_MOST_LAID]
    ]
    return sorted(laid, key=lambda candidate: candidate[0])


def _find_images(shards: "ShardSet", digests: list[str]) -> "dict[str, list[Tensor]]":
    """Return the pictures of works by SHA-256; one that was cut has several."""
    import torch

    wanted = {bytes.fromhex(digest) for digest in digests}
    images: dict[str, list[Tensor]] = {}
    for split in _SPLITS:
        if not shards.card.counts[split] or not wanted:
            continue
        columns = shards.load(split, (IMAGES, "digests"))
        known = [digest.tobytes() for digest in columns["digests"].to(torch.uint8).numpy()]
        for row, digest in enumerate(known):
            if digest in wanted:
                images.setdefault(digest.hex(), []).append(columns[IMAGES][row])
    return images


def _to_float(image: "Tensor") -> "Tensor":
    from artpipe.numerics.pixels import to_float

    return to_float(image[None])
