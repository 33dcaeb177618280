"""Tell pictures that were shrunk from pixel art."""

from collections.abc import Iterable
from itertools import islice
from pathlib import Path

from artpipe.numerics.many_colours import MOST_PICTURES, have_many_colours


def look_shrunk(files: Iterable[Path]) -> bool:
    """Return whether pictures have as many colours as shrunken photographs have.

    In the middle of a dozen of them; pixel art and drawings of few colours do not, nor does what cannot be read.
    """
    pictures = (path for path in files if path.suffix == ".png")
    return have_many_colours(map(_measure_colours, islice(pictures, MOST_PICTURES)))


def _measure_colours(path: Path) -> float:
    """Return how many colours a picture has by its pixels, 0 if it cannot be read."""
    from PIL import Image

    try:
        with Image.open(path) as image:
            colours = image.convert("RGB").getcolors(image.width * image.height)
            return float(len(colours or ()) / (image.width * image.height))
    except Exception:  # noqa: BLE001 - Pillow raises far more than OSError on damaged files
        return 0.0
