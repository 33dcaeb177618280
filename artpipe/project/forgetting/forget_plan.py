"""Note what a forgetting has to do before it begins, so that a second try ends it."""

import time
from pathlib import Path

from pydantic import Field, ValidationError

from artpipe.artifacts import paths
from artpipe.artifacts.champions import load_champions
from artpipe.artifacts.tombstones import Tombstone
from artpipe.config.params import Frozen, Params
from artpipe.errors import UserError
from artpipe.project.forgetting.held_works import Holdings
from artpipe.project.forgetting.make_tombstones import make_tombstones
from artpipe.project.forgetting.plan_source_removal import SourceRemoval, plan_source_removal
from artpipe.project.forgetting.source_removal import is_own_source
from artpipe.project.forgetting.work_traces import find_affected_models, find_champions
from artpipe.storage.withdrawn_outputs import find_versions
from artpipe.system.atomic_files import write_text

PLAN_FILE = paths.STATE / "forgetting.json"


class ForgetPlan(Frozen):
    """All that a forgetting has to do; each step may be done again."""

    tombstones: tuple[Tombstone, ...]
    keys: dict[str, tuple[str, ...]]  # of tombstones, by the dataset that held any of it
    sources: dict[str, SourceRemoval]  # by dataset; those whose files are the project's own
    models: tuple[str, ...]
    versions: tuple[str, ...]  # MD5 of what DVC keeps of their outputs
    champions: dict[str, tuple[str, ...]] = Field(default_factory=dict)  # kinds by dataset

    @property
    def outputs(self) -> list[str]:
        """Return the paths of all outputs that may have something of the works."""
        return list_outputs(tuple(self.keys), self.models)

    @property
    def stages(self) -> list[str]:
        """Return the stages that made them, and that of the gallery."""
        stages = [f"{verb}@{name}" for verb in ("ingest", "preprocess") for name in self.keys]
        stages += [f"{verb}@{name}" for verb in ("train", "evaluate") for name in self.models]
        return [*stages, paths.LAST_STAGE]


def list_outputs(datasets: tuple[str, ...], models: tuple[str, ...]) -> list[str]:
    """Return the paths of all outputs of datasets and models, and of the gallery."""
    folders = [path for name in datasets for path in paths.dataset_outputs(name)]
    folders += [path for name in models for path in paths.model_outputs(name)]
    return [str(path) for path in (*folders, paths.gallery())]


def make_plan(params: Params, holdings: Holdings, *, near: bool) -> ForgetPlan:
    """Return the plan of a forgetting, of today.

    Args:
        params: params.yaml.
        holdings: what is to be forgotten.
        near: near copies are to stay out too.

    Raises:
        UserError: a file of the works changed since it was ingested.
    """
    own_sources = [name for name in holdings.datasets if is_own_source(params.dataset(name))]
    stones = make_tombstones(params, holdings, date=time.strftime("%Y-%m-%d", time.gmtime()), near=near)
    keys = {
        name: tuple(sorted({stones[held.work.sha256].key for held in holdings.in_dataset(name)}))
        for name in holdings.datasets
    }
    sources = {
        name: plan_source_removal(name, params.dataset(name), holdings.in_dataset(name), holdings.copies.get(name, ()))
        for name in own_sources
    }
    models = tuple(find_affected_models(params, holdings.datasets))
    champions: dict[str, tuple[str, ...]] = {}
    for trace in find_champions(load_champions(), holdings.datasets, models):
        champions[trace.dataset] = tuple(dict.fromkeys((*champions.get(trace.dataset, ()), trace.kind)))
    tracked = [params.dataset(name).path for name in own_sources]
    versions = find_versions(Path(), list_outputs(holdings.datasets, models), tracked)
    return ForgetPlan(
        tombstones=tuple({stone.sha256: stone for stone in stones.values()}.values()),
        keys=keys,
        sources=sources,
        models=models,
        versions=tuple(sorted(versions)),
        champions=champions,
    )


def save_plan(plan: ForgetPlan) -> None:
    """Write the plan: from here on the forgetting can be ended by a second try."""
    write_text(PLAN_FILE, plan.model_dump_json())


def load_plan(root: Path = Path()) -> ForgetPlan | None:
    """Return the plan of a forgetting that was cut short, None where there is none.

    Raises:
        UserError: the file is damaged; what to do.
    """
    path = root / PLAN_FILE
    if not path.exists():
        return None
    try:
        return ForgetPlan.model_validate_json(path.read_bytes())
    except ValidationError:
        raise UserError(f"{path}: not what `artpipe forget` writes; remove it and forget the work again") from None


def require_nothing_pending(root: Path = Path()) -> None:
    """Raise if a forgetting was cut short: what it has not removed is still there.

    Raises:
        UserError: with what to do.
    """
    if (root / PLAN_FILE).exists():
        raise UserError(
            f"{PLAN_FILE}: a work is being forgotten, or that was cut short: `artpipe forget --yes` ends it"
        )
