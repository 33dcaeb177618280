"""Paint pictures near one that a model hangs.

Three quarters of their noise are that one's, the rest another seed's. The noise is that of a grandchild in a live room (docs/live.md): a parent is the work itself, the other one half of it.
"""

from collections.abc import Sequence
from pathlib import Path

from artpipe.artifacts.curation import BredWork
from artpipe.contracts.model import LatentWalker
from artpipe.errors import UserError
from artpipe.evaluation.picture_recipes import PictureRecipe, paint_recipe
from artpipe.training.exhibit_files import encode_content
from artpipe.training.restore import restore_learner


def make_bred_recipe(bred: BredWork) -> PictureRecipe:
    """Return how a bred picture is painted."""
    work = PictureRecipe(seed=bred.near, label=bred.label)
    half = PictureRecipe(seed=bred.seed, parents=(work, PictureRecipe(seed=bred.seed, label=bred.label)))
    return PictureRecipe(seed=(bred.seed + 1) % 2**32, parents=(work, half))


def paint_bred(checkpoint: Path, bred: Sequence[BredWork], expected: str = "") -> list[bytes]:
    """Return bred pictures as PNG.

    Args:
        checkpoint: folder of the model's.
        bred: what to paint.
        expected: the checkpoint's hash, where another one would be wrong.

    Raises:
        UserError: the model makes nothing of noise, has no such class, or is of another training than expected.
        CorruptError: the checkpoint is damaged.
    """
    learner, card, sha256 = restore_learner(checkpoint)
    if expected and sha256 != expected:
        raise UserError(f"{card.name}: its checkpoint is of another training than its report")
    if not isinstance(learner, LatentWalker):
        raise UserError(f"{card.name}: a {learner.params.kind} makes nothing of noise, so nothing is near its works")
    classes = len(learner.spec.classes)
    return [encode_content(paint_recipe(learner, make_bred_recipe(one), classes))[1] for one in bred]
