"""Draw the contact sheet of a dataset, class by class.

The same pictures give the same bytes.
"""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image, ImageDraw, ImageFont

    Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


@dataclass(frozen=True)
class SheetStyle:
    """The style of a contact sheet; lengths in pixels."""

    columns: int = 12
    rows: int = 8
    tile: int = 96
    gap: int = 8
    margin: int = 32
    caption: int = 18
    paper: str = "#f6f4ef"
    ink: str = "#2b2926"
    faint: str = "#8a857c"


@dataclass(frozen=True)
class SheetPicture:
    """One picture on the sheet, and its class.

    uint8 ``(C, H, W)`` with 1 or 3 channels; one that is no square is cropped to its middle.
    """

    pixels: "NDArray[np.uint8]"
    label: str


def draw_contact_sheet(title: str, line: str, prints: Sequence[SheetPicture], sheet: SheetStyle | None = None) -> bytes:
    """Return a PNG with a heading and the pictures, in their order.

    A class is named where it starts, and at the beginning of each row.

    The default font knows Latin letters only; a caption in another script is left out rather than shown as boxes.
    """
    from PIL import Image, ImageDraw, ImageFont

    sheet = sheet or SheetStyle()
    has_labels = any(_is_printable(sheet_print.label) for sheet_print in prints)
    pitch = sheet.tile + sheet.gap, sheet.tile + sheet.gap + (sheet.caption if has_labels else 0)
    rows = max(1, -(-len(prints) // sheet.columns))
    top = sheet.margin * 3
    size = 2 * sheet.margin + sheet.columns * pitch[0] - sheet.gap, top + sheet.margin + rows * pitch[1] - sheet.gap
    paper = Image.new("RGB", size, sheet.paper)
    pen = ImageDraw.Draw(paper)
    if _is_printable(title):
        pen.text((sheet.margin, sheet.margin - 4), title, fill=sheet.ink, font=ImageFont.load_default(26))
    pen.text((sheet.margin, sheet.margin + 30), line, fill=sheet.faint, font=ImageFont.load_default(15))
    for place, sheet_print in enumerate(prints):
        x, y = sheet.margin + place % sheet.columns * pitch[0], top + place // sheet.columns * pitch[1]
        paper.paste(_fit_tile(sheet_print.pixels, sheet.tile), (x, y))
        starts = place % sheet.columns == 0 or sheet_print.label != prints[place - 1].label
        if starts and _is_printable(sheet_print.label):
            caption = _shorten(sheet_print.label, sheet.tile, pen, ImageFont.load_default(12))
            pen.text((x, y + sheet.tile + 3), caption, fill=sheet.faint, font=ImageFont.load_default(12))
    buffer = io.BytesIO()
    paper.save(buffer, "PNG")
    return buffer.getvalue()


def _fit_tile(pixels: "NDArray[np.uint8]", side: int) -> "Image.Image":
    from PIL import Image, ImageOps

    image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0)).convert("RGB")
    small = image.width * 2 <= side  # drawn pixels stay pixels
    return ImageOps.fit(image, (side, side), Image.Resampling.BOX if small else Image.Resampling.LANCZOS)


def _is_printable(text: str) -> bool:
    return bool(text) and all(" " <= character <= "\u00ff" for character in text)


def _shorten(text: str, width: int, pen: "ImageDraw.ImageDraw", font: "Font") -> str:
    if pen.textlength(text, font=font) <= width:
        return text
    while text and pen.textlength(f"{text}...", font=font) > width:
        text = text[:-1]
    return f"{text.rstrip()}..."
