"""Find the artifacts that refer to each other, without importing torch.

Which checkpoint a run trained, what became of a dataset's inputs.
"""

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


def read_checkpoint_card(folder: Path) -> tuple[dict[str, Any], str]:
    """Return the card of the checkpoint in `folder` as plain JSON, and its hash.

    Both are empty where there is none.
    """
    try:
        data = (folder / "checkpoint.json").read_bytes()
        return dict(rename_card(json.loads(data))), sha256_bytes(data)
    except (OSError, ValueError):
        return {}, ""


def find_trained_checkpoint(root: Path, card: RunCard) -> dict[str, Any] | None:
    """Return the card of the checkpoint that a run made, None where it is not here."""
    checkpoint, sha256 = read_checkpoint_card(root / paths.checkpoint(card.model))
    return checkpoint if sha256 == card.checkpoint else None


def find_ingest_record(root: Path, dataset: str, shards: str) -> dict[str, Any]:
    """Return what became of a dataset's inputs, by the record of its ingest.

    Empty where the record here is not that of `shards`.
    """
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
