"""A contact sheet of works that were just added, before ingest.

Each is drawn in a worker.
"""

import sys
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.config.params import DatasetEntry
from artpipe.contracts.modality import find_medium
from artpipe.contracts.plugin_info import medium_info
from artpipe.project.spread_works import choose_spread_works
from artpipe.system.atomic_files import write_text
from artpipe.system.plain_text import to_printable_lines
from artpipe.untrusted.worker_pool import WorkerLimits, outcomes

if TYPE_CHECKING:
    from PIL import Image

    from artpipe.contracts.source import Source

PICTURES = 24
MOST_DRAWN = 3 * PICTURES  # works that are decoded; those shown are chosen among them
COLUMNS = 6
SIDE = 128  # pixels
TEXTS, LINES, DRAWN = 12, 6, 600  # on a sheet of texts; lines of each; characters of it shown in a terminal
_BACKGROUND = 245  # grey of the sheet


def write_contact_sheet(name: str, entry: DatasetEntry) -> Path | None:
    """Write ``.state/contact/NAME.png`` and return its path.

    Where there is a terminal, it is drawn there too. Of a medium that can be read it is ``NAME.txt``, with the
    first lines of some; of one that cannot be drawn there is none.
    """
    info = medium_info(entry.medium)
    if not info.preview_job:
        return _write_first_lines(name, entry) if info.is_readable else None
    from PIL import Image

    settings = {"side": SIDE, "ground": _BACKGROUND, "max_megapixels": entry.ingest.max_megapixels}
    inputs = islice(((None, data) for data in choose_spread_works(entry, 2 * PICTURES)), MOST_DRAWN)
    limits = WorkerLimits(workers=1, batch_inputs=PICTURES)
    drawn = [tile.payload for _, tile in outcomes(inputs, job=info.preview_job, settings=settings, limits=limits)]
    tiles = _pick_evenly([tile for tile in drawn if tile])
    if not tiles:
        return None
    rows = -(-len(tiles) // COLUMNS)
    sheet = Image.new("RGB", (min(COLUMNS, len(tiles)) * SIDE, rows * SIDE), (_BACKGROUND,) * 3)
    for place, pixels in enumerate(tiles):
        corner = place % COLUMNS * SIDE, place // COLUMNS * SIDE
        sheet.paste(Image.frombytes("RGB", (SIDE, SIDE), pixels), corner)
    path = paths.STATE / "contact" / f"{name}.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet.save(path)
    if sys.stdout.isatty():
        _draw_in_terminal(sheet)
    return path


def _pick_evenly(tiles: list[bytes]) -> list[bytes]:
    """Return `PICTURES` tiles at even distances from the first to the last.

    Those of one class lie beside each other.
    """
    count = min(PICTURES, len(tiles))
    return [tiles[i * len(tiles) // count] for i in range(count)]


def _write_first_lines(name: str, entry: DatasetEntry) -> Path:
    """Write the first lines of the first texts."""
    medium = find_medium(entry)
    source: Source = plugins.load_plugin("sources", entry.source)
    candidates = (candidate for candidate in source.candidates(entry) if candidate.rejected is None)
    parts = (
        part for candidate in candidates for part in medium.split_file(candidate.name, candidate.data, entry.ingest)
    )
    texts = [part.data.decode("utf-8", "replace").strip("\n").split("\n")[:LINES] for part in islice(parts, TEXTS)]
    sheet = "\n\n".join("\n".join(lines) for lines in texts)
    path = paths.STATE / "contact" / f"{name}.txt"
    write_text(path, sheet + "\n")
    if sys.stdout.isatty():
        sys.stdout.write(f"\n{to_printable_lines(sheet[:DRAWN])}\n\n")
    return path


def _draw_in_terminal(sheet: "Image.Image") -> None:
    """Draw the sheet in the terminal, two pixels to a character."""
    from rich.color import Color
    from rich.segment import Segment, Segments
    from rich.style import Style

    from artpipe.system.terminal import PlainConsole

    console = PlainConsole()
    width = min(console.width - 1, sheet.width, 96)
    small = sheet.resize((width, width * sheet.height // sheet.width // 2 * 2))
    pixels = small.tobytes()
    colours = [Color.from_rgb(*pixels[place : place + 3]) for place in range(0, len(pixels), 3)]
    segments = []
    for row in range(0, small.height, 2):
        upper, lower = (colours[(row + half) * width : (row + half + 1) * width] for half in (0, 1))
        pairs = zip(upper, lower, strict=True)
        segments += [
            Segment("\N{UPPER HALF BLOCK}", Style(color=upper_colour, bgcolor=lower_colour))
            for upper_colour, lower_colour in pairs
        ]
        segments.append(Segment.line())
    console.print(Segments(segments))
