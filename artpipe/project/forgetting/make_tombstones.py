"""Make the tombstones by which forgotten works stay out."""

from collections.abc import Iterable, Iterator
from itertools import groupby

from artpipe.artifacts import paths
from artpipe.artifacts.tombstones import Tombstone
from artpipe.artifacts.works import Works
from artpipe.config.params import Params
from artpipe.project.forgetting.held_works import HeldWork, Holdings
from artpipe.project.forgetting.work_facts import compute_facts


def make_tombstones(params: Params, holdings: Holdings, *, date: str, near: bool = False) -> dict[str, Tombstone]:
    """Return the tombstone by which each held work stays out, by the work's SHA-256.

    A near duplicate has one of its own, unless that of the work it is near to keeps it out.

    Args:
        params: params.yaml.
        holdings: what is to be forgotten; only the very bytes of it, where near duplicates were left out.
        date: of today.
        near: the hash of the look is kept too.
    """
    asked_first = sorted(holdings.held, key=lambda held: not held.is_asked)
    works = {held.work.sha256: held for held in reversed(asked_first)}
    contents = {} if holdings.exact else dict(_hash_contents(params, works.values()))
    stones: dict[str, Tombstone] = {}
    for held in asked_first:
        sha256, own = held.work.sha256, contents.get(held.work.sha256, "")
        covered = stones.get(held.asked)
        if covered and (near or (own and own == covered.pixels)):
            stones[sha256] = covered
        elif sha256 not in stones:
            look = held.work.phash if near else ""
            stones[sha256] = Tombstone(sha256=sha256, date=date, pixels=own, near=look)
    return stones


def find_hashed_parts(params: Params, holdings: Holdings, *, near: bool) -> tuple[str, ...]:
    """Return what tombstones of works have hashes of: bytes, pixels, look.

    One work of each medium is asked for its pixels.
    """
    samples = {params.dataset(held.dataset).medium: held for held in reversed(holdings.held)}
    has_pixels = not holdings.exact and any(content for _, content in _hash_contents(params, samples.values()))
    has_look = near and any(held.work.phash for held in holdings.held)
    return "bytes", *(["pixels"] if has_pixels else []), *(["look"] if has_look else [])


def _hash_contents(params: Params, works: Iterable[HeldWork]) -> Iterator[tuple[str, str]]:
    """Yield the SHA-256 of each work and that of its pixels, empty where it has none."""
    for dataset, group in groupby(sorted(works, key=lambda held: held.dataset), key=lambda held: held.dataset):
        originals, entry = Works.open(paths.works(dataset)), params.dataset(dataset)
        inputs = ((held.work.sha256, originals.original(held.work)) for held in group)
        for sha256, facts in compute_facts(entry, inputs, hash_content=True):
            yield sha256, facts.content_hash if facts else ""
