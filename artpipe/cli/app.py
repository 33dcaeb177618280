"""The command line: what dvc.yaml and people call, under its headings."""

from pathlib import Path
from typing import Annotated

import typer

from artpipe import __version__
from artpipe.cli.catalogue_command import catalogue_commands
from artpipe.cli.command_classes import EXIT_CODES, HeadedGroup, require_project
from artpipe.cli.credentials_command import credentials_commands
from artpipe.cli.critique_command import critique_commands
from artpipe.cli.curate_command import curate_commands
from artpipe.cli.daily import DAILY, daily_commands
from artpipe.cli.datasets import dataset_commands
from artpipe.cli.doctor_command import doctor_commands
from artpipe.cli.export_command import export_commands
from artpipe.cli.forget import forget_commands
from artpipe.cli.help_command import help_commands
from artpipe.cli.inspect import LOOK, inspect_commands
from artpipe.cli.models import model_commands
from artpipe.cli.preset_commands import preset_commands
from artpipe.cli.publish_command import publish_commands
from artpipe.cli.sample_command import sample_commands
from artpipe.cli.servers import BROWSER, UNATTENDED, server_commands
from artpipe.cli.stages import STAGES, stage_commands

OWN = "Your own pictures"
HeadedGroup.headings = (DAILY, OWN, BROWSER, LOOK, UNATTENDED, STAGES)
HeadedGroup.names_only = frozenset({LOOK, UNATTENDED, STAGES})

_EPILOG = (
    """\
The usual three:
  artpipe run                                  bring everything up to date
  artpipe dataset add ~/pictures --name mine   a room of your own, then run again
  artpipe plan                                 what would run, why, and how long it takes

"""
    + EXIT_CODES
)

app = typer.Typer(
    name="artpipe",
    cls=HeadedGroup,
    help="From a dataset to a gallery, reproducibly.",
    epilog=_EPILOG,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
dataset = typer.Typer(
    cls=HeadedGroup, no_args_is_help=True, rich_markup_mode=None, help="Inspect, add, remove or watch a dataset."
)
dataset.registered_commands += dataset_commands.registered_commands
model = typer.Typer(
    cls=HeadedGroup, no_args_is_help=True, rich_markup_mode=None, help="List kinds of models, add or remove a model."
)
model.registered_commands += model_commands.registered_commands
for commands in (
    inspect_commands,
    sample_commands,
    export_commands,
    curate_commands,
    publish_commands,
    catalogue_commands,
    daily_commands,
    doctor_commands,
    critique_commands,
    credentials_commands,
    preset_commands,
    forget_commands,
    server_commands,
    stage_commands,
    help_commands,
):
    app.registered_commands += commands.registered_commands
app.add_typer(dataset, name="dataset", rich_help_panel=OWN)
app.add_typer(model, name="model", rich_help_panel=OWN)


def _show_version(*, is_wanted: bool) -> None:
    if is_wanted:
        typer.echo(f"artpipe {__version__}")
        raise typer.Exit


@app.callback()
def options(
    *,
    directory: Annotated[
        Path | None,
        typer.Option(
            "-C", metavar="DIR", help="Work in the project of this folder; paths stay those of where you are."
        ),
    ] = None,
    version: Annotated[
        bool, typer.Option("--version", help="Show artpipe's version and exit.", callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    """Find the project upwards from the current folder, as git and DVC do."""
    del version, directory  # read by ProjectCommand, when there is a command to run


require_project(app)
