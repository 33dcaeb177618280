"""A critique as one page that needs nothing else: to read and to print."""

import base64
import io
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

import artpipe
from artpipe.critique.critique_pictures import Critique
from artpipe.critique.critique_report import format_number_with_bound
from artpipe.language.message import Message
from artpipe.language.sentences import load_sentences
from artpipe.site.pages import make_environment
from artpipe.site.translation import clean_line

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

_FOLDER = Path(__file__).with_name("page")
_THEME = Path(artpipe.__file__).parent / "templates" / "museum" / "assets"
_FONTS = (
    "cormorant.woff2",
    "cormorant-italic.woff2",
    "alegreya-sans-400-normal.woff2",
    "alegreya-sans-sc-500-normal.woff2",
)
_QUALITY = 88  # of JPEG


def render_page(critique: Critique, language: str) -> str:
    """Return the page in a language; it refers to no other file and runs no script."""
    say = load_sentences(language)
    filters: dict[str, Callable[..., Any]] = {
        "say": say,
        "name": say.translate_name,
        "clean": clean_line,
        "percent": lambda share: say.format_value(share, ".0%"),
        "measured": lambda number: format_number_with_bound(number, say),
        "uri": make_data_uri,
        "reason": lambda refused: refused.describe(language),
    }
    environment = make_environment(_FOLDER, [], filters, str, lambda one, other, n: one if n == 1 else other)
    return environment.get_template("page.html").render(
        critique=critique,
        language=language,
        title=_title(critique),
        style=Markup(_read_style()),  # noqa: S704 - our own style sheets
        words={
            "measured": Message(code="critique_measured"),
            "refused": Message(code="critique_refused"),
            "footer": Message(code="critique_footer"),
            "kicker": Message(code="critique_title"),
            "contents": Message(code="critique_contents"),
        },
    )


def _title(critique: Critique) -> Message:
    if len(critique.pictures) > 1:
        return Message(code="critique_of_many", values={"count": len(critique.pictures)})
    return Message(code="critique_alt", values={"name": clean_line(critique.pictures[0].name)})


def make_data_uri(picture: "Image.Image | NDArray[np.uint8]", *, exact: bool = False) -> str:
    """Return a picture as a data: URI, without loss where every pixel counts."""
    from PIL import Image

    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    if exact:
        image.save(buffer, "PNG", optimize=True)
    else:
        image.save(buffer, "JPEG", quality=_QUALITY)
    kind = "png" if exact else "jpeg"
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def _read_style() -> str:
    """Return the gallery's style and that of the page, with the fonts in them."""
    style = (_THEME / "museum.css").read_text("utf-8")
    for line in re.findall(r"@font-face \{.*?\}\n", style):
        file = re.search(r'url\("fonts/([^"]+)"\)', line)
        if file and file[1] in _FONTS:
            data = base64.b64encode((_THEME / "fonts" / file[1]).read_bytes()).decode()
            style = style.replace(f'url("fonts/{file[1]}")', f'url("data:font/woff2;base64,{data}")')
        else:
            style = style.replace(line, "")
    return style + (_FOLDER / "page.css").read_text("utf-8")
