"""The command `artpipe catalogue`: the gallery as a book, in a PDF."""

from pathlib import Path
from typing import Annotated

import typer

from artpipe.cli.command_result import Json, show_result
from artpipe.errors import UserError
from artpipe.system.project_root import resolve_typed_path

catalogue_commands = typer.Typer()


@catalogue_commands.command(rich_help_panel="In a browser")
def catalogue(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="The PDF; one that is there is replaced.")
    ] = "catalogue.pdf",
    *,
    as_json: Json = False,
) -> None:
    """Print the catalogue of the gallery into a PDF.

    Title page, contents, plates, indices, licences; the same page stands in the gallery. Needs Chromium.
    """
    from artpipe.project.print_catalogue import print_catalogue

    if not file:
        raise UserError("FILE is empty; name a file such as catalogue.pdf")
    show_result(lambda: print_catalogue(resolve_typed_path(Path(file))), as_json=as_json)
