"""`artpipe upgrade`: accept the installed code, and say what will run again and what it cost last time."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from artpipe.code.code_yaml import changed_parts, installed_code, recorded_code, stages_with_code, write_code
from artpipe.config.params import load_params, read_yaml
from artpipe.errors import UserError, did_you_mean
from artpipe.project.estimates import Costs
from artpipe.storage.dvc_command import ask_dvc
from artpipe.system.units import span


def upgrade_project(root: Path = Path(), *, only_plan: bool = False, keep: Sequence[str] = ()) -> str:
    """Write `code.yaml` for the installed code and return what changed and which stages run again.

    Args:
        root: the project.
        only_plan: nothing is written.
        keep: stages whose results are accepted as they stand under the installed code; they do not run again.

    Raises:
        UserError: `keep` names no stage; nothing was written.
        ArtpipeError: DVC could not accept a result.
    """
    changed = list(
        changed_parts(recorded_code(root), installed := installed_code(load_params(root / "params.yaml"), root))
    )
    stages = [stage for stage, _ in stages_with_code(root)]
    for stage in keep:
        if stage not in stages:
            raise UserError(f"--keep {stage}: no stage of that name{did_you_mean(stage, stages)}")
    if not only_plan:
        write_code(installed, root)
        for stage in keep:
            ask_dvc(root, "commit", "--force", stage)
    if not changed:
        return "code.yaml is up to date: no code changed that decides a result"
    stale = [stage for stage in _stages_of(changed, root) if stage not in keep]
    return "\n".join([f"changed: {', '.join(changed)}", *_costs(stale, root), _next_step(stale, only_plan=only_plan)])


def _stages_of(changed: Iterable[str], root: Path) -> Iterator[str]:
    """Yield the stages that a changed key of `code.yaml` belongs to."""
    parts = set(changed)
    for stage, places in stages_with_code(root):
        if any(part == f"code.{place}" or part.startswith(f"code.{place}.") for part in parts for place in places):
            yield stage


def _costs(stages: Iterable[str], root: Path) -> Iterator[str]:
    lock = (read_yaml(root / "dvc.lock") or {}).get("stages", {}) if (root / "dvc.lock").exists() else {}
    costs = Costs(root, load_params(root / "params.yaml"), lock)
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
