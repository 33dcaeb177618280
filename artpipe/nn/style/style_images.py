"""What a studio's dataset is to those who paint in the manner of others: one class per style, and classes of contents."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from artpipe.artifacts.shards import Spec
from artpipe.errors import UserError, did_you_mean
from artpipe.nn.style.perceptual import resized
from artpipe.numerics.pixels import to_float

CONTENT = "content"  # the class of what is painted, where nothing else is said
_COARSE = 8  # times smaller, a picture has lost its strokes
_FEWEST = 16  # pixels of a side that can hold nothing worth being called strokes
_LEAST_DETAIL = (
    0.01  # of a style's variance, lost by that: 0.03 for a photograph of a retina, 0.007 for 32 pixels enlarged
)
LEAST_SIDE = 32  # pixels; VGG16 halves a picture three times before its deepest layer that is asked


def named_styles(styles: Sequence[str], spec: Spec) -> list[str]:
    """Return the classes that are styles: the named ones, or all but `content`.

    Raises:
        UserError: the dataset has no colours, is too small, or has no such class.
    """
    _require_studio(spec)
    wanted = list(styles) or [name for name in spec.classes if name != CONTENT]
    for name in wanted:
        if name not in spec.classes:
            known = f" (there are: {', '.join(spec.classes)})"
            raise UserError(
                f"dataset `{spec.dataset}` has no class `{name}`{did_you_mean(name, spec.classes) or known}"
            )
    return wanted


def named_pairs(paint: Mapping[str, Sequence[str]], spec: Spec) -> list[tuple[str, str]]:
    """Return the pairs of a class of contents and a style that are wanted, in their order; all of `content` where empty.

    Raises:
        UserError: see `named_styles`.
    """
    wanted = paint or {CONTENT: named_styles((), spec)}
    pairs = [(content, style) for content, styles in wanted.items() for style in styles]
    if not pairs:
        raise UserError(f"dataset `{spec.dataset}`: nothing to paint; `paint` names no style")
    named_styles([name for pair in pairs for name in pair], spec)
    return pairs


def _require_studio(spec: Spec) -> None:
    place = f"dataset `{spec.dataset}`"
    if spec.channels != 3 or min(spec.height, spec.width) < LEAST_SIDE:  # noqa: PLR2004
        found = f"{spec.channels} channels and {spec.height} x {spec.width} pixels"
        raise UserError(
            f"{place} has {found}; a style needs 3 channels and {LEAST_SIDE} pixels at least (`preprocess`)"
        )
    if not spec.classes:
        raise UserError(f"{place} has no classes; `{CONTENT}` and one for each style are wanted, such as sub-folders")


def first_works(works: Mapping[str, Tensor], spec: Spec, name: str, count: int = 1) -> list[int]:
    """Return the first rows of a class.

    Raises:
        UserError: there are not as many in the training split.
    """
    rows = (works["labels"] == spec.classes.index(name)).nonzero().flatten()[:count].tolist()
    if len(rows) < count:
        advice = "lower `validation` and `test` of the dataset, or add pictures"
        found = f"{len(rows)} works of class `{name}` to train on, {count} wanted"
        raise UserError(f"dataset `{spec.dataset}` has {found}; {advice}")
    return [int(row) for row in rows]


def style_of(works: Mapping[str, Tensor], spec: Spec, name: str) -> tuple[int, Tensor]:
    """Return the row and the picture ``(3, H, W)`` uint8 of a style: the first work of its class.

    Raises:
        UserError: there is none, or it has no strokes: it is of one colour, or a tiny picture enlarged.
    """
    (row,) = first_works(works, spec, name)
    picture = to_float(works["images"][[row]])
    size = (picture.shape[2], picture.shape[3])
    coarse = max(size[0] // _COARSE, _FEWEST), max(size[1] // _COARSE, _FEWEST)
    lost = picture - resized(resized(picture, coarse), size)
    if float(lost.square().mean()) <= _LEAST_DETAIL * float(picture.var()):
        message = f"dataset `{spec.dataset}`: the style `{name}` has no strokes, only what {coarse[1]} pixels can hold"
        raise UserError(f"{message}; a larger picture is wanted")
    return row, works["images"][row]
