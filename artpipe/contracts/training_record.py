"""What a training leaves that a page shows: pictures and numbers by step."""

from collections.abc import Sequence
from dataclasses import dataclass

from artpipe.contracts.gallery_work import Media


@dataclass(frozen=True)
class Frame:
    """What the model made from the same noise at one evaluation point.

    It is a picture, a sound or text.
    """

    step: int
    media: Media | None
    text: str = ""


@dataclass(frozen=True)
class Curve:
    """A number by step, in the order written."""

    name: str
    points: Sequence[tuple[int, float]]
