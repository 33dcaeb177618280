"""`artpipe doctor`: what of this machine decides how a run goes."""

import typer

from artpipe.cli.command_classes import OptionalProjectCommand
from artpipe.cli.command_result import Json

doctor_commands = typer.Typer()


@doctor_commands.command(
    rich_help_panel="Every day", cls=OptionalProjectCommand, short_help="Look at this machine: versions, disk, ports."
)
def doctor(
    *,
    as_json: Json = False,
) -> None:
    """Look at versions, processor, GPU, disk, ports, git, DVC's remote, time zone.

    Each with a verdict and a remedy; the exit code is 1 if anything is a problem. In a project or outside of one.
    """
    from artpipe.orchestration.doctor import print_findings

    if not print_findings(as_json=as_json):
        raise typer.Exit(1)
