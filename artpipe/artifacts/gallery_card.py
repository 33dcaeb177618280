"""Save and load the gallery's card.

The gallery is a static site; the card has the hash of every file, and of all that it was made from.
"""

from pathlib import Path
from typing import Any

from pydantic import Field

from artpipe.artifacts.cards import load_card, save_card
from artpipe.config.params import Frozen
from artpipe.errors import ArtpipeError
from artpipe.system.hashing import sha256_file


class GalleryCard(Frozen):
    """`gallery.json`."""

    format: int = 1
    inputs: str  # hash of reports, runs, records, parameters, code and theme
    models: dict[str, dict[str, Any]] = Field(default_factory=dict)  # grade, scores, parameters, hashes, their record
    works: dict[str, dict[str, Any]] = Field(default_factory=dict)  # by id: title, model, seed, file, their record
    files: dict[str, str]  # path relative to the gallery -> SHA-256, sorted by path


def save_gallery(folder: Path, card: GalleryCard) -> str:
    """Write `gallery.json` last and return its hash."""
    return save_card(folder / "gallery.json", card)


def load_gallery(folder: Path) -> GalleryCard | None:
    """Return the card of an undamaged gallery, else None.

    Every file has to be as it was written.
    """
    try:
        card, _ = load_card(folder / "gallery.json", GalleryCard)
        is_complete = all(sha256_file(folder / path) == sha256 for path, sha256 in card.files.items())
    except (ArtpipeError, OSError):
        return None
    return card if is_complete else None
