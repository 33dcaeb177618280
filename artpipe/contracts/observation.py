"""The observation contract: what is said of a picture, and the numbers behind it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from artpipe.language.message import Message, Value

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class MeasuredNumber:
    """A number that is shown: its value, how it is written, and the code of its name.

    `bound` is the one that a sentence was decided by, where there is one. `values` are those of the name.
    """

    value: float
    format: str = ".2f"  # as in `format()`
    bound: float | None = None
    code: str = ""
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def name(self) -> Message:
        """Return what the number is called."""
        return Message(code=self.code, values=dict(self.values))


EXACT_SIDE = 100  # pixels of the longer side: smaller figures are enlarged as squares


@dataclass(frozen=True)
class CritiqueFigure:
    """A picture uint8 ``(H, W, 3)`` that shows what a sentence says.

    `exact` is one whose pixels are enlarged as squares.
    """

    image: "NDArray[np.uint8]"
    caption: Message
    credits: Sequence[Message] = ()
    exact: bool = False


@dataclass(frozen=True)
class ColourSwatch:
    """A colour of a palette: sRGB, its name and its share of the surface."""

    rgb: tuple[int, int, int]
    name: str
    share: float


@dataclass(frozen=True)
class ObservationResult:
    """What one observation found: sentences, numbers, pictures, colours."""

    sentences: Sequence[Message]
    numbers: Sequence[MeasuredNumber] = ()
    figures: Sequence[CritiqueFigure] = ()
    swatches: Sequence[ColourSwatch] = ()


@dataclass(frozen=True)
class Observation:
    """What a file in `observations/` exports as OBSERVATION.

    `code` is that of its heading, `position` its place on the page. `observe(picture, models)` takes a
    CritiquedPicture and the ProjectModels and returns a result for each thing it has to say something of, none where
    the evidence is too weak to say anything.
    """

    code: str
    position: int
    observe: Callable[[Any, Any], Sequence[ObservationResult]]
