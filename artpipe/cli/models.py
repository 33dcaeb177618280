"""The commands of `artpipe model`: list, add, remove."""

from typing import Annotated

import typer

from artpipe.cli.command_classes import OptionalProjectCommand

Name = Annotated[str, typer.Argument(metavar="NAME", help="As it stands in params.yaml.")]

model_commands = typer.Typer()


@model_commands.command("list", cls=OptionalProjectCommand)
def model_list(
    *,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List the kinds of models: what they are, made from which works, and whose."""
    import json

    from artpipe.project.kind_list import describe_kinds, list_kinds
    from artpipe.system.plain_text import to_printable_lines

    if as_json:
        typer.echo(json.dumps([kind._asdict() for kind in list_kinds()], indent=2))
    else:
        typer.echo(to_printable_lines(describe_kinds()))


@model_commands.command("add")
def model_add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Lower-case letters, digits and `-`.")],
    kind: Annotated[str, typer.Option(help="Such as gan; `artpipe model list` names them.")],
    dataset: Annotated[str, typer.Option(help="What it learns from.")],
    parameter: Annotated[list[str], typer.Option("-P", "--parameter", metavar="KEY=VALUE")] = [],  # noqa: B006 (typer reads it)
) -> None:
    """Write a model's entry into params.yaml."""
    from artpipe.project.add_remove import add_model

    typer.echo(add_model(name, kind=kind, dataset=dataset, parameters=parameter))


@model_commands.command("remove")
def model_remove(name: Name) -> None:
    """Take a model and everything made by it away."""
    from artpipe.project.add_remove import remove_model

    typer.echo(remove_model(name))
