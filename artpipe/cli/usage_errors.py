"""Say a mistake in what was typed in one line, with the nearest name."""

import contextlib
from collections.abc import Collection, Iterator
from typing import Any

import typer

from artpipe.errors import UserError, did_you_mean

_USAGE_ERROR: Any = typer.BadParameter.__base__  # typer's own or click's, by the version of typer


def require_command(ctx: Any, name: str, names: Collection[str]) -> None:
    """Raise if a group has no command of that name.

    Raises:
        UserError: with the nearest name, and how to see all.
    """
    if name not in names:
        group = ctx.command_path.partition(" ")[2]
        command = f"{group} {name}".strip()
        help_arguments = f"help {group}" if group else "help all"
        raise UserError(
            f"there is no command `{command}`{did_you_mean(name, names)}; `artpipe {help_arguments}` shows all"
        )


@contextlib.contextmanager
def one_line_usage_errors() -> Iterator[None]:
    """Raise what the parser of the command line finds wrong as an error of one line.

    Raises:
        UserError: what is wrong, and how to see what the command takes.
    """
    try:
        yield
    except _USAGE_ERROR as error:
        raise UserError(_describe(error)) from None


def _describe(error: Any) -> str:
    if error.ctx is None:
        return str(error.format_message())
    path, option = error.ctx.command_path, getattr(error, "option_name", None)
    general_options = _metavars_by_option(error.ctx.find_root())
    if option is None:
        message = " ".join(error.format_message().split()).rstrip(".")
    elif option in general_options:
        command = f"artpipe {option} {general_options[option]} {path.partition(' ')[2]}"
        return f"`{path}` has no option `{option}`: it stands before the command, `{command}`"
    else:
        message = f"`{path}` has no option `{option}`{did_you_mean(option, _metavars_by_option(error.ctx))}"
    return f"{message}; `{path} -h` shows what it takes"


def _metavars_by_option(ctx: Any) -> dict[str, str]:
    return {name: param.metavar for param in ctx.command.get_params(ctx) for name in param.opts if name[0] == "-"}
