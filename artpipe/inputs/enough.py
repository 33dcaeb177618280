"""Whether a place holds a dataset at all, seen before a stage has run."""

from collections.abc import Iterable

from artpipe.errors import UserError
from artpipe.inputs.signatures import looks_like_picture

MINIMUM_WORKS = 8  # three splits, none of them empty, the largest for training


def require_pictures(place: object, starts: Iterable[bytes]) -> None:
    """Refuse a place with too few pictures, by the first bytes of its files; stops looking when there are enough.

    Raises:
        UserError: none, or fewer than `MINIMUM_WORKS`.
    """
    others = pictures = 0
    for start in starts:
        pictures, others = pictures + looks_like_picture(start), others + (not looks_like_picture(start))
        if pictures >= MINIMUM_WORKS:
            return
    if not pictures:
        beside = f"; {others} other {'file' if others == 1 else 'files'}" if others else ""
        raise UserError(f"{place}: no picture files in it (JPEG, PNG, WebP, GIF, BMP or TIFF){beside}")
    word = "picture" if pictures == 1 else "pictures"
    raise UserError(f"{place}: {pictures} {word} in it, a dataset needs at least {MINIMUM_WORKS} for its splits")
