"""The command `artpipe curate`: a page on which a person chooses what hangs."""

from pathlib import Path
from typing import Annotated

import typer

curate_commands = typer.Typer()


@curate_commands.command(
    rich_help_panel="In a browser", short_help="Pick, order, hide, name and breed works, until Ctrl-C."
)
def curate(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Another one is taken where this one is in use.")] = 8010,
) -> None:
    """Choose what hangs, on a page of this machine, until Ctrl-C.

    Decisions stand in curation.yaml, which is for git; `artpipe run` hangs the works as they say.
    """
    from artpipe.orchestration.services.curate_server import serve_curation

    serve_curation(Path(), port)
