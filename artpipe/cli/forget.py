"""`artpipe forget`: take a work out of everything, and leave a tombstone."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from artpipe.cli.command_result import Json, show_result
from artpipe.cli.inspect import LOOK
from artpipe.errors import UserError
from artpipe.system.project_root import is_file, resolve_typed_path

forget_commands = typer.Typer()


@forget_commands.command(rich_help_panel=LOOK, short_help="Say what works have left, and forget them.")
def forget(
    work: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WORK|FILE]...", help="Pictures' files, beginnings of hashes, names or titles."),
    ] = None,
    creator: Annotated[str, typer.Option(metavar="NAME", help="All works of this creator instead.")] = "",
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Forget; without this it is only told.")] = False,
    exact: Annotated[bool, typer.Option("--exact", help="Leave near duplicates where they are.")] = False,
    near: Annotated[
        bool, typer.Option("--near", help="Keep near copies out too: the tombstone gets a hash of the look.")
    ] = False,
    list_all: Annotated[bool, typer.Option("--list", help="Say what was withdrawn.")] = False,
    undo: Annotated[str, typer.Option(metavar="HASH", help="Let a withdrawn work come in again.")] = "",
    as_json: Json = False,
) -> None:
    """Say which datasets, models, pages and champions have something of works.

    With --yes they leave all of them. A tombstone of each stays: its hash (of the bytes, and of the pixels for lossless copies) and
    the date, nothing else. With --near it has a hash of the look too, so that no near copy comes in.
    """
    from artpipe.project.forgetting import forget_command

    if sum(map(bool, (work or creator, list_all, undo))) > 1:
        raise UserError("one of WORK, --creator, --list and --undo at a time")
    if list_all:
        show_result(forget_command.list_tombstones, as_json=as_json)
        return
    if yes or undo:
        from artpipe.orchestration.run_activity import require_no_run

        require_no_run()
    if undo:
        show_result(lambda: forget_command.undo_forgetting(undo), as_json=as_json)
        return
    if exact and near:
        raise UserError("one of --exact and --near at a time: the very bytes, or near copies too")
    find = partial(forget_command.forget, creator=creator, exact=exact, near=near, yes=yes)
    show_result(lambda: find(_find_files(work or ())), as_json=as_json, if_slow="looking through the works")


def _find_files(texts: Sequence[str]) -> list[str]:
    """Return what was typed, files as they are found from where it was typed."""
    files = [(text, resolve_typed_path(Path(text))) for text in texts]
    return [str(file) if text and is_file(file) else text for text, file in files]
