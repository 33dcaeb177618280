"""Tell pictures that were shrunk from pixel art, by how many colours they have."""

from collections.abc import Iterable

MOST_PICTURES = 12  # that are looked at
_SHARE = 0.25  # of the pixels, from which on different colours come of shrinking: pixel art has few of them


def have_many_colours(shares: Iterable[float]) -> bool:
    """Return whether pictures have as many colours as shrunken photographs.

    `shares` are the numbers of colours by those of pixels; the middle one decides. No pictures have none.
    """
    ordered = sorted(shares)
    return bool(ordered) and ordered[len(ordered) // 2] > _SHARE
