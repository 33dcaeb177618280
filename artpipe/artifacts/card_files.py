"""Which files a card vouches for, and their SHA-256; read as plain JSON, so that no torch is needed to look."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from artpipe.system.hashing import sha256_bytes

SIDECAR = ".sha256"


def listed(card: Mapping[str, Any]) -> dict[str, str]:
    """Return the SHA-256 of every file that a card names, by path relative to its folder."""
    return {name: sha256 for name, sha256 in _named(card) if sha256}


def _named(card: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in card.get("files", {}).items():
        if isinstance(value, Mapping):  # shards: by split
            yield from value.items()
        else:  # of a checkpoint the keys are `final` and `best`
            yield (f"{name}.safetensors" if "selection" in card else name), value
    if "network" in card:
        yield "weights.safetensors", card["file"]
    for exhibit in card.get("exhibits", ()):
        for hung in (exhibit, *exhibit.get("parts", {}).values()):
            yield hung["file"], hung["sha256"]
    if "exhibits" in card:
        yield from card["works"].items()


def opened(card: Path) -> dict[str, Any] | None:
    """Return a card as it was written; None where it, or the sidecar that vouches for it, is damaged or missing."""
    try:
        data = card.read_bytes()
        expected = card.with_name(card.name + SIDECAR).read_text(encoding="utf-8").split()[0]
        return dict(json.loads(data)) if sha256_bytes(data) == expected else None
    except (OSError, ValueError, IndexError, TypeError):
        return None
