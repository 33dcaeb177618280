"""The command `artpipe credentials`: is a file as it was signed, and by whom."""

from pathlib import Path
from typing import Annotated

import typer

from artpipe.cli.command_classes import OptionalProjectCommand
from artpipe.cli.command_result import Json, show_result
from artpipe.cli.inspect import LOOK
from artpipe.errors import UserError
from artpipe.system.project_root import find_root_or_none, require_typed_path

credentials_commands = typer.Typer()


@credentials_commands.command(
    rich_help_panel=LOOK, cls=OptionalProjectCommand, short_help="Verify the content credentials of a file, offline."
)
def credentials(
    file: Annotated[str, typer.Argument(metavar="FILE|FOLDER", help="A picture, film or sound, or a folder of some.")],
    *,
    certificates: Annotated[
        Path | None, typer.Option(metavar="FILE.pem", help="Trust these instead of the project's own.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say whether a signed file (C2PA) is whole, changed or foreign, or unsigned.

    Nothing is asked of the network. The exit code is 0 where all that is signed is whole, 1 where a file is changed,
    foreign or none is signed, 2 where one cannot be read.
    """
    from artpipe.credentials.native_context import is_installed

    path = require_typed_path(Path(file))
    if not is_installed():
        raise UserError("c2pa-python is not installed; `pip install c2pa-python cryptography` brings what verifies")
    from artpipe.credentials.check_report import CredentialReport, check_path, choose_exit_code, read_trusted
    from artpipe.credentials.signing_identity import find_certificates

    root = find_root_or_none()
    trusted = (
        read_trusted(require_typed_path(certificates)) if certificates else find_certificates(root) if root else b""
    )
    report = show_result(lambda: CredentialReport(check_path(path, trusted), _find_language(root)), as_json=as_json)
    if code := choose_exit_code(report.files):
        raise typer.Exit(code)


def _find_language(root: Path | None) -> str:
    """Return the language of the project's gallery, English without one."""
    from artpipe.config.params import load_params

    try:
        return load_params(root / "params.yaml").gallery.language if root else "en"
    except UserError:  # a file can be verified all the same
        return "en"
