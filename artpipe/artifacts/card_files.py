"""List the files that a card names, with their SHA-256.

Cards are read as plain JSON, so that torch is not imported.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from artpipe.system.hashing import sha256_bytes

CHECKSUM_SUFFIX = ".sha256"


def list_card_files(card: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of every file that a card names, by relative path.

    Paths are relative to the card's folder.
    """
    return {name: sha256 for name, sha256 in _iterate_files(card) if sha256}


def _iterate_files(card: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in card.get("files", {}).items():
        if isinstance(value, Mapping):  # shards: by split
            yield from value.items()
        else:  # of a checkpoint the keys are `final` and `best`
            yield (f"{name}.safetensors" if "selection" in card else name), value
    if "network" in card:
        yield "weights.safetensors", card["file"]
    for exhibit in card.get("exhibits", ()):
        for exhibit_file in (exhibit, *exhibit.get("parts", {}).values()):
            yield exhibit_file["file"], exhibit_file["sha256"]
    if "exhibits" in card:
        yield from card["works"].items()


def read_verified_card(card: Path) -> dict[str, Any] | None:
    """Return a card as it was written, None where it is damaged or missing.

    Its checksum file counts as a part of it.
    """
    try:
        data = card.read_bytes()
        expected = card.with_name(card.name + CHECKSUM_SUFFIX).read_text(encoding="utf-8").split()[0]
        return dict(json.loads(data)) if sha256_bytes(data) == expected else None
    except (OSError, ValueError, IndexError, TypeError):
        return None
