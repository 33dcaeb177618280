"""What the command line is made of: help under headings, and commands that work in the project's root wherever they are typed."""

from pathlib import Path
from typing import Any, ClassVar

import typer
from typer.core import TyperCommand, TyperGroup

from artpipe.system.home_folders import provide_home, require_nameable_folder
from artpipe.system.project_root import entered_project, nearest_root


class HeadedGroup(TyperGroup):
    """Help with the commands under headings, drawn without rich, whose import alone takes longer than the rest."""

    headings: ClassVar[tuple[str, ...]] = ()  # in their order

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write one block per heading, in the order of `headings`, others after them."""
        blocks: dict[str, list[tuple[str, str]]] = {}
        for name in self.list_commands(ctx):
            command: Any = self.get_command(ctx, name)
            heading = getattr(command, "rich_help_panel", None)
            heading = heading if isinstance(heading, str) else "Commands"
            blocks.setdefault(heading, []).append((typer.style(name, fg="cyan"), command.get_short_help_str(90)))
        order = {heading: place for place, heading in enumerate(self.headings)}
        for heading, rows in sorted(blocks.items(), key=lambda block: order.get(block[0], len(order))):
            with formatter.section(typer.style(heading, bold=True)):
                formatter.write_dl(rows, col_max=40)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """Write the epilog as it stands, line by line."""
        del ctx
        if self.epilog:
            formatter.write_paragraph()
            formatter.write(self.epilog)


class ProjectCommand(TyperCommand):
    """A command of a project: it runs in the root, found upwards from where it was typed or from `-C DIR`."""

    def invoke(self, ctx: Any) -> Any:
        """Enter the root, then run; help and mistakes in arguments need no project.

        Raises:
            UserError: there is no project.
        """
        named = ctx.find_root().params.get("directory")
        require_nameable_folder()
        with entered_project(None if named is None else Path(named)):
            require_nameable_folder()
            provide_home()
            return super().invoke(ctx)


class AnywhereCommand(TyperCommand):
    """A command that works in a project where one is, and without one elsewhere."""

    def invoke(self, ctx: Any) -> Any:
        """Enter the root of the project around, if there is one, then run."""
        require_nameable_folder()
        named = ctx.find_root().params.get("directory")
        if named is None and nearest_root() is None:
            return super().invoke(ctx)
        with entered_project(None if named is None else Path(named)):
            return super().invoke(ctx)


class FreeCommand(TyperCommand):
    """A command that needs no project."""


def require_project(app: typer.Typer) -> None:
    """Make every command of `app` and its groups one of a project, except those with a class of their own."""
    for command in app.registered_commands:
        if command.cls is TyperCommand:
            command.cls = ProjectCommand
    for group in app.registered_groups:
        if group.typer_instance is not None:
            require_project(group.typer_instance)
