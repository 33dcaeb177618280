"""A critique as one page that needs nothing else: to read and to print."""

import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from artpipe.critique.critique_pictures import Critique
from artpipe.critique.critique_report import format_number_with_bound
from artpipe.language.message import Message
from artpipe.language.sentences import load_sentences
from artpipe.site.pages import make_environment
from artpipe.site.self_contained import inline_style, make_data_url
from artpipe.site.themes import find_theme
from artpipe.site.translation import clean_line

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

_FOLDER = Path(__file__).with_name("page")
_THEME = "museum"
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
        "uri": make_picture_url,
        "reason": lambda refused: refused.describe(language),
    }
    style = inline_style(find_theme(_THEME)) + (_FOLDER / "page.css").read_text("utf-8")
    environment = make_environment(_FOLDER, [], filters, str, lambda one, other, n: one if n == 1 else other)
    return environment.get_template("page.html").render(
        critique=critique,
        language=language,
        title=_title(critique),
        style=Markup(style),  # noqa: S704 - our own style sheets
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


def make_picture_url(picture: "Image.Image | NDArray[np.uint8]", *, exact: bool = False) -> str:
    """Return a picture as an address that holds it; `exact` loses nothing."""
    from PIL import Image

    image = picture if isinstance(picture, Image.Image) else Image.fromarray(picture)
    buffer = io.BytesIO()
    if exact:
        image.save(buffer, "PNG", optimize=True)
    else:
        image.save(buffer, "JPEG", quality=_QUALITY)
    return make_data_url(".png" if exact else ".jpg", buffer.getvalue())
