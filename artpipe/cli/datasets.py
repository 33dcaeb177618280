"""The commands of `artpipe dataset`: inspect, add, remove, restore, watch."""

import contextlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from artpipe.cli.command_classes import OptionalProjectCommand
from artpipe.cli.command_result import CommandResult, Json, show_result
from artpipe.cli.servers import watch
from artpipe.system.project_root import require_typed_path

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from artpipe.config.params import About

dataset_commands = typer.Typer()
Name = Annotated[str, typer.Argument(metavar="NAME", help="As it stands in params.yaml.")]
Works = Annotated[Path, typer.Argument(help="A folder, a zip or tar archive, or one file of many texts.")]
Place = Annotated[Path, typer.Argument(help="As for inspect, or hf://OWNER/NAME of the Hugging Face Hub.")]
Medium = Annotated[str, typer.Option(help="What the works are: picture, text ...; the files tell it.")]
Classes = Annotated[str, typer.Option(help="What tells a class: folders, metadata, none; auto sees for itself.")]
Names = Annotated[
    str, typer.Option(help="Encoding of an archive's names and tables, such as gbk; guessed unless said.")
]
Encoding = Annotated[str, typer.Option(help="Of texts that are not UTF-8, such as gb18030; their bytes tell it.")]
Splits = Annotated[str, typer.Option(help="What becomes of train, validation and test folders: keep or ignore.")]


@dataset_commands.command("add")
def dataset_add(
    path: Place,
    name: Annotated[str, typer.Option(help="Lower-case letters, digits and `-`.")],
    models: Annotated[
        str | None, typer.Option(help="Model kinds, separated by commas; without it, those made for such works.")
    ] = None,
    medium: Medium = "",
    classes: Classes = "auto",
    splits: Splits = "keep",
    separator: Annotated[str, typer.Option(help=r"Between the works of one text file, such as '\n\n'.")] = "",
    names: Names = "",
    encoding: Encoding = "",
    voices: Annotated[int | None, typer.Option(min=0, max=8, help="Of a score, 4 unless said; 0: chords.")] = None,
    size: Annotated[int | None, typer.Option(min=8, max=1024, help="Side of the pictures in pixels.")] = None,
    title: Annotated[str, typer.Option(help="As it hangs over the room's door.")] = "",
    creator: Annotated[str, typer.Option(help="Who made the works.")] = "unknown",
    licence: Annotated[str, typer.Option(help="What may be done with them.")] = "unknown",
    origin: Annotated[str, typer.Option(help="Where they come from.")] = "unknown",
    *,
    plan: Annotated[bool, typer.Option(help="Say what will run, and the time and disk it takes.")] = True,
    as_json: Json = False,
) -> None:
    """Copy works in, track them and write their entries into params.yaml."""
    from artpipe.config.params import About
    from artpipe.config.safe_yaml import unescape

    given = About(title=title, creator=creator, licence=licence, origin=origin)
    kinds = None if models is None else [kind.strip() for kind in models.split(",") if kind.strip()]
    texts = {"separator": unescape(separator), "names": names, "encoding": encoding}
    ingest: dict[str, Any] = {key: value for key, value in texts.items() if value}
    ingest |= {} if voices is None else {"voices": voices}
    ingest |= {key: value for key, value in (("classes", classes), ("splits", splits)) if value not in {"auto", "keep"}}
    options = {"size": size, "kinds": kinds, "medium": medium, "ingest": ingest}
    show_result(lambda: _add_place(path, name, given, options), as_json=as_json)
    if plan and not as_json:  # `artpipe plan --json` is a document of its own
        _print_plan()


def _add_place(path: Path, name: str, given: "About", options: "Mapping[str, Any]") -> CommandResult:
    from artpipe.project.add_remove import add_dataset

    with _open_place(path, given) as (place, about):
        return add_dataset(place, name, about=about, **options)


def _print_plan() -> None:
    from artpipe.orchestration.scheduling.dvc_graph import read_graph
    from artpipe.project.plan import plan_project

    show_result(lambda: plan_project(lambda: read_graph(during_run=True)))


@contextlib.contextmanager
def _open_place(path: Path, about: "About") -> "Iterator[tuple[Path, About]]":
    """Yield where the works are, and what is known of them.

    For a dataset of the Hub that is what its card says.
    """
    from artpipe.project.hub_download import fetch_hub_dataset, parse_hub_address

    address = parse_hub_address(path)
    if address is None:
        yield require_typed_path(path), about
        return
    with fetch_hub_dataset(address) as dataset:
        known = {"licence": dataset.licence, "origin": dataset.origin}
        yield (
            dataset.folder,
            about.model_copy(
                update={field: text for field, text in known.items() if getattr(about, field) == "unknown"}
            ),
        )


@dataset_commands.command("inspect", cls=OptionalProjectCommand)
def dataset_inspect(
    path: Works,
    medium: Medium = "",
    classes: Classes = "auto",
    splits: Splits = "keep",
    names: Names = "",
    *,
    as_json: Json = False,
) -> None:
    """Say what a place of works is understood as; nothing is copied or changed.

    In a project or outside of one.
    """
    from artpipe.layout.input_files import resolve_hub_snapshot
    from artpipe.project.dataset_inspection import inspect_place

    ingest = {"classes": classes, "splits": splits, "names": names}
    place = resolve_hub_snapshot(require_typed_path(path))
    show_result(lambda: inspect_place(place, medium, ingest), as_json=as_json)


@dataset_commands.command("remove")
def dataset_remove(
    name: Name,
    *,
    keep_files: Annotated[bool, typer.Option("--keep-files", help="Leave datasets/NAME where it is.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: Json = False,
) -> None:
    """Take a dataset, its models and everything made from it away.

    Says first what of your own files goes, and asks; `artpipe dataset restore NAME` brings it back. With --json nobody is
    asked: without --yes it only says what would go.
    """
    import sys

    from artpipe.errors import UserError
    from artpipe.project.dataset_removal import plan_removal, remove_dataset

    if not yes:
        show_result(lambda: plan_removal(name, keep_files=keep_files), as_json=as_json)
        if as_json:
            return
        if not sys.stdin.isatty():
            raise UserError("nothing was removed: there is nobody to ask here; `--yes` removes it")
        if not typer.confirm("Remove it?"):
            typer.echo("nothing was removed")
            raise typer.Exit(1)
    show_result(lambda: remove_dataset(name, keep_files=keep_files), as_json=as_json)


@dataset_commands.command("restore")
def dataset_restore(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of a dataset that was removed.")],
    *,
    as_json: Json = False,
) -> None:
    """Bring a removed dataset back, its files from DVC's cache."""
    from artpipe.project.dataset_removal import restore_dataset

    show_result(lambda: restore_dataset(name), as_json=as_json)


dataset_commands.command("watch")(watch)
