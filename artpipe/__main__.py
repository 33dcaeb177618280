"""The command line: what dvc.yaml and people call. Heavy imports stay inside the command that needs them."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Annotated

import typer

from artpipe.cli.command_classes import HeadedGroup, require_project
from artpipe.cli.datasets import dataset_commands
from artpipe.cli.inspect import LOOK, looking
from artpipe.errors import ArtpipeError
from artpipe.system.plain_text import plain, plain_lines
from artpipe.system.project_root import typed_path
from artpipe.system.streams import give_up_output, open_streams

DAILY, OWN, STAGES = "Every day", "Your own pictures", "Stages, called by dvc.yaml"
HeadedGroup.headings = (DAILY, OWN, LOOK, STAGES)


_FULL = {errno.ENOSPC, errno.EDQUOT}  # goes on when there is room
_LIMITS = {errno.EFBIG, errno.EMFILE, errno.ENFILE, errno.EIO}  # of `ulimit`, of a file system, or a failing disk
_SURROUNDINGS = {*_FULL, *_LIMITS, errno.EROFS, errno.EACCES, errno.EPERM}  # no bug of ours: one line will do

_EPILOG = """\
The usual three:
  artpipe run                                  bring everything up to date
  artpipe dataset add ~/pictures --name mine   a room of your own, then run again
  artpipe plan                                 what would run, why, and how long it takes
"""

app = typer.Typer(
    name="artpipe",
    cls=HeadedGroup,
    help="From a dataset to a gallery, reproducibly.",
    epilog=_EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
dataset = typer.Typer(
    cls=HeadedGroup, no_args_is_help=True, rich_markup_mode=None, help="Inspect, add, remove or watch a dataset."
)
dataset.registered_commands += dataset_commands.registered_commands
model = typer.Typer(cls=HeadedGroup, no_args_is_help=True, rich_markup_mode=None, help="Add or remove a model.")
app.registered_commands += looking.registered_commands
app.add_typer(dataset, name="dataset", rich_help_panel=OWN)
app.add_typer(model, name="model", rich_help_panel=OWN)

Name = Annotated[str, typer.Argument(metavar="NAME", help="As it stands in params.yaml.")]
Part = Annotated[
    str, typer.Option(metavar="I/N", help="Beforehand, one part of the work, for another core or machine.")
]


@app.callback()
def options(
    *,
    directory: Annotated[
        Path | None,
        typer.Option(
            "-C", metavar="DIR", help="Work in the project of this folder; paths stay those of where you are."
        ),
    ] = None,
) -> None:
    """Find the project upwards from the current folder, as git and DVC do."""
    del directory  # read by ProjectCommand, when there is a command to run


@app.command(rich_help_panel=DAILY)
def check() -> None:
    """Validate params.yaml, the datasets and the folders before anything starts."""
    from artpipe.project.validation import check_project

    typer.echo(check_project())


@app.command(rich_help_panel=DAILY)
def run(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL|STAGE]...", help="Such as digits-gan, or the stage train@digits-gan."),
    ] = None,
) -> None:
    """Bring what is stale up to date, with all cores, and show it meanwhile: everything, or some models and the gallery."""
    from artpipe.cli.start_flow import run_flow

    run_flow([str(typed_path(Path(target))) if target.endswith(".dvc") else target for target in targets or []])


@app.command(rich_help_panel=DAILY)
def plan(*, as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False) -> None:
    """Say what would run, why, and the time and disk it will take."""
    from artpipe.orchestration.scheduling.dvc_graph import read_graph
    from artpipe.project.plan import tell_plan

    tell_plan(read_graph, as_json=as_json)


@app.command(rich_help_panel=DAILY)
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


@model.command("add")
def model_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits and `-`.")],
    kind: Annotated[str, typer.Option(help="A file of artpipe/models/.")],
    dataset: Annotated[str, typer.Option(help="What it learns from.")],
    parameter: Annotated[list[str], typer.Option("-P", "--parameter", metavar="KEY=VALUE")] = [],  # noqa: B006 (typer reads it)
) -> None:
    """Write a model's entry into params.yaml."""
    from artpipe.project.add_remove import add_model

    typer.echo(add_model(name, kind=kind, dataset=dataset, parameters=parameter))


@model.command("remove")
def model_remove(name: Name) -> None:
    """Take a model and everything made by it away."""
    from artpipe.project.add_remove import remove_model

    typer.echo(remove_model(name))


@app.command(rich_help_panel=STAGES)
def ingest(name: Name, part: Part = "") -> None:
    """Keep or quarantine every work of a dataset."""
    with _stage(f"ingest@{name}", part):
        from artpipe.config.params import load_params
        from artpipe.ingest import ingest_dataset, ingest_part
        from artpipe.system.file_tree import unchanged

        with unchanged(Path(load_params().dataset(name).path)):
            ingest_part(name, part) if part else ingest_dataset(name)


@app.command(rich_help_panel=STAGES)
def preprocess(name: Name, part: Part = "") -> None:
    """Turn the works of a dataset into tensors."""
    with _stage(f"preprocess@{name}", part):
        from artpipe.preprocess import preprocess_dataset, preprocess_part

        preprocess_part(name, part) if part else preprocess_dataset(name)


@app.command(rich_help_panel=STAGES)
def weights(name: Name) -> None:
    """Check and convert trained weights that measure pictures."""
    with _stage(f"weights@{name}"):
        from artpipe.weights import make_weights

        make_weights(name)


@app.command(rich_help_panel=STAGES)
def train(name: Name) -> None:
    """Train a model, or go on where its training was stopped."""
    from artpipe.system.processes import guardians

    ancestors = guardians()  # before torch is imported: they may end meanwhile
    with _stage(f"train@{name}"):
        from artpipe.train import train_model

        train_model(name, ancestors)


@app.command(rich_help_panel=STAGES)
def evaluate(name: Name) -> None:
    """Measure and judge a model."""
    with _stage(f"evaluate@{name}"):
        from artpipe.evaluate import evaluate_model

        evaluate_model(name)


@app.command(rich_help_panel=STAGES)
def gallery() -> None:
    """Hang everything."""
    with _stage("gallery"):
        from artpipe.gallery import build_gallery
        from artpipe.tracking.mlflow_sync import sync_after

        build_gallery()
        sync_after()


@contextmanager
def _stage(name: str, part: str = "") -> Iterator[None]:
    """Refuse a stage of other code than `code.yaml` says, without disk space, or that another process is at."""
    from artpipe.code.code_yaml import require_recorded_code
    from artpipe.project.stage_guard import alone
    from artpipe.system.terminal import spoken_plainly

    require_recorded_code(stage=name)
    with alone(name, part), spoken_plainly():
        yield


def _unexpected(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Show a traceback, as a terminal may have it and without passwords."""
    from traceback import format_exception

    sys.stderr.write(plain_lines("".join(format_exception(kind, error, trace))))


require_project(app)


def main() -> None:
    """Run the command line; an expected error is one line on stderr and its exit code."""
    sys.excepthook = _unexpected
    open_streams()
    try:
        app()
    except ArtpipeError as error:
        sys.stderr.write(f"artpipe: {plain_lines(str(error))}\n")
        sys.exit(error.exit_code)
    except OSError as error:
        if error.errno not in _SURROUNDINGS:
            raise
        sys.stderr.write(f"artpipe: {plain(str(error.filename or 'output'))}: {error.strerror}\n")
        give_up_output()
        sys.exit(75 if error.errno in _FULL else 1)


if __name__ == "__main__":
    main()
