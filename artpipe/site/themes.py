"""Find a theme and its words in the gallery's language.

A theme is a folder of templates, sections, assets and words. What it does not have is that of the museum.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from artpipe.config.params import Frozen, Params
from artpipe.errors import UserError, did_you_mean
from artpipe.plugins import theme_folders

if TYPE_CHECKING:
    from artpipe.site.translation import Translator

BASE = "museum"  # the theme that has everything


class ThemeSettings(Frozen):
    """`theme.json`."""

    large_pictures: bool = False  # hang every work in its full size, where the museum hangs most small


def find_theme(name: str) -> Path:
    """Return the folder of a theme: of artpipe, or of the project's `plugins/themes/`.

    Raises:
        UserError: there is none of that name.
    """
    themes = theme_folders()
    if name not in themes:
        raise UserError(
            f"params.yaml: `gallery.theme` is `{name}`; there are: {', '.join(sorted(themes))}{did_you_mean(name, themes)}"
        )
    return themes[name]


def list_layers(theme: Path) -> Sequence[Path]:
    """Return the folders in which a theme's files are looked for, the first first."""
    base = theme_folders()[BASE]
    return [theme] if theme == base else [theme, base]


def load_settings(theme: Path) -> ThemeSettings:
    """Return what a theme's `theme.json` says; without one it is as the museum.

    Raises:
        UserError: it says something else.
    """
    path = theme / "theme.json"
    if not path.is_file():
        return ThemeSettings()
    try:
        return ThemeSettings.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise UserError(f"{path}{f': `{place}`' if place else ''}: {first['msg']}") from None


def list_theme_files(theme: Path, folder: str = "") -> dict[str, Path]:
    """Return the files in a folder of a theme, by their path in that folder."""
    files: dict[str, Path] = {}
    for layer in reversed(list_layers(theme)):
        found = sorted(path for path in (layer / folder).rglob("*") if path.is_file())
        files |= {path.relative_to(layer / folder).as_posix(): path for path in found}
    return files


def make_translator(params: Params, theme: Path) -> "Translator":
    """Return the words of a theme in the gallery's language."""
    from artpipe.site.translation import Translator
    from artpipe.site.wall_texts import collect_acronyms

    return Translator(list_layers(theme), params.gallery.language, collect_acronyms(params))
