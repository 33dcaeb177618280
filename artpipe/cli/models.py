"""The commands of `artpipe model`: list, add, remove."""

from typing import Annotated

import typer

from artpipe.cli.command_classes import OptionalProjectCommand
from artpipe.cli.command_result import Json, show_result

Name = Annotated[str, typer.Argument(metavar="NAME", help="As it stands in params.yaml.")]

model_commands = typer.Typer()


@model_commands.command("list", cls=OptionalProjectCommand)
def model_list(
    *,
    as_json: Json = False,
) -> None:
    """List the kinds of models: what they are, made from which works, and whose."""
    from artpipe.project.kind_list import KindList, list_kinds

    show_result(lambda: KindList(list_kinds()), as_json=as_json)


@model_commands.command("add")
def model_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits and `-`.")],
    kind: Annotated[str, typer.Option(help="Such as gan; `artpipe model list` names them.")],
    dataset: Annotated[str, typer.Option(help="What it learns from.")],
    parameter: Annotated[list[str], typer.Option("-P", "--parameter", metavar="KEY=VALUE")] = [],  # noqa: B006 (typer reads it)
    *,
    as_json: Json = False,
) -> None:
    """Write a model's entry into params.yaml."""
    from artpipe.project.add_remove import add_model

    show_result(lambda: add_model(name, kind=kind, dataset=dataset, parameters=parameter), as_json=as_json)


@model_commands.command("remove")
def model_remove(name: Name, *, as_json: Json = False) -> None:
    """Take a model and everything made by it away."""
    from artpipe.project.add_remove import remove_model

    show_result(lambda: remove_model(name), as_json=as_json)
