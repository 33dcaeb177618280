"""The command `artpipe export`: take a model or a dataset out."""

from pathlib import Path
from typing import Annotated

import typer

from artpipe.cli.inspect import LOOK, Name
from artpipe.system.plain_text import to_printable_lines
from artpipe.system.project_root import resolve_typed_path

export_commands = typer.Typer()


@export_commands.command(rich_help_panel=LOOK)
def export(
    name: Name,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Empty, or not there yet.")],
    to: Annotated[
        str,
        typer.Option(metavar="FORMAT", help="Of a model onnx, huggingface or mlflow; of a dataset imagefolder."),
    ],
) -> None:
    """Take a model or a dataset out, in a format of others.

    ONNX is checked by onnxruntime; what is written for Hugging Face runs without artpipe.
    """
    from artpipe.export.formats import export as write_export

    typer.echo(to_printable_lines(write_export(name, to, resolve_typed_path(folder))))
