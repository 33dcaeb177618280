"""What a report keeps of a model so that a visitor's browser can paint with it."""

import sys
from pathlib import Path

import torch

from artpipe.artifacts.report import LiveModel
from artpipe.contracts.metric import Evidence
from artpipe.contracts.model import LatentWalker
from artpipe.evaluation.latent_directions import find_directions
from artpipe.evaluation.live_program import ProgramBuilder
from artpipe.evaluation.operation_lowering import Lowering
from artpipe.evaluation.operation_trace import trace_operations
from artpipe.evaluation.program_encoding import Program, UnsupportedOperationError, encode_program
from artpipe.system.atomic_files import write_bytes
from artpipe.system.hashing import sha256_bytes

PROGRAM_FILE = "live.bin"
_WORKS = 192  # of the training, to compare with
_WORKS_KILOBYTES = 110  # in the script, of what is said of them
_DIRECTION_DIGITS = 4


def write_live_model(evidence: Evidence, folder: Path) -> LiveModel | None:
    """Write the program of a model that paints from noise; None where it has none.

    Any kind has one that is a `LatentWalker` and whose `walk` needs no other operations than the painter knows.
    """
    learner, spec = evidence.learner, evidence.card.spec
    largest = 750 * (evidence.params.live_kilobytes - _WORKS_KILOBYTES)  # base64 makes 4 letters of 3 bytes
    if not isinstance(learner, LatentWalker) or spec.channels not in {1, 3} or largest <= 0:
        return None
    try:
        packed = encode_program(make_program(learner, len(spec.classes)), largest)
    except UnsupportedOperationError as error:
        sys.stdout.write(f"{evidence.card.name}: no live room: the page cannot compute {error}\n")
        return None
    write_bytes(folder / PROGRAM_FILE, packed)
    heeds_labels = evidence.prompt is not None and evidence.prompt.labels is not None
    return LiveModel(
        file=PROGRAM_FILE,
        sha256=sha256_bytes(packed),
        classes=spec.classes if heeds_labels else (),
        works=_draw_works(evidence),
    )


def make_program(learner: LatentWalker, classes: int) -> Program:
    """Return the program of a learner's `walk`, for one picture.

    Raises:
        UnsupportedOperationError: the painter has no such operation.
    """
    inputs = [torch.randn(1, learner.noise_size), torch.full((1, classes), 1 / max(1, classes))]
    builder = ProgramBuilder()
    values = [builder.add_buffer(tensor.shape) for tensor in inputs]
    picture = Lowering(builder).lower_trace(trace_operations(learner.walk, inputs), values)
    program = builder.build(values, picture)
    directions = [[round(x, _DIRECTION_DIGITS) for x in row] for row in find_directions(learner, classes).tolist()]
    return Program(program.weights, {**program.description, "directions": directions})


def _draw_works(evidence: Evidence) -> tuple[str, ...]:
    """Return digests of training works, drawn by the seed."""
    rows = evidence.train.get("digests")
    if rows is None or not len(rows):
        return ()
    drawn = torch.randperm(len(rows), generator=torch.Generator().manual_seed(evidence.seed))
    digests = dict.fromkeys(bytes(rows[i].tolist()).hex() for i in drawn[:_WORKS].tolist())
    return tuple(sorted(digests))
