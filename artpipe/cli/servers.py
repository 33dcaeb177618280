"""The commands that keep running (serve, ui, watch, deploy), and notify."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from artpipe.cli.command_classes import PrefectClientCommand, ServeCommand
from artpipe.errors import UserError
from artpipe.system.project_root import resolve_typed_path

BROWSER, UNATTENDED = "In a browser", "Unattended"
_ONE_PART = "With --only: "

server_commands = typer.Typer()


class ServedPart(StrEnum):
    """A part of `artpipe serve` that can be served alone."""

    SERVER = "server"
    GALLERY = "gallery"


@server_commands.command(
    cls=ServeCommand, rich_help_panel=BROWSER, short_help="Gallery, MLflow, Prefect and its schedule, until Ctrl-C."
)
def serve(
    *,
    only: Annotated[ServedPart | None, typer.Option(help="Prefect's server alone, or the gallery alone.")] = None,
    port: Annotated[
        int | None, typer.Option(min=0, max=65535, help=f"{_ONE_PART}4200 for the server, 8000 for the gallery.")
    ] = None,
    host: Annotated[
        str | None, typer.Option(help="With --only server: the address to listen at, 127.0.0.1 unless said.")
    ] = None,
    name: Annotated[
        list[str], typer.Option(help="With --only server: one more name that it answers to; `*.example.org` too.")
    ] = [],  # noqa: B006 (typer reads it)
    folder: Annotated[
        Path | None, typer.Option(help="With --only gallery: the gallery to show, the project's unless said.")
    ] = None,
) -> None:
    """Serve the gallery, MLflow, Prefect and its schedules on this machine.

    Until Ctrl-C; prefect.yaml has the schedules.
    """
    _require_matching_part(only, {"--port": port, "--host": host, "--name": name, "--folder": folder})
    if only == ServedPart.SERVER:
        from artpipe.orchestration.services.prefect_server import serve_prefect

        serve_prefect(host or "127.0.0.1", 4200 if port is None else port, name)
    elif only == ServedPart.GALLERY:
        from artpipe.orchestration.services.gallery_server import serve_gallery

        serve_gallery(resolve_typed_path(folder) if folder else Path("data/gallery"), 8000 if port is None else port)
    else:
        from artpipe.orchestration.services.serve import serve_project

        serve_project()


@server_commands.command(rich_help_panel=BROWSER, short_help="MLflow's pages of what was trained, until Ctrl-C.")
def ui(
    port: Annotated[int, typer.Option(min=0, max=65535, help="Another one is taken where this one is in use.")] = 5000,
) -> None:
    """Bring MLflow up to date and show its pages on this machine, until Ctrl-C."""
    from artpipe.orchestration.services.mlflow_ui import serve_mlflow

    raise typer.Exit(serve_mlflow(port))


@server_commands.command(rich_help_panel=UNATTENDED)
def watch(
    every: Annotated[float, typer.Option(min=0.1, help="Seconds between two looks.")] = 5.0,
) -> None:
    """Tell Prefect when a dataset has changed, so that its run begins.

    A dataset has changed when its files differ and hold still.
    """
    from artpipe.orchestration.deployment.dataset_watcher import watch_datasets

    raise typer.Exit(watch_datasets(every))


@server_commands.command(rich_help_panel=UNATTENDED)
def deploy() -> None:
    """Stay, and start the runs of what prefect.yaml deploys.

    On the server that PREFECT_API_URL names.
    """
    from artpipe.orchestration.deployment.serve_deployments import serve_deployments

    raise typer.Exit(serve_deployments())


@server_commands.command(rich_help_panel=UNATTENDED, cls=PrefectClientCommand)
def notify(
    url: Annotated[str, typer.Argument(metavar="URL", help="Of a webhook; it is posted JSON.")],
    name: Annotated[str, typer.Option(help="Of the automation; a second name makes a second one.")] = "artpipe",
    *,
    always: Annotated[bool, typer.Option("--always", help="When any run has ended, well or not.")] = False,
) -> None:
    """Have Prefect call a webhook when a run has failed."""
    from artpipe.orchestration.reporting.webhook import create_automation

    typer.echo(create_automation(url, name, always=always))


def _require_matching_part(only: ServedPart | None, options: dict[str, object]) -> None:
    """Raise if an option belongs to another part than the one served.

    Raises:
        UserError: the message says which part it belongs to.
    """
    parts_by_option = {"--port": set(ServedPart), "--host": {ServedPart.SERVER}, "--name": {ServedPart.SERVER}}
    for option, value in options.items():
        parts = parts_by_option.get(option, {ServedPart.GALLERY})
        if value not in (None, []) and only not in parts:
            choices = " or ".join(f"`--only {part}`" for part in ServedPart if part in parts)
            raise UserError(f"{option} is an option of one part: give {choices} too")
