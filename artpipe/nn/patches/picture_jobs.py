"""Pictures that patch synthesis is asked for: of which works, in which format."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

from artpipe.numerics.patch_synthesis import Size


@dataclass(frozen=True)
class PictureJob:
    """A picture to make.

    `works` and `layout` are numbers of works; `format` is width by height, against a work's own.
    """

    role: str
    works: tuple[int, ...]
    format: float = 1.0
    layout: int | None = None

    def size(self, size: Size) -> Size:
        """Return its height and width, where those of a work are `size`."""
        return round(size[0] / min(1, self.format)), round(size[1] * max(1, self.format))


def list_picture_jobs(
    count: int, variations: int, mixtures: int, analogies: int, formats: Sequence[float]
) -> Iterable[PictureJob]:
    """Yield the pictures to make of `count` works, what is most different first.

    Each has `variations`; the others are of neighbouring works, or of one after the other. A wall shows the first ones.
    """
    yield from (PictureJob("variation", (work,)) for work in range(count) if variations)
    if count > 1:
        pairs = list(islice(cycle((i, (i + 1) % count) for i in range(count)), max(mixtures, analogies)))
        yield from (PictureJob("mixture", pair) for pair in pairs[:mixtures])
        yield from (PictureJob("analogy", pair[1:], layout=pair[0]) for pair in pairs[:analogies])
    yield from (PictureJob("format", (i % count,), ratio) for i, ratio in enumerate(formats))
    yield from (PictureJob("variation", (work,)) for _ in range(variations - 1) for work in range(count))
