"""`artpipe upgrade`: bring a project to the installed artpipe.

It reports what will run again and what it cost last time.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from artpipe.artifacts.curation import EMPTY_CURATION
from artpipe.artifacts.paths import CURATION
from artpipe.code.accepted_results import add_accepted
from artpipe.code.code_yaml import (
    CODE_FILE,
    find_changed_parts,
    former_code,
    installed_code,
    stages_with_code,
    value_at,
    write_code,
)
from artpipe.code.equal_results import accept_code, accept_equal_results
from artpipe.config.params import Params, parse_params, read_yaml
from artpipe.config.safe_yaml import parse_yaml
from artpipe.config.yaml_edit import read_exactly
from artpipe.errors import UserError, did_you_mean
from artpipe.project.dvc_yaml import describe_difference, require_whole_graph
from artpipe.project.estimates import CostEstimator
from artpipe.project.format_upgrade import GRAPH, LOCK, FormatUpgrade, find_format_upgrade
from artpipe.project.upgrade_report import StaleStage, UpgradeReport
from artpipe.storage.running_work import require_no_running_work
from artpipe.system.atomic_files import write_text


def upgrade_project(root: Path = Path(), *, only_plan: bool = False, keep: Sequence[str] = ()) -> UpgradeReport:
    """Migrate names of an older format, write `code.yaml`, and return a report.

    Args:
        root: the project.
        only_plan: nothing is written.
        keep: stages whose results are accepted as they stand under the installed code; they do not run again for it.

    Returns:
        What changed and which stages run again.

    Raises:
        UserError: `keep` names no stage, or one without a result; params.yaml cannot be migrated; dvc.yaml was changed by
            hand and lacks something. Nothing was written.
        BusyError: a stage is running, whose result is that of the code it began with.
    """
    migration = find_format_upgrade(root)
    _require_whole_graph(root, migration.texts.get(GRAPH))
    params = parse_params(migration.params, str(root / "params.yaml"))
    installed = add_accepted(installed_code(params, root), [], root)
    changed = list(find_changed_parts(former_code(root), installed))
    lock = migration.texts.get(LOCK) or (read_exactly(root / LOCK) if (root / LOCK).is_file() else "")
    _require_results(keep, _read_stages(lock), params)
    accepted_lock, equal = accept_equal_results(lock, installed) if lock else (lock, [])
    if keep:
        accepted_lock = accept_code(accepted_lock, installed, keep)
    if not only_plan:
        require_no_running_work(root)
        _with_lock(migration, accepted_lock if keep or equal else None).write(root)
        if not (root / CURATION).exists():  # of a project from before there was one
            write_text(root / CURATION, EMPTY_CURATION)
        write_code(add_accepted(installed, keep, root), root)
    stages = list(_find_stale(_read_stages(accepted_lock), installed))
    return UpgradeReport(
        migration=migration.lines,
        changed=tuple(changed),
        equal=tuple(equal),
        stale=tuple(_estimate_stages(stages, params, root)),
        is_written=not only_plan,
    )


def _with_lock(migration: FormatUpgrade, lock: str | None) -> FormatUpgrade:
    """Return a migration that writes this dvc.lock before the other files.

    None: the one that it has.
    """
    if lock is None:
        return migration
    return replace(
        migration, texts={LOCK: lock, **{name: text for name, text in migration.texts.items() if name != LOCK}}
    )


def _require_whole_graph(root: Path, text: str | None) -> None:
    """Print how a dvc.yaml that lacks something differs, and stop."""
    try:
        require_whole_graph(root, text)
    except UserError:
        sys.stdout.write(f"{describe_difference(text or read_exactly(root / GRAPH))}\n")
        raise


def _read_stages(lock: str) -> Mapping[str, Any]:
    """Return the stages of a dvc.lock by name."""
    return (parse_yaml(lock, LOCK) or {}).get("stages") or {} if lock else {}


def _require_results(keep: Sequence[str], results: Mapping[str, Any], params: Params) -> None:
    stages = [stage for stage, _ in stages_with_code(params)]
    for stage in keep:
        if stage not in stages:
            raise UserError(f"--keep {stage}: no stage of that name{did_you_mean(stage, stages)}")
        if stage not in results:
            raise UserError(f"--keep {stage}: it has no result to keep; it did not run yet")


def _find_stale(results: Mapping[str, Any], installed: Mapping[str, Any]) -> Iterator[str]:
    """Yield the stages whose results were made by other code."""
    for stage, entry in results.items():
        recorded = (entry.get("params") or {}).get(CODE_FILE) or {}
        if not recorded or any(value_at(installed, key) != value for key, value in recorded.items()):
            yield stage


def _estimate_stages(stages: Iterable[str], params: Params, root: Path) -> Iterator[StaleStage]:
    lock = (read_yaml(root / "dvc.lock") or {}).get("stages", {}) if (root / "dvc.lock").exists() else {}
    costs = CostEstimator(root, params, lock)
    for stage in stages:
        cost = costs.estimate(stage)
        yield StaleStage(stage, cost.core_seconds, cost.measured)
