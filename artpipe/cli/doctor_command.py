"""`artpipe doctor`: what of this machine decides how a run goes."""

import typer

from artpipe.cli.command_classes import OptionalProjectCommand
from artpipe.cli.command_result import Json, show_result

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
    from artpipe.orchestration.doctor import examine_machine

    if show_result(examine_machine, as_json=as_json).has_problem:
        raise typer.Exit(1)
