"""The command `artpipe preset`: other budgets over params.yaml, and back."""

from typing import Annotated

import typer

from artpipe.cli.command_result import Json, show_result
from artpipe.errors import UserError

preset_commands = typer.Typer()


@preset_commands.command(rich_help_panel="Every day", short_help="Larger budgets, or your own, and back again.")
def preset(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="long, gpu, default, or one of presets/; all without it.")
    ] = None,
    *,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would change, and its cost.")] = False,
    as_json: Json = False,
) -> None:
    """Lay a preset over params.yaml, or take it off with `default`.

    Says what changed and what it will take; without NAME, which presets there are.
    """
    from artpipe.project.preset_switch import PresetChange, find_presets, set_preset

    if name is None:
        if plan:
            raise UserError("--plan wants a NAME; `artpipe preset` lists them")
        show_result(find_presets, as_json=as_json)
        return
    from artpipe.orchestration.scheduling.dvc_graph import read_graph
    from artpipe.project.plan import describe_total, make_measured_plan
    from artpipe.project.presets import plan_switch
    from artpipe.project.validation import check_project

    check_project()
    change = PresetChange(plan_switch(name), written=False)
    show_result((lambda: change) if plan else (lambda: set_preset(name)), as_json=as_json)
    if as_json:  # its cost is a document of its own: `artpipe plan --json`, beforehand with --preset NAME
        return
    text = change.switch.text if plan else None
    typer.echo(describe_total(make_measured_plan(read_graph(params_text=text), text)))
    if plan:
        typer.echo("nothing was written")
