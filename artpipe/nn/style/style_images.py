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
_MIN_VARIANCE = 1.0e-4  # of a picture in [-1, 1]: about one grey level of 255
MIN_SIDE = 32  # pixels; VGG16 halves a picture three times before its deepest layer that is asked


def list_styles(styles: Sequence[str], spec: Spec) -> list[str]:
    """Return the classes that are styles: the named ones, or all but `content`.

    Raises:
        UserError: the dataset has no colours, is too small, or has no such class.
    """
    require_style_dataset(spec)
    _require_classes(spec)
    names = list(styles) or [name for name in spec.classes if name != CONTENT]
    require_classes(names, spec)
    return names


def require_classes(names: Sequence[str], spec: Spec) -> None:
    """Require classes of a dataset.

    Raises:
        UserError: it has no such class; the nearest name, or all there are.
    """
    for name in names:
        if name not in spec.classes:
            hint = did_you_mean(name, spec.classes) or f" (there are: {', '.join(spec.classes) or 'none'})"
            raise UserError(f"dataset `{spec.dataset}` has no class `{name}`{hint}")


def list_pairs(paint: Mapping[str, Sequence[str]], spec: Spec, each: int = 1, chosen: int = 0) -> list[tuple[str, str]]:
    """Return the pairs of a content class and a style to paint, in order.

    Where `paint` is empty, it is `content` in all styles, or as many nameless pairs as are to be `chosen`. Each content
    class is painted with `each` of its works.

    Raises:
        UserError: see `named_styles`.
    """
    if chosen:
        require_style_dataset(spec)
        return [("", "")] * chosen
    styles_by_content = paint or {CONTENT: list_styles((), spec)}
    pairs = [(content, style) for content, styles in styles_by_content.items() for style in styles]
    if not pairs:
        raise UserError(f"dataset `{spec.dataset}`: nothing to paint; `paint` names no style")
    list_styles([name for pair in pairs for name in pair], spec)
    return [pair for pair in pairs for _ in range(each)]


def require_style_dataset(spec: Spec) -> None:
    """Require pictures in colour that are large enough.

    Raises:
        UserError: they are not.
    """
    place = f"dataset `{spec.dataset}`"
    if spec.channels != 3 or min(spec.height, spec.width) < MIN_SIDE:  # noqa: PLR2004
        size = f"{spec.channels} channels and {spec.height} x {spec.width} pixels"
        raise UserError(f"{place} has {size}; a style needs 3 channels and {MIN_SIDE} pixels at least (`preprocess`)")


def _require_classes(spec: Spec) -> None:
    if not spec.classes:
        place = f"dataset `{spec.dataset}`"
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
    image = works["images"][row]
    if not has_strokes(image):
        width = _coarse_size(image)[1]
        message = f"dataset `{spec.dataset}`: the style `{name}` has no strokes, only what {width} pixels can hold"
        raise UserError(f"{message}; a larger picture is wanted")
    return row, image


def has_strokes(image: Tensor) -> bool:
    """Return whether a picture ``(3, H, W)`` uint8 has details.

    It is neither of one colour nor a tiny picture enlarged.
    """
    picture = to_float(image[None])
    size = (picture.shape[2], picture.shape[3])
    lost = picture - resize(resize(picture, _coarse_size(image)), size)
    return float(lost.square().mean()) > _MIN_DETAIL * max(float(picture.var()), _MIN_VARIANCE)


def _coarse_size(image: Tensor) -> tuple[int, int]:
    height, width = (max(side // _COARSE_FACTOR, _MIN_COARSE_SIDE) for side in image.shape[1:])
    return height, width
