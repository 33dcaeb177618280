"""Find a theme and its words in the gallery's language."""

from pathlib import Path
from typing import TYPE_CHECKING

from artpipe.config.params import Params
from artpipe.errors import UserError, did_you_mean

if TYPE_CHECKING:
    from artpipe.site.translation import Translator

_TEMPLATES = Path(__file__).parents[1] / "templates"


def find_theme(name: str) -> Path:
    """Return the folder of a theme.

    Raises:
        UserError: there is none of that name.
    """
    themes = sorted(path.name for path in _TEMPLATES.iterdir() if path.is_dir())
    if name not in themes:
        raise UserError(
            f"params.yaml: `gallery.theme` is `{name}`; there are: {', '.join(themes)}{did_you_mean(name, themes)}"
        )
    return _TEMPLATES / name


def make_translator(params: Params, theme: Path) -> "Translator":
    """Return the words of a theme in the gallery's language."""
    from artpipe.site.translation import Translator
    from artpipe.site.wall_texts import collect_acronyms

    return Translator(theme, params.gallery.language, collect_acronyms(params))
