"""Check that an enlarger can enlarge what its `pretrained` paints."""

from typing import Any

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.config.params import Params, TrainParams
from artpipe.contracts.modality import parse_preprocess_params
from artpipe.errors import UserError
from artpipe.system.plain_text import to_printable


def check_cascade(params: Params, name: str, entry: TrainParams) -> None:
    """Refuse a painter of which an enlarger cannot make pictures of its own size.

    Other kinds, and enlargers without a painter, pass.

    Raises:
        UserError: the place, what the painter paints and what is wanted.
    """
    painter = params.models.get(entry.pretrained.removeprefix(f"{paths.checkpoint('x').parent}/"))
    scale = getattr(entry, "scale", None)
    if painter is None or scale is None or not hasattr(_find_builder(entry.kind), "enlarge"):
        return
    place = f"params.yaml: `models.{name}.pretrained` is `{to_printable(entry.pretrained)}`"
    kind = str(painter.get("kind"))
    if not hasattr(_find_builder(kind), "sample"):
        raise UserError(f"{place}, a {kind} that paints nothing to enlarge; name a model that paints from noise")
    large, small = (
        parse_preprocess_params(dataset, params.dataset(dataset))
        for dataset in (entry.dataset, str(painter["dataset"]))
    )
    sides = _list_smaller_sides(large.size, scale)
    if small.channels != large.channels:
        raise UserError(f"{place}, which paints {small.channels} channels, and `{entry.dataset}` has {large.channels}")
    if small.size not in sides:
        wanted = f"{' or '.join(map(str, sides))} are wanted" if sides else "no size will do; change one of the two"
        raise UserError(
            f"{place}, which paints pictures of {small.size} pixels; to enlarge them {scale} times to the {large.size} "
            f"of `{entry.dataset}`, {wanted}"
        )


def _list_smaller_sides(side: int, scale: int) -> list[int]:
    """Return the sides of which passes of `scale` make `side`, the largest first."""
    sides = []
    while side % scale == 0:
        side //= scale
        sides.append(side)
    return [smaller for smaller in sides if smaller >= 8]  # noqa: PLR2004 - the least size of pictures


def _find_builder(kind: str) -> Any:
    return plugins.load_plugin("models", kind).build if kind in plugins.list_plugins("models") else None
