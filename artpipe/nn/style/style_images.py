"""Styles and contents of a dataset: one class per style, others are contents."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from artpipe.artifacts.shards import Spec
from artpipe.errors import UserError, did_you_mean
from artpipe.nn.style.perceptual import resize
from artpipe.numerics.pixels import to_float

CONTENT = "content"  # the class of the contents, unless `paint` names others
_COARSE_FACTOR = 8  # times smaller, a picture has lost its strokes
_MIN_COARSE_SIDE = 16  # pixels of a side that can hold nothing worth being called strokes
_MIN_DETAIL = (
    0.01  # of a style's variance, lost by that: 0.03 for a photograph of a retina, 0.007 for 32 pixels enlarged
)
MIN_SIDE = 32  # pixels; VGG16 halves a picture three times before its deepest layer that is asked


def list_styles(styles: Sequence[str], spec: Spec) -> list[str]:
    """Return the classes that are styles: the named ones, or all but `content`.

    Raises:
        UserError: the dataset has no colours, is too small, or has no such class.
    """
    _require_style_dataset(spec)
    names = list(styles) or [name for name in spec.classes if name != CONTENT]
    for name in names:
        if name not in spec.classes:
            available = f" (there are: {', '.join(spec.classes)})"
            raise UserError(
                f"dataset `{spec.dataset}` has no class `{name}`{did_you_mean(name, spec.classes) or available}"
            )
    return names


def list_pairs(paint: Mapping[str, Sequence[str]], spec: Spec) -> list[tuple[str, str]]:
    """Return the pairs of a content class and a style to paint, in order.

    Where `paint` is empty, it is `content` in all styles.

    Raises:
        UserError: see `named_styles`.
    """
    styles_by_content = paint or {CONTENT: list_styles((), spec)}
    pairs = [(content, style) for content, styles in styles_by_content.items() for style in styles]
    if not pairs:
        raise UserError(f"dataset `{spec.dataset}`: nothing to paint; `paint` names no style")
    list_styles([name for pair in pairs for name in pair], spec)
    return pairs


def _require_style_dataset(spec: Spec) -> None:
    place = f"dataset `{spec.dataset}`"
    if spec.channels != 3 or min(spec.height, spec.width) < MIN_SIDE:  # noqa: PLR2004
        size = f"{spec.channels} channels and {spec.height} x {spec.width} pixels"
        raise UserError(f"{place} has {size}; a style needs 3 channels and {MIN_SIDE} pixels at least (`preprocess`)")
    if not spec.classes:
        raise UserError(f"{place} has no classes; `{CONTENT}` and one for each style are wanted, such as sub-folders")


def find_first_works(works: Mapping[str, Tensor], spec: Spec, name: str, count: int = 1) -> list[int]:
    """Return the first rows of a class.

    Raises:
        UserError: there are not as many in the training split.
    """
    rows = (works["labels"] == spec.classes.index(name)).nonzero().flatten()[:count].tolist()
    if len(rows) < count:
        advice = "lower `validation` and `test` of the dataset, or add pictures"
        shortage = f"{len(rows)} works of class `{name}` to train on, {count} wanted"
        raise UserError(f"dataset `{spec.dataset}` has {shortage}; {advice}")
    return [int(row) for row in rows]


def find_style_image(works: Mapping[str, Tensor], spec: Spec, name: str) -> tuple[int, Tensor]:
    """Return row and picture ``(3, H, W)`` uint8 of a style: its class's first work.

    Raises:
        UserError: there is none, or it has no strokes: it is of one colour, or a tiny picture enlarged.
    """
    (row,) = find_first_works(works, spec, name)
    picture = to_float(works["images"][[row]])
    size = (picture.shape[2], picture.shape[3])
    coarse = max(size[0] // _COARSE_FACTOR, _MIN_COARSE_SIDE), max(size[1] // _COARSE_FACTOR, _MIN_COARSE_SIDE)
    lost = picture - resize(resize(picture, coarse), size)
    if float(lost.square().mean()) <= _MIN_DETAIL * float(picture.var()):
        message = f"dataset `{spec.dataset}`: the style `{name}` has no strokes, only what {coarse[1]} pixels can hold"
        raise UserError(f"{message}; a larger picture is wanted")
    return row, works["images"][row]
