"""`artpipe upgrade`: bring a project to the installed artpipe.

It reports what will run again and what it cost last time.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from artpipe.code.accepted_results import add_accepted
from artpipe.code.code_yaml import find_changed_parts, installed_code, recorded_code, stages_with_code, write_code
from artpipe.code.equal_results import accept_equal_results
from artpipe.config.params import Params, parse_params, read_yaml
from artpipe.config.yaml_edit import read_exactly
from artpipe.errors import UserError, did_you_mean
from artpipe.project.estimates import CostEstimator
from artpipe.project.format_upgrade import LOCK, FormatUpgrade, find_format_upgrade
from artpipe.storage.dvc_command import read_dvc_output
from artpipe.system.units import format_duration


def upgrade_project(root: Path = Path(), *, only_plan: bool = False, keep: Sequence[str] = ()) -> str:
    """Migrate names of an older format, write `code.yaml`, and return a report.

    Args:
        root: the project.
        only_plan: nothing is written.
        keep: stages whose results are accepted as they stand under the installed code; they do not run again.

    Returns:
        What changed and which stages run again.

    Raises:
        UserError: `keep` names no stage, or params.yaml cannot be migrated; nothing was written.
        ArtpipeError: DVC could not accept a result.
    """
    migration = find_format_upgrade(root)
    params = parse_params(migration.params, str(root / "params.yaml"))
    installed = add_accepted(installed_code(params, root), [], root)
    changed = list(find_changed_parts(recorded_code(root), installed))
    stages = [stage for stage, _ in stages_with_code(params)]
    for stage in keep:
        if stage not in stages:
            raise UserError(f"--keep {stage}: no stage of that name{did_you_mean(stage, stages)}")
    migration, equal = _add_equal_results(migration, root, installed)
    if not only_plan:
        migration.write(root)
        write_code(add_accepted(installed, keep, root), root)
        for stage in keep:
            read_dvc_output(root, "commit", "--force", stage)
    if not changed:
        end = "nothing was written; `artpipe upgrade` writes it" if only_plan and migration.lines else ""
        return "\n".join([*migration.lines, end or "code.yaml is up to date: no code changed that decides a result"])
    stale = [stage for stage in _find_stages(changed, params) if stage not in {*keep, *equal}]
    code = [f"changed: {', '.join(changed)}", *_format_costs(stale, params, root)]
    if equal:
        code.insert(1, f"  the same results, byte for byte, so they stand as they are: {', '.join(equal)}")
    return "\n".join([*migration.lines, *code, _next_step(stale, only_plan=only_plan)])


def _add_equal_results(
    migration: FormatUpgrade, root: Path, installed: Mapping[str, Any]
) -> tuple[FormatUpgrade, list[str]]:
    """Add dvc.lock to a migration where today's code makes the results it has.

    Returns:
        The migration, and the stages whose results stand.
    """
    text = migration.texts.get(LOCK)
    if text is None:
        if not (root / LOCK).is_file():
            return migration, []
        text = read_exactly(root / LOCK)
    accepted_text, stages = accept_equal_results(text, installed)
    texts = {LOCK: accepted_text, **{name: other for name, other in migration.texts.items() if name != LOCK}}
    return (replace(migration, texts=texts) if stages else migration), stages


def _find_stages(changed: Iterable[str], params: Params) -> Iterator[str]:
    """Yield the stages whose code changed; all where there is no code.yaml."""
    parts = set(changed)
    for stage, places in stages_with_code(params):
        keys = [f"code.{place}" for place in places]
        if any(
            f"{longer}.".startswith(f"{shorter}.")
            for key in keys
            for part in parts
            for longer, shorter in ((key, part), (part, key))
        ):
            yield stage


def _format_costs(stages: Iterable[str], params: Params, root: Path) -> Iterator[str]:
    lock = (read_yaml(root / "dvc.lock") or {}).get("stages", {}) if (root / "dvc.lock").exists() else {}
    costs = CostEstimator(root, params, lock)
    for stage in stages:
        cost = costs.estimate(stage)
        duration = (
            f"{format_duration(cost.core_seconds)} last time"
            if cost.measured
            else f"about {format_duration(cost.core_seconds)}"
        )
        yield f"  {stage}  ({duration})"


def _next_step(stale: Sequence[str], *, only_plan: bool) -> str:
    if only_plan:
        return "nothing was written; `artpipe upgrade` accepts the code, `--keep STAGE` a result as it stands"
    if not stale:
        return "code.yaml is written; nothing runs again for it"
    return "code.yaml is written; these stages, and what follows them, run again with `artpipe run`"
