"""What a report keeps of a model so that a visitor's browser can paint with it."""

import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from artpipe.artifacts.caption_columns import decode_texts
from artpipe.artifacts.report import LiveModel, LivePath
from artpipe.contracts.metric import Evidence
from artpipe.contracts.model import LatentWalker
from artpipe.contracts.steered_sampler import NoPathError, PathFunctions, PathSampler, WordLearner
from artpipe.evaluation.latent_directions import find_directions
from artpipe.evaluation.live_program import Function, ProgramBuilder, join_functions
from artpipe.evaluation.operation_lowering import Lowering
from artpipe.evaluation.operation_trace import trace_operations
from artpipe.evaluation.program_encoding import Program, UnsupportedOperationError, encode_program
from artpipe.evaluation.steered_samples import list_refused
from artpipe.numerics.caption_tokens import PIECES, TOKENS, WORDS
from artpipe.system.atomic_files import write_bytes
from artpipe.system.hashing import sha256_bytes

PROGRAM_FILE = "live.bin"
_WORKS = 192  # of the training, to compare with
_WORKS_KILOBYTES = 110  # in the script, of what is said of them
_DIRECTION_DIGITS = 4
_CAPTIONS = 64  # of held-out works, that seeds ask for
_MOST_WORDS = 4000  # in the script; of more the page cannot say which are not known


def write_live_model(evidence: Evidence, folder: Path) -> LiveModel | None:
    """Write the program of a model that paints from noise; None where it has none.

    Any kind has one that is a `LatentWalker` and whose `walk`, or path of predictions, needs no other operations than
    the painter knows.
    """
    learner, spec = evidence.learner, evidence.card.spec
    largest = 750 * (evidence.params.live_kilobytes - _WORKS_KILOBYTES)  # base64 makes 4 letters of 3 bytes
    if not isinstance(learner, LatentWalker) or spec.channels not in {1, 3} or largest <= 0:
        return None
    try:
        packed = encode_program(make_program(learner, len(spec.classes)), largest)
    except (UnsupportedOperationError, NoPathError) as error:
        sys.stdout.write(f"{evidence.card.name}: no live room: the page cannot compute {error}\n")
        return None
    write_bytes(folder / PROGRAM_FILE, packed)
    heeds_labels = evidence.prompt is not None and evidence.prompt.labels is not None
    return LiveModel(
        file=PROGRAM_FILE,
        sha256=sha256_bytes(packed),
        classes=spec.classes if heeds_labels else (),
        works=_draw_works(evidence),
        path=_describe_path(evidence),
    )


def make_program(learner: LatentWalker, classes: int) -> Program:
    """Return the program of a learner for one picture.

    It is what encodes and predicts on a path, else its `walk`.

    Raises:
        UnsupportedOperationError: the painter has no such operation.
    """
    if isinstance(learner, PathSampler):
        return _make_path_program(learner)
    walk = _build_function(
        learner.walk, torch.randn(1, learner.noise_size), torch.full((1, classes), 1 / max(1, classes))
    )
    program = join_functions([walk])
    directions = [[round(x, _DIRECTION_DIGITS) for x in row] for row in find_directions(learner, classes).tolist()]
    return Program(program.weights, {**program.description, "directions": directions})


def _make_path_program(learner: Any) -> Program:
    functions: PathFunctions = learner.path_functions()
    shares = torch.full((1, WORDS, TOKENS), 1 / PIECES), torch.full((1, 1, WORDS), 0.25), torch.ones(1, 1)
    condition = functions.encode(*shares)
    encode = _build_function(functions.encode, *shares)
    predict = _build_function(functions.predict, torch.randn(1, learner.noise_size), torch.full((1,), 0.5), condition)
    program = join_functions([encode, predict])
    path = {**asdict(functions.settings), "classes": learner.spec.classes}
    return Program(program.weights, {**program.description, "path": path, "pieces": PIECES})


def _build_function(function: Callable[..., Tensor], *inputs: Tensor) -> Function:
    builder = ProgramBuilder()
    values = [builder.add_buffer(tensor.shape) for tensor in inputs]
    return builder.build(values, Lowering(builder).lower_trace(trace_operations(function, inputs), values))


def _describe_path(evidence: Evidence) -> LivePath | None:
    learner = evidence.learner
    if not isinstance(learner, PathSampler):
        return None
    settings, works = learner.path_functions().settings, evidence.prompt.works if evidence.prompt is not None else {}
    texts = decode_texts(works["caption_texts"][:_CAPTIONS].tolist()) if "caption_texts" in works else ()
    return LivePath(
        guidance=settings.guidance, steps=settings.steps, captions=tuple(texts),
        refused=tuple(list_refused({}, learner)), words=_list_known_words(evidence),
    )  # fmt: skip


def _list_known_words(evidence: Evidence) -> tuple[str, ...]:
    learner, texts = evidence.learner, evidence.train.get("caption_texts")
    if not isinstance(learner, WordLearner):
        return ()
    words = learner.list_known_words([] if texts is None else list(decode_texts(texts.tolist())))
    return words if len(words) <= _MOST_WORDS else ()


def _draw_works(evidence: Evidence) -> tuple[str, ...]:
    """Return digests of training works, drawn by the seed."""
    rows = evidence.train.get("digests")
    if rows is None or not len(rows):
        return ()
    drawn = torch.randperm(len(rows), generator=torch.Generator().manual_seed(evidence.seed))
    digests = dict.fromkeys(bytes(rows[i].tolist()).hex() for i in drawn[:_WORKS].tolist())
    return tuple(sorted(digests))
