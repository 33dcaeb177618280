"""The commands of every day: validate, run, plan, free disk."""

from pathlib import Path
from typing import Annotated

import typer

from artpipe.system.plain_text import plain_lines
from artpipe.system.project_root import typed_path

DAILY = "Every day"
daily_commands = typer.Typer()


@daily_commands.command(rich_help_panel=DAILY)
def check() -> None:
    """Validate params.yaml, the datasets and the folders before anything starts."""
    from artpipe.project.validation import check_project

    typer.echo(check_project())


@daily_commands.command(rich_help_panel=DAILY)
def run(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL|STAGE]...", help="Such as digits-gan, or the stage train@digits-gan."),
    ] = None,
) -> None:
    """Bring what is stale up to date, with all cores, and show it meanwhile: everything, or some models and the gallery."""
    from artpipe.cli.start_flow import run_flow

    run_flow([str(typed_path(Path(target))) if target.endswith(".dvc") else target for target in targets or []])


@daily_commands.command(rich_help_panel=DAILY)
def plan(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Say what would run, why, and the time and disk it will take."""
    from artpipe.orchestration.scheduling.dvc_graph import read_graph
    from artpipe.project.plan import tell_plan

    tell_plan(read_graph, as_json=as_json)


@daily_commands.command(rich_help_panel=DAILY)
def gc(
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Free it; without this it is only told.")] = False,
    history: Annotated[
        bool, typer.Option("--history", help="Keep what any commit needs, not the newest only.")
    ] = False,
    days: Annotated[float, typer.Option(min=0, help="The age from which a stopped training goes.")] = 7,
) -> None:
    """Say what disk could be freed; nothing that a branch, tag, stash, experiment or champion needs."""
    from artpipe.storage.gc import collect

    typer.echo(plain_lines(collect(yes=yes, history=history, days=days)))
