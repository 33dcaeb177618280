"""The command `artpipe export`: take a model or a dataset out."""

from pathlib import Path
from typing import Annotated

import typer

from artpipe.cli.command_result import Json, show_result
from artpipe.cli.inspect import LOOK, Name
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
    *,
    as_json: Json = False,
) -> None:
    """Take a model or a dataset out, in a format of others.

    ONNX is checked by onnxruntime; what is written for Hugging Face runs without artpipe.
    """
    from artpipe.export.formats import export as write_export

    show_result(lambda: write_export(name, to, resolve_typed_path(folder)), as_json=as_json)
