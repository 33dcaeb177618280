"""`artpipe help`: the page of a command, or of all commands with what each does."""

from typing import Annotated, Any

import typer

from artpipe.cli.command_classes import ALL_COMMANDS, NoProjectCommand
from artpipe.cli.usage_errors import require_command

help_commands = typer.Typer()


@help_commands.command("help", cls=NoProjectCommand, hidden=True)
def show_help(
    ctx: typer.Context,
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[all|COMMAND]...", help="Such as run, or dataset add.")
    ] = None,
) -> None:
    """Show what a command does, or with `all` every command."""
    page: Any = ctx.find_root()
    page.meta[ALL_COMMANDS] = words == ["all"]
    for word in [] if words == ["all"] else words or []:
        commands = page.command.list_commands(page) if hasattr(page.command, "list_commands") else []
        require_command(page, word, commands)
        page = type(page)(page.command.get_command(page, word), info_name=word, parent=page)
    typer.echo(page.get_help())
