"""What artifacts say of each other: what a run trained, what became of a dataset's inputs; read without importing torch."""

import json
from pathlib import Path
from typing import Any

from artpipe.artifacts import paths
from artpipe.artifacts.cards import load_card
from artpipe.artifacts.run import RunCard
from artpipe.artifacts.works import RecordCard
from artpipe.config.parameter_names import rename_card
from artpipe.errors import ArtpipeError
from artpipe.system.hashing import sha256_bytes


def checkpoint_in(folder: Path) -> tuple[dict[str, Any], str]:
    """Return the card of the checkpoint in `folder`, as plain JSON, and its hash; nothing where there is none."""
    try:
        data = (folder / "checkpoint.json").read_bytes()
        return dict(rename_card(json.loads(data))), sha256_bytes(data)
    except (OSError, ValueError):
        return {}, ""


def trained(root: Path, card: RunCard) -> dict[str, Any] | None:
    """Return the card of the checkpoint that a run made, None where that is not here."""
    made, sha256 = checkpoint_in(root / paths.checkpoint(card.model))
    return made if sha256 == card.checkpoint else None


def ingested(root: Path, dataset: str, shards: str) -> dict[str, Any]:
    """Return what became of a dataset's inputs; nothing where what is here is not what was ingested for `shards`."""
    try:
        data = (root / paths.shards(dataset) / "shards.json").read_bytes()
        record, sha256 = load_card(root / paths.record(dataset) / "report.json", RecordCard)
    except (OSError, ArtpipeError):
        return {}
    if sha256_bytes(data) != shards or json.loads(data)["works"] != record.works:
        return {}
    return {
        "record": sha256,
        "works": record.works,
        "inputs": record.inputs,
        "kept": record.kept,
        "quarantined": record.quarantined,
    }
