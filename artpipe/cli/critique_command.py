"""The command `artpipe critique`: what can be said of a visitor's own picture."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from artpipe.cli.command_classes import OptionalProjectCommand
from artpipe.cli.command_result import Json, show_result
from artpipe.errors import UserError, did_you_mean
from artpipe.system.output_file import PAGE, check_output
from artpipe.system.plain_text import to_printable
from artpipe.system.project_root import require_typed_path, resolve_typed_path

if TYPE_CHECKING:
    from artpipe.critique.critique_report import CritiqueReport

critique_commands = typer.Typer()


@critique_commands.command(
    rich_help_panel="Looking closer", cls=OptionalProjectCommand, short_help="Say what there is to say of a picture."
)
def critique(
    picture: Annotated[str, typer.Argument(metavar="PICTURE|FOLDER", help="A picture, or a folder of some.")],
    *,
    page: Annotated[Path | None, typer.Option(help="Write a page there, to read and to print (HTML).")] = None,
    as_json: Json = False,
    language: Annotated[
        str | None, typer.Option("--lang", help="en or zh; without it that of the project's gallery.")
    ] = None,
    max_megapixels: Annotated[float, typer.Option(min=0.001, help="Refuse larger pictures.")] = 64.0,
) -> None:
    """Say what there is to say of a picture, each sentence with its number.

    Palette, light and dark, lines, symmetry, sharpness; in a project also what its trained models see in it.
    """
    path, page = require_typed_path(Path(picture)), page and resolve_typed_path(page)
    _check_language(language)
    if page is not None:
        check_output(page, "--page", PAGE)
    show_result(
        lambda: _critique(path, page, language, max_megapixels), as_json=as_json, if_slow=f"looking at {picture}"
    )


def _critique(path: Path, page: Path | None, language: str | None, max_megapixels: float) -> "CritiqueReport":
    """Return the critique; say what was refused, and write the page."""
    from artpipe.critique.critique_pictures import critique_path
    from artpipe.critique.critique_report import CritiqueReport
    from artpipe.critique.project_models import ProjectModels

    models = ProjectModels.open(language)
    result = critique_path(path, models, max_megapixels)
    for refused in result.refused:
        line = f"{refused.name}: {refused.describe(models.language)}"
        sys.stderr.write(f"artpipe: {to_printable(line)}\n")
    if page is not None:
        _write_page(page, result, models.language)
    return CritiqueReport(result, models.language, page)


def _check_language(language: str | None) -> None:
    from artpipe.language.sentences import list_languages

    languages = list_languages()
    if language is not None and language not in languages:
        raise UserError(
            f"--lang {to_printable(language)}: there are {', '.join(languages)}{did_you_mean(language, languages)}"
        )


def _write_page(page: Path, result: object, language: str) -> None:
    from artpipe.critique.critique_page import render_page
    from artpipe.critique.critique_pictures import Critique
    from artpipe.system.atomic_files import write_text

    assert isinstance(result, Critique)  # noqa: S101 - for the type alone
    try:
        page.parent.mkdir(parents=True, exist_ok=True)
        write_text(page, render_page(result, language))
    except OSError as error:
        raise UserError(
            f"--page {to_printable(str(page))}: {error.strerror}; name a file that can be written"
        ) from None
