"""Carry out a forgetting, step by step, and take one back."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.champions import load_champions, save_champions
from artpipe.artifacts.tombstones import Tombstone, find_tombstone, load_tombstones, save_tombstones
from artpipe.artifacts.works import Record
from artpipe.config.overlay import apply_overlay
from artpipe.config.params import Params, load_params
from artpipe.config.yaml_edit import read_exactly
from artpipe.config.yaml_tree import YamlTree
from artpipe.errors import ArtpipeError
from artpipe.project.add_remove import change_project
from artpipe.project.forgetting.forget_plan import PLAN_FILE, ForgetPlan, require_nothing_pending, save_plan
from artpipe.project.forgetting.source_removal import is_own_source, remove_from_source
from artpipe.project.params_file import PARAMS, write_params
from artpipe.project.tracked_files import remove_quietly
from artpipe.storage.dvc_lock import hold_dvc_lock
from artpipe.storage.prefect_traces import delete_prefect_traces, make_sheet_key
from artpipe.storage.withdrawn_outputs import drop_stages, free_versions
from artpipe.system.atomic_files import remove_path
from artpipe.system.locks import hold_lock
from artpipe.system.plain_text import to_printable

if TYPE_CHECKING:
    from artpipe.contracts.source import Source

# Folders of `.state` with pictures, or with vectors that small pictures can be made of; each is made again when asked for.
_LEFT_IN_STATE = (
    *("compared", "credentials/files", "credentials/samples", "critique", "damaged", "encoded", "features", "mending"),
    "preview",
)


def carry_out(plan: ForgetPlan) -> list[str]:
    """Do all steps of a plan; return what could not be done and what to do about it.

    The plan is written first and removed last: whatever ends this, the same command goes on.

    Raises:
        UserError: a table or archive that cannot be changed.
        BusyError: DVC, or another change of the project, is at work.
        ArtpipeError: MLflow cannot be reached; all else is done, and a second try ends it.
    """
    with change_project():
        save_plan(plan)
        save_tombstones((*load_tombstones(), *plan.tombstones))
        _link_tombstones(plan.keys)
        _say(f"taking the works out of {', '.join(plan.keys)}")
        notes = list(_remove_from_sources(plan))
        with hold_dvc_lock(Path(), doing="forgetting"):
            _say("removing what was made of them, in DVC's cache too")
            notes += _remove_outputs(plan)
        _rebuild_gallery()
        notes += _delete_from_prefect(plan)
        _delete_from_mlflow(plan)
        remove_path(PLAN_FILE)
    return notes


class UndoneForgetting(NamedTuple):
    """A tombstone that was taken out."""

    key: str
    read_again: Sequence[str]  # datasets that the next run reads again
    removed_from: Sequence[str]  # of these, paths of files that the work was taken out of
    left_out_by: Sequence[str]  # datasets that left the work out, and are read again only if asked

    def to_text(self) -> str:
        """Return it in sentences."""
        lines = [f"{self.key} may come in again, where a source still has it"]
        if self.removed_from:
            lines.append(f"it was taken out of {', '.join(self.removed_from)}: put it there again")
        if self.read_again:
            lines.append(f"`artpipe run` reads {', '.join(self.read_again)} again")
        others = [
            f"{name} left it out as well: `dvc repro --force ingest@{name}` reads it again" for name in self.left_out_by
        ]
        return "\n".join([*lines, *others])

    def to_json(self) -> Mapping[str, Any]:
        """Return the same for programs."""
        return self._asdict()


def undo_forgetting(digits: str) -> UndoneForgetting:
    """Take a tombstone out: the work comes in again where a source still has it.

    Raises:
        UserError: no such tombstone, or several, or a forgetting was cut short; nothing was changed.
    """
    with change_project():
        require_nothing_pending()
        tombstones = load_tombstones()
        leaving = find_tombstone(tombstones, digits)
        params = load_params(PARAMS)
        linked = [name for name, entry in params.datasets.items() if leaving.key in entry.ingest.withdrawn]
        unlinked = [name for name in params.datasets if name not in linked and _left_out(name, leaving)]
        save_tombstones(tombstone for tombstone in tombstones if tombstone.sha256 != leaving.sha256)
        _unlink_tombstone(params, leaving.key)
    own = [params.dataset(name).path for name in linked if is_own_source(params.dataset(name))]
    return UndoneForgetting(leaving.key, linked, own, unlinked)


def _say(sentence: str) -> None:
    """Say on stderr what is being done."""
    sys.stderr.write(f"{to_printable(sentence)} ...\n")


def _link_tombstones(keys: Mapping[str, tuple[str, ...]]) -> None:
    """Note in params.yaml which tombstones are of works that a dataset held.

    DVC reads it as a parameter of the dataset's ingest, which so runs again, and others do not.
    """
    params, text = load_params(PARAMS), read_exactly(PARAMS)
    for name in filter(params.datasets.__contains__, keys):
        known = params.dataset(name).ingest.withdrawn
        overlay = {"datasets": {name: {"ingest": {"withdrawn": sorted({*known, *keys[name]})}}}}
        text, _ = apply_overlay(text, overlay)
    write_params(text)


def _unlink_tombstone(params: Params, key: str) -> None:
    text = read_exactly(PARAMS)
    for name, entry in params.datasets.items():
        if key not in entry.ingest.withdrawn:
            continue
        if rest := [other for other in entry.ingest.withdrawn if other != key]:
            text, _ = apply_overlay(text, {"datasets": {name: {"ingest": {"withdrawn": rest}}}})
        else:
            text = _without_key(text, ("datasets", name, "ingest"), "withdrawn")
    write_params(text)


def _without_key(text: str, place: tuple[str, ...], key: str) -> str:
    """Return params.yaml without one key of a mapping, which stays a mapping."""
    tree = YamlTree(text)
    section, pair = tree.find(place), tree.find((*place, key))
    if section is not None and pair is not None:
        tree.remove_pairs(section.value, [pair])
        if not section.value.flow and len(section.value.pairs) == 1:
            tree.insert(tree.after_colon(section), " {}")
    return tree.edited_text()


def _left_out(dataset: str, tombstone: Tombstone) -> bool:
    with suppress(ArtpipeError):
        return any(row.name == tombstone.key for row in Record.open(paths.record(dataset)).quarantined())
    return False


def _remove_from_sources(plan: ForgetPlan) -> Iterator[str]:
    """Take the works out of the project's files; remove what was fetched of others."""
    params = load_params(PARAMS)
    for name in plan.keys:
        if name not in params.datasets:
            yield f"{name} is not in params.yaml any more: files of it that are left were not changed"
            continue
        entry = params.dataset(name)
        if removal := plan.sources.get(name):
            remove_from_source(entry, removal.digests, removal.names, removal.staying)
            continue
        source: Source = plugins.load_plugin("sources", entry.source)
        for copy in source.fetched_copies(entry) if source.fetched_copies else ():
            remove_path(copy)
        yield f"{name}: {entry.path} is not the project's to change and keeps what it says; its works are left out by their hash from now on"


def _remove_outputs(plan: ForgetPlan) -> Iterator[str]:
    """Remove what the stages made of the datasets and models, in DVC's cache too."""
    for path in _find_outputs(plan):
        remove_quietly(path)
    drop_stages(Path(), plan.stages)
    _remove_champions(plan.champions)
    if note := free_versions(Path(), plan.versions):
        yield note


def _remove_champions(leaving: Mapping[str, tuple[str, ...]]) -> None:
    """Take champions, and those before them, out of champions.json."""
    if not leaving:
        return
    with hold_lock(paths.STATE / "champions.lock", doing="moving a champion"):
        champions = load_champions()
        kept = {
            dataset: {kind: history for kind, history in kinds.items() if kind not in leaving.get(dataset, ())}
            for dataset, kinds in champions.champions.items()
        }
        kept = {dataset: kinds for dataset, kinds in kept.items() if kinds}
        save_champions(Path(), champions.model_copy(update={"champions": kept}))


def _find_outputs(plan: ForgetPlan) -> Iterator[Path]:
    """Yield what may have something of the works; the gallery is built anew."""
    yield from (Path(path) for path in plan.outputs if Path(path) != paths.gallery())
    for name in plan.keys:
        yield from (paths.job_cache(f"{stage}@{name}") for stage in ("ingest", "preprocess"))
        yield from (paths.STATE / "contact").glob(f"{name}.*")
    for name in plan.models:
        yield from (paths.STATE / "train" / name, paths.job_cache(f"train@{name}"))
        yield from Path("data/samples").glob(f"{name}-seed-*")
    for dataset, kinds in plan.champions.items():
        yield from (paths.champion(dataset, kind) for kind in kinds)
    yield from (paths.STATE / name for name in _LEFT_IN_STATE)


def _rebuild_gallery() -> None:
    """Build the gallery of what is left: it shows nothing of the works at once."""
    if not (paths.gallery() / "index.html").exists():
        return
    from artpipe.gallery import build_gallery

    _say("building the gallery of what is left")
    build_gallery()


def _delete_from_prefect(plan: ForgetPlan) -> Iterator[str]:
    """Delete contact sheets and logs in Prefect's database; say where others may be.

    Raises:
        ArtpipeError: the database cannot be changed.
    """
    _say("deleting contact sheets and logs on Prefect's pages")
    delete_prefect_traces(plan.models, plan.stages)
    home = Path(os.environ.get("PREFECT_HOME", paths.STATE / "prefect")).absolute()
    if plan.models and (os.environ.get("PREFECT_API_URL") or home != (paths.STATE / "prefect").absolute()):
        keys = ", ".join(map(make_sheet_key, plan.models))
        yield f"a Prefect server whose database is not .state/prefect keeps its contact sheets: `prefect artifact delete KEY` there, of {keys}"


def _delete_from_mlflow(plan: ForgetPlan) -> None:
    """Delete what MLflow has of the models' trainings but their numbers.

    Raises:
        ArtpipeError: it cannot be reached.
    """
    has_store = os.environ.get("MLFLOW_TRACKING_URI") or (paths.STATE / "mlflow/mlflow.db").exists()
    if not has_store or find_spec("mlflow") is None:
        return
    _say("deleting models and pictures in MLflow")
    from artpipe.tracking.mlflow_removal import delete_learned
    from artpipe.tracking.mlflow_store import MlflowStore
    from artpipe.tracking.mlflow_sync import first_line

    try:
        store = MlflowStore()
        if delete_learned(store, plan.models, tuple(plan.keys)):
            store.note_hashes()
    except Exception as error:  # MLflow, its database and its network raise their own
        raise ArtpipeError(
            f"MLflow: {first_line(error)}; all else is forgotten, `artpipe forget --yes` ends it later"
        ) from error
