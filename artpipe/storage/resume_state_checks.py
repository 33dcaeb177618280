"""The states of a stopped training, judged without torch: each by the hashes of all it rests on."""

import json
from pathlib import Path

from artpipe.storage.inventory import Holdings
from artpipe.system.hashing import sha256_bytes, sha256_prefix


def broken_state(held: Holdings, card: Path) -> Path | None:
    """Return the first file of a state that is not what was saved."""
    data = card.read_bytes()
    if not card.stem.endswith(sha256_bytes(data)[:16]):
        return card
    said = json.loads(data)
    for name, (size, sha256) in said.get("beside", {}).items():
        if sha256_prefix(card.parent / name, size) != sha256:
            return card.parent / str(name)
    file, sha256 = said["tensors"]
    return None if held.hashes.sha256(card.parent / str(file)) == str(sha256) else card.parent / str(file)
