"""The command `artpipe preset`: other budgets over params.yaml, and back."""

from typing import Annotated

import typer

from artpipe.errors import UserError
from artpipe.system.plain_text import to_printable_lines

preset_commands = typer.Typer()


@preset_commands.command(rich_help_panel="Every day", short_help="Larger budgets, or your own, and back again.")
def preset(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="long, gpu, default, or one of presets/; all without it.")
    ] = None,
    *,
    plan: Annotated[bool, typer.Option("--plan", help="Only say what would change, and its cost.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs, without NAME.")] = False,
) -> None:
    """Lay a preset over params.yaml, or take it off with `default`.

    Says what changed and what it will take; without NAME, which presets there are.
    """
    from artpipe.project.preset_switch import describe_presets, describe_switch, list_presets_json, set_preset

    if name is None:
        if plan:
            raise UserError("--plan wants a NAME; `artpipe preset` lists them")
        typer.echo(list_presets_json() if as_json else to_printable_lines(describe_presets()))
        return
    if as_json:
        raise UserError("--json lists the presets, without a NAME; `artpipe plan --preset NAME --json` tells of one")
    from artpipe.orchestration.scheduling.dvc_graph import read_graph
    from artpipe.project.plan import describe_total, make_measured_plan
    from artpipe.project.presets import plan_switch
    from artpipe.project.validation import check_project

    check_project()
    if not plan:
        typer.echo(to_printable_lines(set_preset(name)))
        typer.echo(describe_total(make_measured_plan(read_graph())))
        return
    switch = plan_switch(name)
    typer.echo(to_printable_lines(describe_switch(switch)))
    total = describe_total(make_measured_plan(read_graph(params_text=switch.text), switch.text))
    typer.echo(f"{total}\nnothing was written")
