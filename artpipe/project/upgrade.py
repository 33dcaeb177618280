"""`artpipe upgrade`: bring a project to this artpipe, and say what will run again and what it cost last time."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from artpipe.code.code_yaml import find_changed_parts, installed_code, recorded_code, stages_with_code, write_code
from artpipe.config.params import Params, parse_params, read_yaml
from artpipe.errors import UserError, did_you_mean
from artpipe.project.estimates import Costs
from artpipe.project.format_upgrade import find_format_upgrade
from artpipe.storage.dvc_command import ask_dvc
from artpipe.system.units import span


def upgrade_project(root: Path = Path(), *, only_plan: bool = False, keep: Sequence[str] = ()) -> str:
    """Rename what an older format calls otherwise, write `code.yaml` and return what changed and which stages run again.

    Args:
        root: the project.
        only_plan: nothing is written.
        keep: stages whose results are accepted as they stand under the installed code; they do not run again.

    Raises:
        UserError: `keep` names no stage, or params.yaml cannot be migrated; nothing was written.
        ArtpipeError: DVC could not accept a result.
    """
    migration = find_format_upgrade(root)
    params = parse_params(migration.params, str(root / "params.yaml"))
    changed = list(find_changed_parts(recorded_code(root), installed := installed_code(params, root)))
    stages = [stage for stage, _ in stages_with_code(params)]
    for stage in keep:
        if stage not in stages:
            raise UserError(f"--keep {stage}: no stage of that name{did_you_mean(stage, stages)}")
    if not only_plan:
        migration.write(root)
        write_code(installed, root)
        for stage in keep:
            ask_dvc(root, "commit", "--force", stage)
    if not changed:
        end = "nothing was written; `artpipe upgrade` writes it" if only_plan and migration.lines else ""
        return "\n".join([*migration.lines, end or "code.yaml is up to date: no code changed that decides a result"])
    stale = [stage for stage in _stages_of(changed, params) if stage not in keep]
    code = [f"changed: {', '.join(changed)}", *_costs(stale, params, root)]
    return "\n".join([*migration.lines, *code, _next_step(stale, only_plan=only_plan)])


def _stages_of(changed: Iterable[str], params: Params) -> Iterator[str]:
    """Yield the stages that a changed key of `code.yaml` belongs to."""
    parts = set(changed)
    for stage, places in stages_with_code(params):
        if any(part == f"code.{place}" or part.startswith(f"code.{place}.") for part in parts for place in places):
            yield stage


def _costs(stages: Iterable[str], params: Params, root: Path) -> Iterator[str]:
    lock = (read_yaml(root / "dvc.lock") or {}).get("stages", {}) if (root / "dvc.lock").exists() else {}
    costs = Costs(root, params, lock)
    for stage in stages:
        cost = costs.of(stage)
        said = f"{span(cost.core_seconds)} last time" if cost.measured else f"about {span(cost.core_seconds)}"
        yield f"  {stage}  ({said})"


def _next_step(stale: Sequence[str], *, only_plan: bool) -> str:
    if only_plan:
        return "nothing was written; `artpipe upgrade` accepts the code, `--keep STAGE` a result as it stands"
    if not stale:
        return "code.yaml is written; nothing runs again for it"
    return "code.yaml is written; these stages, and what follows them, run again with `artpipe run`"
