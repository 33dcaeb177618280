"""Read and write `withdrawn.yaml`: the tombstones of withdrawn works.

It lies in git beside params.yaml. A tombstone has a hash of the bytes, one of the pixels, and a date: enough to leave the
work out wherever it turns up again, and nothing that says what it was, whose or called what. Only where it was asked for
it has a hash of the look as well, by which near copies stay out too.
"""

import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from pydantic import Field

from artpipe.config.params import Frozen, read_yaml, validate_as
from artpipe.errors import UserError, did_you_mean
from artpipe.system.atomic_files import write_text

TOMBSTONES = Path("withdrawn.yaml")  # in git, beside params.yaml
KEY_DIGITS = 16  # of a hash, in params.yaml and in messages
_HEX = re.compile(r"[0-9a-f]{8,64}")
_HEADER = """\
# Works that were withdrawn, which no dataset takes in again (docs/forgetting.md). Written by `artpipe forget`;
# `artpipe forget --undo HASH` takes one out.
"""


class Tombstone(Frozen):
    """What is left of a withdrawn work."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")  # of its bytes
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")
    pixels: str = Field(default="", pattern=r"^(?:[0-9a-f]{64})?$")  # SHA-256; empty: other encodings of it come in
    near: str = Field(default="", pattern=r"^(?:[0-9a-f]{16})?$")  # perceptual hash; empty: near copies come in

    @property
    def key(self) -> str:
        """Return the first digits of its hash."""
        return self.sha256[:KEY_DIGITS]


class TombstoneFile(Frozen):
    """The content of `withdrawn.yaml`."""

    format: int = 1
    works: tuple[Tombstone, ...] = ()


class TombstoneIndex:
    """Tombstones by the hash of the bytes, of the pixels, and of the look."""

    def __init__(self, tombstones: Iterable[Tombstone]) -> None:
        self._exact = {tombstone.sha256: tombstone for tombstone in tombstones}
        self._pixels = {tombstone.pixels: tombstone for tombstone in self._exact.values() if tombstone.pixels}
        hashes = ((int(tombstone.near, 16), tombstone) for tombstone in self._exact.values() if tombstone.near)
        self._near = [(value, tombstone) for value, tombstone in hashes if value]  # a flat picture is near to none

    def __bool__(self) -> bool:
        return bool(self._exact)

    @property
    def needs_content_hashes(self) -> bool:
        """Return whether a tombstone has a hash of what is decoded."""
        return bool(self._pixels)

    def find_content(self, sha256: str) -> Tombstone | None:
        """Return the tombstone of these pixels, None where there is none."""
        return self._pixels.get(sha256)

    def find_exact(self, sha256: str) -> Tombstone | None:
        """Return the tombstone of these bytes, None where there is none."""
        return self._exact.get(sha256)

    def find_near(self, phash: str, bits: int) -> Tombstone | None:
        """Return the first tombstone whose look differs in at most `bits` of 64 bits."""
        if not self._near or not phash or not (value := int(phash, 16)):
            return None
        return next((tombstone for other, tombstone in self._near if (other ^ value).bit_count() <= bits), None)


def load_tombstones(root: Path = Path()) -> tuple[Tombstone, ...]:
    """Return the tombstones of a project, none where it has no such file.

    Raises:
        UserError: the file is not what `artpipe forget` writes, after a merge for example.
    """
    path = root / TOMBSTONES
    if not path.exists():
        return ()
    return validate_as(TombstoneFile, read_yaml(path) or {}, file=str(TOMBSTONES)).works


def save_tombstones(tombstones: Iterable[Tombstone], root: Path = Path()) -> None:
    """Write the tombstones sorted by hash, so that merges stay small; none: no file."""
    rows = sorted({tombstone.sha256: tombstone for tombstone in tombstones}.values(), key=lambda row: row.sha256)
    if not rows:
        (root / TOMBSTONES).unlink(missing_ok=True)
        return
    lines = ["format: 1\n", "works:\n"]
    for row in rows:
        looks = "".join(f", {name}: '{value}'" for name in ("pixels", "near") if (value := getattr(row, name)))
        lines.append(f"- {{sha256: '{row.sha256}', date: '{row.date}'{looks}}}\n")
    write_text(root / TOMBSTONES, _HEADER + "".join(lines))


def find_tombstone(tombstones: Sequence[Tombstone], digits: str) -> Tombstone:
    """Return the tombstone whose hash begins with `digits`.

    Raises:
        UserError: not eight digits of a hash, no tombstone of it, or several.
    """
    keys = [tombstone.key for tombstone in tombstones]
    if not _HEX.fullmatch(digits):
        raise UserError(f"`{digits}`: the first 8 to 64 digits of a hash are wanted; `artpipe forget --list` has them")
    matching = [tombstone for tombstone in tombstones if tombstone.sha256.startswith(digits)]
    if len(matching) != 1:
        problem = (
            f"{len(matching)} withdrawn works have a hash that begins so" if matching else "no such withdrawn work"
        )
        raise UserError(f"{TOMBSTONES}: `{digits}`: {problem}{did_you_mean(digits[:KEY_DIGITS], keys)}")
    return matching[0]
