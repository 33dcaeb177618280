"""Classes of commands: help under headings, and commands run in a project's root."""

import contextlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from artpipe.cli.plugin_faults import report_plugin_faults
from artpipe.cli.usage_errors import one_line_usage_errors, require_command
from artpipe.errors import UserError
from artpipe.system.home_folders import provide_home, require_nameable_folder
from artpipe.system.project_root import enter_project, find_root_or_none, require_folder

EXIT_CODES = "Exit codes: 0 done, 1 failed, 2 a mistake of yours, 75 try again later, 128 + N ended by signal N.\n"
ALL_COMMANDS = "artpipe.all_commands"  # key in a context's meta: describe every command


class HeadedGroup(TyperGroup):
    """A group whose help has its commands under headings.

    It is drawn without rich, whose import alone takes longer than the rest.
    """

    headings: ClassVar[tuple[str, ...]] = ()  # in their order
    names_only: ClassVar[frozenset[str]] = frozenset()  # headings whose commands are listed by name, see ALL_COMMANDS

    def make_context(self, *args: Any, **options: Any) -> Any:
        """Parse what was typed for the group; see `one_line_usage_errors`."""
        with one_line_usage_errors():
            return super().make_context(*args, **options)

    def invoke(self, ctx: Any) -> Any:
        """Parse what was typed for a command and run it; see `one_line_usage_errors`."""
        with one_line_usage_errors():
            return super().invoke(ctx)

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Show the help where nothing was typed, which is a mistake all the same."""
        if not args and self.no_args_is_help and not ctx.resilient_parsing:  # of a shell that completes
            typer.echo(ctx.get_help(), err=True)
            ctx.exit(UserError.exit_code)
        return list(super().parse_args(ctx, args))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the command that was typed.

        Raises:
            UserError: there is none of that name.
        """
        require_command(ctx, args[0], self.list_commands(ctx))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one block per heading, then a line each for those with names only."""
        blocks: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            if command.hidden:
                continue
            heading = getattr(command, "rich_help_panel", None)
            heading = heading if isinstance(heading, str) else "Commands"
            blocks.setdefault(heading, []).append((name, command.get_short_help_str(90)))
        order = {heading: position for position, heading in enumerate(self.headings)}
        brief_headings = frozenset() if ctx.meta.get(ALL_COMMANDS) else self.names_only
        names = []
        for heading, rows in sorted(blocks.items(), key=lambda block: order.get(block[0], len(order))):
            if heading in brief_headings:
                names.append((heading, ", ".join(name for name, _ in rows)))
                continue
            with formatter.section(typer.style(heading, bold=True)):
                formatter.write_dl([(typer.style(name, fg="cyan"), text) for name, text in rows], col_max=40)
        if names:
            with formatter.section(typer.style("More (`artpipe help all` says what each does)", bold=True)):
                for heading, commands in names:
                    formatter.write_text(f"{heading}: {commands}")

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the epilog as it stands, line by line."""
        del ctx
        if self.epilog:
            formatter.write_paragraph()
            formatter.write(self.epilog)


class ExitCodesCommand(TyperCommand):
    """A command whose help ends with the exit codes."""

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the exit codes, which are the same for all commands."""
        del ctx
        formatter.write_paragraph()
        formatter.write(EXIT_CODES)


class ProjectCommand(ExitCodesCommand):
    """A command that runs in the root of a project.

    The root is found upwards from where the command was typed, or from `-C DIR`.
    """

    def invoke(self, ctx: Any) -> Any:
        """Enter the root, then run; help needs no project.

        Raises:
            UserError: there is no project.
        """
        directory = ctx.find_root().params.get("directory")
        require_nameable_folder()
        if directory is None and not self.needs_project(ctx.params) and find_root_or_none() is None:
            return super().invoke(ctx)
        with enter_project(None if directory is None else Path(directory)):
            require_nameable_folder()
            provide_home()
            with report_plugin_faults():
                return super().invoke(ctx)

    def needs_project(self, params: Mapping[str, Any]) -> bool:
        """Return whether the command needs a project with these arguments.

        One that is there is entered anyway.
        """
        del params
        return True


class PrefectClientCommand(ProjectCommand):
    """A command that talks to Prefect only.

    Prefect's home is in the project unless PREFECT_HOME names it.
    """

    def needs_project(self, params: Mapping[str, Any]) -> bool:
        """Return whether Prefect's home is in the project."""
        del params
        return "PREFECT_HOME" not in os.environ


class ServeCommand(PrefectClientCommand):
    """`artpipe serve`: some parts of it can do without a project."""

    def needs_project(self, params: Mapping[str, Any]) -> bool:
        """Return whether the part that is served is in the project."""
        if params.get("only") == "server":
            return super().needs_project(params)
        return params.get("only") != "gallery" or params.get("folder") is None


class OptionalProjectCommand(ProjectCommand):
    """A command that works inside a project and outside of one."""

    def needs_project(self, params: Mapping[str, Any]) -> bool:
        """Return that it does not."""
        del params
        return False


class NoProjectCommand(ExitCodesCommand):
    """A command that needs no project; it runs in `-C DIR`, where that is given."""

    def invoke(self, ctx: Any) -> Any:
        """Enter the folder, then run.

        Raises:
            UserError: there is no such folder.
        """
        directory = ctx.find_root().params.get("directory")
        if directory is None:
            return super().invoke(ctx)
        with contextlib.chdir(require_folder(Path(directory))):
            return super().invoke(ctx)


def require_project(app: typer.Typer) -> None:
    """Make the commands of `app` project commands, unless they have another class."""
    for command in app.registered_commands:
        if command.cls is TyperCommand:
            command.cls = ProjectCommand
    for group in app.registered_groups:
        if group.typer_instance is not None:
            require_project(group.typer_instance)
