"""Find what held works have left: models, works near to them, pages, champions."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from artpipe.artifacts import paths
from artpipe.artifacts.champions import Champion, Champions, load_champions
from artpipe.artifacts.cross_references import read_checkpoint_card
from artpipe.artifacts.report import ReportCard, SavedExhibit, load_report
from artpipe.artifacts.shards import ShardSet
from artpipe.config.params import Frozen, Params
from artpipe.errors import ArtpipeError
from artpipe.project.forgetting.gallery_pages import find_pages
from artpipe.project.forgetting.held_works import Holdings
from artpipe.site.loader import name_works
from artpipe.system.locks import is_locked

_LEARNED = "learned from it"


class ModelTrace(Frozen):
    """A model that has to be made again."""

    model: str
    kind: str
    dataset: str
    how: str  # "learned from it", "measured on it", or through which model or data it knows of it
    is_trained: bool  # there is a checkpoint or a run of it here


class NearTrace(Frozen):
    """A work of a model that is near to a held work, or was made from it."""

    work: str  # its id
    model: str
    distance: float | None  # None: it shows the held work, or was made from it
    sha256: str  # of the held work


class ChampionTrace(Frozen):
    """A champion, or one before it, that learned from the works."""

    dataset: str
    kind: str
    model: str
    checkpoint: str
    is_current: bool


class WorkTraces(NamedTuple):
    """All that the works have left."""

    models: tuple[ModelTrace, ...]
    near: tuple[NearTrace, ...]  # made from it first, then the nearest first
    pages: tuple[str, ...]  # relative to the gallery
    champions: tuple[ChampionTrace, ...]


def find_traces(params: Params, holdings: Holdings) -> WorkTraces:
    """Return what is known to come from the held works."""
    affected = find_affected_models(params, holdings.datasets)
    digests = {held.work.sha256 for held in holdings.held}
    splits = {name: _find_splits(name, digests) for name in holdings.datasets}
    models = tuple(_trace_model(params, name, through, splits, digests) for name, through in affected.items())
    reports = dict(_load_reports(params))
    near = sorted(_find_near(reports, digests), key=lambda trace: (trace.distance is not None, trace.distance or 0.0))
    pages = tuple(find_pages(params, holdings, reports, [trace.work for trace in near]))
    champions = tuple(find_champions(load_champions(), holdings.datasets, affected))
    return WorkTraces(models, tuple(near), pages, champions)


def find_affected_models(params: Params, datasets: Collection[str]) -> dict[str, str]:
    """Return the models that know of these datasets, and through what.

    It is empty for its own dataset, else its `pretrained`: data or a model that knows of them.
    """
    data = {str(folder(name)) for name in datasets for folder in (paths.shards, paths.works)}
    affected: dict[str, str] = {}
    while True:
        count = len(affected)
        for name, entry in params.models.items():
            pretrained = str(entry.get("pretrained", ""))
            if name in affected:
                continue
            if entry.get("dataset") in datasets:
                affected[name] = ""
            elif pretrained in data | {str(paths.checkpoint(model)) for model in affected}:
                affected[name] = pretrained
        if len(affected) == count:
            return {name: affected[name] for name in params.models if name in affected}


def find_champions(champions: Champions, datasets: Collection[str], models: Collection[str]) -> Iterator[ChampionTrace]:
    """Yield champions and those before them of the datasets, and of the models.

    What a champion of other data learned from is not known any more, so each of the dataset counts.
    """
    for dataset, kinds in champions.champions.items():
        for kind, history in kinds.items():
            for champion in (history.champion, *history.before):
                if dataset in datasets or champion.model in models:
                    yield _trace_champion(dataset, kind, champion, is_current=champion is history.champion)


def _trace_champion(dataset: str, kind: str, champion: Champion, *, is_current: bool) -> ChampionTrace:
    return ChampionTrace(
        dataset=dataset, kind=kind, model=champion.model, checkpoint=champion.checkpoint, is_current=is_current
    )


def _trace_model(
    params: Params,
    name: str,
    through: str,
    splits: Mapping[str, tuple[str, Collection[str]]],
    digests: Collection[str],
) -> ModelTrace:
    entry = params.models[name]
    dataset = str(entry.get("dataset"))
    checkpoint, _ = read_checkpoint_card(paths.checkpoint(name))
    how = f"through {through}" if through else _describe_use(name, checkpoint, *splits[dataset])
    if how == _LEARNED and (used := _read_used_works(name)) and not used & set(digests):
        how = "made from other works of the dataset"
    return ModelTrace(
        model=name,
        kind=str(entry.get("kind")),
        dataset=dataset,
        how=how,
        is_trained=bool(checkpoint) or (paths.run(name) / "run.json").exists(),
    )


def _describe_use(model: str, checkpoint: Mapping[str, Any], shards: str, splits: Collection[str]) -> str:
    if not checkpoint:
        return "in training" if _is_in_training(model) else "not trained"
    if not shards or checkpoint.get("shards") != shards:
        return "learned from other data of the dataset, perhaps from it"
    if "train" in splits:
        return _LEARNED
    return f"measured on it ({', '.join(sorted(splits))})" if splits else "did not learn from it"


def _read_used_works(model: str) -> set[str]:
    """Return the SHA-256 of the works that a model of a few chosen ones was made from.

    It keeps them as `digests` among its weights; it is empty for a model that learns from all of them.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(paths.checkpoint(model) / "best.safetensors", framework="np") as weights:
            rows = weights.get_tensor("digests").reshape(-1, 32) if "digests" in weights.keys() else ()  # noqa: SIM118 - no mapping
            return {row.tobytes().hex() for row in rows if row.any()}
    except (OSError, SafetensorError):
        return set()


def _is_in_training(model: str) -> bool:
    folder = paths.STATE / "train" / model
    return any(folder.glob("*/run-live.json")) and is_locked(folder / "lock")


def _find_splits(dataset: str, digests: Collection[str]) -> tuple[str, Collection[str]]:
    """Return the hash of a dataset's tensors, and the splits with any of the works."""
    from safetensors import SafetensorError, safe_open

    wanted = {bytes.fromhex(digest) for digest in digests}
    found = set[str]()
    try:
        shards = ShardSet.open(paths.shards(dataset))
        for split, files in shards.card.files.items():
            for name in files:
                with safe_open(shards.folder / name, framework="np") as tensors:
                    found |= {split for row in tensors.get_tensor("digests") if row.tobytes() in wanted}
    except (ArtpipeError, OSError, SafetensorError):
        return "", frozenset()
    return shards.sha256, found


def _load_reports(params: Params) -> Iterator[tuple[str, ReportCard]]:
    for name in params.models:
        with suppress(ArtpipeError):
            yield name, load_report(paths.report(name))[0]


def _find_near(reports: Mapping[str, ReportCard], digests: Collection[str]) -> Iterator[NearTrace]:
    for model, report in reports.items():
        for work, exhibit in name_works(model, report):
            yield from (NearTrace(work=work, model=model, distance=distance, sha256=sha256)
                        for sha256, distance in _exhibit_digests(exhibit) if sha256 in digests)  # fmt: skip


def _exhibit_digests(exhibit: SavedExhibit) -> Iterator[tuple[str, float | None]]:
    yield from ((digest, None) for digest in exhibit.digests)
    yield from ((neighbour.digest, neighbour.distance) for neighbour in exhibit.neighbours)
