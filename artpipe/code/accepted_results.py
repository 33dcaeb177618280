"""Results that a person accepted under newer code: `artpipe upgrade --keep STAGE`.

They stand in code.yaml below `code.gallery.accepted`, by stage, as the first 16 digits of their card's SHA-256, so that the
gallery is stale when they change, and another result that was made since is not taken for one of them.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from artpipe.artifacts import paths
from artpipe.artifacts.card_files import CHECKSUM_SUFFIX
from artpipe.code.code_yaml import former_code

_DIGITS = 16
_FOLDERS = {
    "ingest": paths.record,
    "preprocess": paths.shards,
    "weights": paths.weights,
    "train": paths.run,  # every training has its own, equal bytes or not
    "evaluate": paths.report,
}


def read_accepted(root: Path = Path()) -> dict[str, str]:
    """Return the accepted stages whose results still stand, with their results."""
    gallery = former_code(root).get("gallery")
    accepted = gallery.get("accepted") if isinstance(gallery, Mapping) else None
    accepted = accepted if isinstance(accepted, Mapping) else {}
    return {stage: result for stage, result in accepted.items() if result == _find_result(stage, root)}


def add_accepted(code: dict[str, Any], stages: Iterable[str], root: Path = Path()) -> dict[str, Any]:
    """Return the content of code.yaml with these stages' results accepted.

    Results that were accepted before stay as long as they stand.
    """
    results = {stage: result for stage in stages if (result := _find_result(stage, root))}
    accepted = dict(sorted({**read_accepted(root), **results}.items()))
    return {**code, "gallery": {**code["gallery"], "accepted": accepted}} if accepted else code


def _find_result(stage: str, root: Path) -> str:
    """Return what names the result of a stage; empty where there is none."""
    verb, _, name = stage.partition("@")
    if verb not in _FOLDERS:
        return ""
    checksums = sorted((root / _FOLDERS[verb](name)).glob(f"*.json{CHECKSUM_SUFFIX}"))
    return checksums[0].read_text(encoding="utf-8")[:_DIGITS] if checksums else ""
