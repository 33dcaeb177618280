"""What scores were measured on, so that only those of the same works are compared."""

from collections.abc import Iterable

from torch import Tensor

from artpipe.artifacts.report import Score
from artpipe.contracts.metric import Evidence
from artpipe.system.hashing import sha256_bytes

_DIGITS = 16


def add_basis(scores: Iterable[Score], evidence: Evidence) -> list[Score]:
    """Return the scores with a hash of the held-out works and their shape.

    Another split, size or number of held-out works has another. Those of feature extractors depend on settings too: with
    half as many samples less is covered, whatever `n` counts.
    """
    spec = evidence.card.spec
    shape = (spec.channels, spec.height, spec.width, spec.grid)
    works = [_as_bytes(evidence_part.get("digests")) for evidence_part in (evidence.held_out, evidence.test)]
    basis = sha256_bytes(b" ".join([repr(shape).encode(), *works]))[:_DIGITS]
    params = evidence.params
    settings = (
        f"samples={len(evidence.pictures('samples')) or len(evidence.sequences)}"
        f" extractor_pictures={params.extractor_pictures} coverage_neighbours={params.coverage_neighbours}"
    )
    return [
        score.model_copy(update={"basis": basis, "settings": settings if score.extractor else ""}) for score in scores
    ]


def _as_bytes(digests: Tensor | None) -> bytes:
    return b"" if digests is None else digests.contiguous().numpy().tobytes()
