"""The commands of every day: check, run, plan, status, gc."""

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import typer

from artpipe.cli.command_result import Json, show_result
from artpipe.system.project_root import resolve_typed_path

DAILY = "Every day"
daily_commands = typer.Typer()


@daily_commands.command(rich_help_panel=DAILY, short_help="Look for mistakes before anything starts.")
def check(
    *,
    as_json: Json = False,
) -> None:
    """Validate params.yaml, datasets, presets and folders before anything starts."""
    checked = show_result(_check_all, as_json=as_json)
    if checked.note and not as_json:
        typer.echo(f"note: {checked.note}", err=True)


class _CheckedProject(NamedTuple):
    summary: str
    note: str

    def to_text(self) -> str:
        return self.summary

    def to_json(self) -> dict[str, Any]:
        return {"ok": True, **self._asdict()}


def _check_all() -> _CheckedProject:
    from artpipe.project.pinned_version import explain_other_version
    from artpipe.project.presets import check_presets
    from artpipe.project.validation import check_project, explain_unused_titles

    sentence = check_project()
    check_presets()
    notes = explain_other_version(), explain_unused_titles()
    return _CheckedProject(sentence, "; ".join(filter(None, notes)))


@daily_commands.command(rich_help_panel=DAILY, short_help="Bring everything, or some models, up to date.")
def run(
    targets: Annotated[
        list[str] | None,
        typer.Argument(metavar="[MODEL|STAGE]...", help="Such as digits-gan, or the stage train@digits-gan."),
    ] = None,
    slots: Annotated[int | None, typer.Option(min=1, help="Stages at a time; one per core unless said.")] = None,
    stage_timeout_seconds: Annotated[float, typer.Option(min=1, help="A stage that takes longer fails.")] = 86_400.0,
    retries: Annotated[int, typer.Option(min=0, help="Of a stage that a lock or a server failed.")] = 2,
    retry_seconds: Annotated[float, typer.Option(min=0, help="Before the first; then three times as long.")] = 10.0,
) -> None:
    """Bring everything, or some models and the gallery, up to date.

    All cores are used, and what happens is shown meanwhile.
    """
    from artpipe.cli.start_flow import run_flow

    run_flow(
        [str(resolve_typed_path(Path(target))) if target.endswith(".dvc") else target for target in targets or []],
        slots=slots,
        stage_timeout_seconds=stage_timeout_seconds,
        retries=retries,
        retry_seconds=retry_seconds,
    )


@daily_commands.command(rich_help_panel=DAILY, short_help="Say what would run, why, and how long it takes.")
def plan(
    *,
    preset: Annotated[str | None, typer.Option(metavar="NAME", help="As if this preset were in force.")] = None,
    as_json: Json = False,
) -> None:
    """Say what would run, why, and the time and disk it will take."""
    from functools import partial

    from artpipe.orchestration.scheduling.dvc_graph import read_graph
    from artpipe.project.plan import plan_project
    from artpipe.project.presets import plan_switch

    text = None if preset is None else plan_switch(preset).text
    show_result(lambda: plan_project(partial(read_graph, during_run=True, params_text=text), text), as_json=as_json)


@daily_commands.command(rich_help_panel=DAILY, short_help="Say what is at work, what is stale, where to look.")
def status(
    *,
    as_json: Json = False,
) -> None:
    """Say whether a run is at work and since when, what is stale, where to look."""
    from functools import partial

    from artpipe.orchestration.scheduling.dvc_graph import read_graph
    from artpipe.orchestration.services.addresses import read_addresses
    from artpipe.project.project_status import read_status

    show_result(lambda: read_status(partial(read_graph, during_run=True), read_addresses()), as_json=as_json)


@daily_commands.command(rich_help_panel=DAILY, short_help="Say what disk could be freed, and free it.")
def gc(
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Free it; without this it is only told.")] = False,
    history: Annotated[
        bool, typer.Option("--history", help="Keep what any commit needs, not the newest only.")
    ] = False,
    days: Annotated[
        float, typer.Option(min=0, help="The age from which a stopped training and a removed dataset go.")
    ] = 7,
    as_json: Json = False,
) -> None:
    """Say what disk could be freed.

    Nothing that a branch, tag, stash, experiment or champion needs.
    """
    from artpipe.storage.gc import collect_garbage

    show_result(lambda: collect_garbage(yes=yes, history=history, days=days), as_json=as_json)
