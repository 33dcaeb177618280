"""The command `artpipe publish`: a checked copy of the gallery, to be put online."""

from pathlib import Path
from typing import Annotated

import typer

from artpipe.cli.command_result import Json, show_result
from artpipe.errors import UserError, did_you_mean
from artpipe.system.plain_text import to_printable
from artpipe.system.project_root import resolve_typed_path

publish_commands = typer.Typer()


@publish_commands.command(rich_help_panel="In a browser")
def publish(
    folder: Annotated[str, typer.Argument(metavar="FOLDER", help="Empty, not there yet, or with an earlier copy.")],
    base_url: Annotated[
        str | None, typer.Option(metavar="URL", help="Where it will stand; `gallery.base_url` without it.")
    ] = None,
    accept: Annotated[
        list[str],
        typer.Option(metavar="CHECK", help="Only tell what it finds: private, links, drafts, licences or labels."),
    ] = [],  # noqa: B006 (typer reads it)
    *,
    as_json: Json = False,
) -> None:
    """Write a checked copy of the gallery, to be put online or on a stick.

    A line for each fault, and then nothing is written: links, licences, labels, drafts, traces of this machine.
    """
    from artpipe.project.publish_gallery import publish_gallery
    from artpipe.site_check.checks import CHECK_NAMES

    if not folder:  # of a variable that is not set; as a path it would be this folder
        raise UserError("FOLDER is empty; name a folder that is empty, or not there yet")
    for name in accept:
        if name not in CHECK_NAMES:
            known = ", ".join(CHECK_NAMES)
            raise UserError(f"--accept {to_printable(name)}: the checks are {known}{did_you_mean(name, CHECK_NAMES)}")
    show_result(lambda: publish_gallery(resolve_typed_path(Path(folder)), base_url, accept), as_json=as_json)
