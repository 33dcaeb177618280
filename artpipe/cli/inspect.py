"""The commands that look closer: runs, verify, lineage, card, compare, promote.

And `new` and `upgrade`.
"""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from artpipe.cli.command_classes import NoProjectCommand
from artpipe.cli.command_result import CommandResult, Json, show_result
from artpipe.errors import UserError
from artpipe.system.plain_text import to_printable_lines
from artpipe.system.project_root import resolve_typed_path

LOOK = "Looking closer"
Name = Annotated[str, typer.Argument(metavar="NAME", help="As it stands in params.yaml.")]

inspect_commands = typer.Typer()


@inspect_commands.command(rich_help_panel="Every day", cls=NoProjectCommand, short_help="Make a project of your own.")
def new(
    folder: Annotated[str, typer.Argument(metavar="DIR", help="Empty, or not there yet.")],
    starter: Annotated[str, typer.Option("--from", help="museum, pictures, texts or music.")] = "museum",
    *,
    as_json: Json = False,
) -> None:
    """Make a project of your own: parameters, graph, folders for datasets and plugins."""
    from artpipe.project.new_project import create_project

    if not folder:  # of a variable that is not set; as a path it would be this folder
        raise UserError("DIR is empty; name a folder, `.` for this one")
    show_result(lambda: create_project(resolve_typed_path(Path(folder)), starter), as_json=as_json)


@inspect_commands.command(rich_help_panel="Every day", short_help="Accept newly installed code.")
def upgrade(
    *,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would run again.")] = False,
    keep: Annotated[
        list[str], typer.Option(metavar="STAGE", help="Accept the result of a stage, such as train@digits-gan.")
    ] = [],  # noqa: B006 (typer reads it)
    as_json: Json = False,
) -> None:
    """Bring the project to the installed artpipe: names of parameters, code.yaml.

    Says what will run again, and its cost.
    """
    from artpipe.project.pinned_version import pin_installed_version
    from artpipe.project.upgrade import upgrade_project

    show_result(
        lambda: _PinnedUpgrade(upgrade_project(only_plan=plan, keep=keep), pin_installed_version(only_plan=plan)),
        as_json=as_json,
    )


class _PinnedUpgrade(NamedTuple):
    report: CommandResult
    pin: str

    def to_text(self) -> str:
        return "\n".join([self.report.to_text(), *([self.pin] if self.pin else [])])

    def to_json(self) -> dict[str, Any]:
        return {**self.report.to_json(), "pin": self.pin}


@inspect_commands.command(rich_help_panel=LOOK)
def runs(*, as_json: Json = False) -> None:
    """List what was trained here, by pipeline run, the newest first."""
    from artpipe.tracking.listing import RunList, list_runs

    show_result(lambda: RunList(list_runs()), as_json=as_json)


@inspect_commands.command(rich_help_panel=LOOK)
def dag(
    *,
    svg: Annotated[Path | None, typer.Option(metavar="FILE.svg", help="Write it as a picture instead.")] = None,
    as_json: Json = False,
) -> None:
    """Show the graph of stages, the stale ones marked; as text or as a picture."""
    from functools import partial

    from artpipe.orchestration.scheduling.dvc_graph import read_graph
    from artpipe.project.stage_dag import read_dag

    picture = svg and resolve_typed_path(svg)
    show_result(lambda: read_dag(partial(read_graph, during_run=True), picture), as_json=as_json)


@inspect_commands.command(rich_help_panel=LOOK)
def verify(
    *,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be mended.")] = False,
    as_json: Json = False,
) -> None:
    """Read everything, DVC's cache too, and say what is damaged and how to mend it.

    The exit code is 1 if anything is.
    """
    from artpipe.storage import verify as verification

    if not show_result(lambda: verification.verify(repair=repair), as_json=as_json).whole:
        raise typer.Exit(1)


@inspect_commands.command(rich_help_panel=LOOK)
def lineage(
    query: Annotated[
        str, typer.Argument(metavar="WORK|FILE", help="A work's id or page, a picture, a checkpoint, a model, a hash.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Say what a work or file comes from: run, checkpoint, data, commit, parameters."""
    from artpipe.tracking.lineage_trace import trace_lineage
    from artpipe.tracking.listing import LineageAnswer

    file = resolve_typed_path(Path(query))
    show_result(lambda: LineageAnswer(trace_lineage(str(file) if file.exists() else query)), as_json=as_json)


@inspect_commands.command(rich_help_panel=LOOK)
def card(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of a model or a dataset.")],
    to: Annotated[
        Path | None, typer.Option(metavar="FILE|DIR", help="Write it there, in a folder as README.md.")
    ] = None,
    *,
    croissant: Annotated[bool, typer.Option("--croissant", help="A dataset's Croissant JSON-LD instead.")] = False,
    as_json: Json = False,
) -> None:
    """Write a model's or dataset's card for the Hub, of its artifacts alone."""
    from artpipe.publishing.write_card import write_card

    to = to and resolve_typed_path(to)
    show_result(lambda: write_card(name, to, croissant=croissant), as_json=as_json)


@inspect_commands.command(rich_help_panel=LOOK)
def compare(
    first: Annotated[str, typer.Argument(metavar="A", help="A model; MODEL@champion or MODEL@REVISION of git.")],
    second: Annotated[str, typer.Argument(metavar="B", help="Likewise.")],
    *,
    samples: Annotated[int, typer.Option(min=0, help="Works of each from the same seeds.")] = 8,
    seed: Annotated[int, typer.Option(min=0, help="Of the first of them.")] = 1,
    page: Annotated[Path | None, typer.Option(metavar="FILE.html", help="Write a page with the works.")] = None,
    as_json: Json = False,
) -> None:
    """Put two models side by side: parameters, scores with intervals, works.

    Scores of different extractors, sizes, works or counts are not compared.
    """
    from artpipe.tracking import model_comparison

    comparison = show_result(
        lambda: model_comparison.compare_models(first, second, samples=samples, seed=seed), as_json=as_json
    )
    if page is not None:
        typer.echo(to_printable_lines(model_comparison.write_page(comparison, resolve_typed_path(page))), err=as_json)


@inspect_commands.command(rich_help_panel=LOOK)
def promote(
    model: Annotated[
        str | None, typer.Argument(metavar="[MODEL]", help="All of params.yaml in turn without it.")
    ] = None,
    *,
    force: Annotated[
        bool, typer.Option("--force", help="Whatever the numbers say; fair or good it has to be.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Make a checkpoint the champion of its dataset and kind, if it is better.

    Better is: by more than the spread.
    """
    from artpipe.tracking import promotion

    if model is None and force:
        raise UserError("--force wants a MODEL")

    show_result(
        lambda: promotion.promote_all() if model is None else promotion.promote(model, force=force), as_json=as_json
    )


@inspect_commands.command(rich_help_panel=LOOK)
def rollback(
    dataset: Annotated[str, typer.Argument(metavar="DATASET")],
    kind: Annotated[str, typer.Argument(metavar="KIND", help="Such as gan.")],
    *,
    as_json: Json = False,
) -> None:
    """Give the champion before back its place."""
    from artpipe.tracking import promotion

    show_result(lambda: promotion.rollback(dataset, kind), as_json=as_json)


@inspect_commands.command("sync", rich_help_panel=LOOK)
def sync_mlflow(
    *,
    follow: Annotated[
        bool, typer.Option("--follow", help="Show the trainings while they run; a training starts it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Bring MLflow up to date with the run records."""
    if follow and as_json:
        raise UserError("--json says what was brought over, and --follow goes on; give one of them")
    if follow:
        from artpipe.tracking.follower import follow_trainings

        follow_trainings()
        return
    from artpipe.tracking.mlflow_sync import sync

    show_result(sync, as_json=as_json)
