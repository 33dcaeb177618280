"""MLflow's registry, made again from reports and champions.json: a version for each healthy checkpoint, an alias for the champion."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.artifacts import paths
from artpipe.artifacts.champions import Champion, Champions, load_champions
from artpipe.artifacts.report import Finding, Score, load_report
from artpipe.artifacts.run import RunRecord
from artpipe.errors import ArtpipeError
from artpipe.language.sentences import sentence
from artpipe.system.terminal import in_markdown
from artpipe.tracking.mlflow_store import REPORT, Store

CHAMPION = "champion"
_CHECKPOINT = "artpipe.checkpoint"


class Known(NamedTuple):
    """A checkpoint that may become a version, from a report that is here or from champions.json."""

    name: str  # of the registered model: DATASET.KIND, which no dataset or kind can be mistaken for
    model: str
    run_id: str
    checkpoint: str
    report: str
    shards: str
    score: Score | None
    verdict: Finding | None  # None: it was healthy when it was promoted
    began: float

    @property
    def healthy(self) -> bool:
        """Return whether it may become a version."""
        return self.verdict is None or self.verdict.verdict == "healthy"


def register(store: Store, root: Path) -> None:
    """Bring the registry in line with what stands on disk; what is there already is left as it is.

    Raises:
        UserError: champions.json cannot be read; the versions were made all the same.
    """
    with store.alone():
        try:
            champions, problem = load_champions(root), None
        except ArtpipeError as error:
            champions, problem = Champions(), error
        known = {one.checkpoint: one for one in [*_remembered(champions), *sorted(_evaluated(root), key=_age)]}
        found = {model.name: model for model in store.client.search_registered_models()}
        told = {one.name for one in known.values() if one.healthy or one.name in found}
        for name in sorted(told | {name for name, model in found.items() if CHAMPION in model.aliases}):
            if name not in found:
                store.client.create_registered_model(name, description="Every checkpoint that was evaluated healthy.")
            versions = _versioned(store, name, [one for one in known.values() if one.name == name])
            if problem is None:
                _crown(store, name, found.get(name), versions, champions)
    if problem:
        raise problem


def _evaluated(root: Path) -> Iterator[Known]:
    """Yield the checkpoints of which run record and report are here; one that is damaged is told of by sync itself."""
    for folder in (root / "data/reports").glob("*"):
        try:
            report, sha256 = load_report(folder)
            run = RunRecord.open(root / paths.run(report.model)).card
        except ArtpipeError:
            continue
        if run.checkpoint == report.checkpoint:
            yield Known(
                name=f"{report.dataset}.{report.kind}",
                model=report.model,
                run_id=run.run_id,
                checkpoint=report.checkpoint,
                report=sha256,
                shards=report.shards,
                score=report.decisive,
                verdict=report.verdict,
                began=run.started,
            )


def _remembered(champions: Champions) -> Iterator[Known]:
    """Yield champions and those before them, the oldest first: their reports may be gone from here."""
    for dataset, kinds in champions.champions.items():
        for kind, reign in kinds.items():
            for one in reversed([reign.champion, *reign.before]):
                yield _of_champion(f"{dataset}.{kind}", one)


def _of_champion(name: str, one: Champion) -> Known:
    return Known(
        name=name, model=one.model, run_id=one.run_id, checkpoint=one.checkpoint, report=one.report,
        shards=one.shards, score=one.score, verdict=None, began=0.0,
    )  # fmt: skip


def _age(one: Known) -> float:
    return one.began


def _versioned(store: Store, name: str, known: list[Known]) -> dict[str, str]:
    """Make the versions that are missing, tell of new evaluations; return version by checkpoint."""
    found = store.client.search_model_versions(f"name='{name}'")
    versions = {version.tags[_CHECKPOINT]: version for version in found if _CHECKPOINT in version.tags}
    for one in known:
        version = versions.get(one.checkpoint)
        if version is None and one.healthy:
            versions[one.checkpoint] = _made(store, one)
        elif version is not None and one.verdict is not None and version.tags.get(REPORT) != one.report:
            for tag, value in _tags(one).items():
                store.client.set_model_version_tag(name, version.version, tag, value)
    return {checkpoint: str(version.version) for checkpoint, version in versions.items()}


def _made(store: Store, one: Known) -> Any:
    run = store.find(one.run_id)
    source = f"dvc:///{paths.checkpoint(one.model)}#{one.checkpoint}"  # the bytes are DVC's; MLflow only knows of them
    why = sentence(one.verdict) if one.verdict else "It was champion; its report is not here any more."
    about = {"run_id": run.id if run else None, "description": in_markdown(f"{one.model}. {why}")}
    return store.client.create_model_version(one.name, source, tags=_tags(one), **about)


def _tags(one: Known) -> dict[str, str]:
    told = {
        _CHECKPOINT: one.checkpoint,
        "artpipe.run_id": one.run_id,
        "artpipe.model": one.model,
        "artpipe.data": one.shards,
        "artpipe.verdict": one.verdict.verdict if one.verdict else "healthy",
        REPORT: one.report,
    }
    if one.score:
        told |= {one.score.name: f"{one.score.value:.6g}", f"{one.score.name}.spread": f"{one.score.spread or 0:.2g}"}
        told |= {"artpipe.feature_extractor": one.score.extractor or "none"}
    return told


def _crown(store: Store, name: str, found: Any, versions: dict[str, str], champions: Champions) -> None:
    """Let the alias say what champions.json says."""
    dataset, _, kind = name.partition(".")
    reign = champions.of(dataset, kind)
    wanted = versions.get(reign.champion.checkpoint) if reign else None
    stands = found.aliases.get(CHAMPION) if found else None
    if wanted and str(stands) != wanted:
        store.client.set_registered_model_alias(name, CHAMPION, wanted)
    elif stands and not wanted:
        store.client.delete_registered_model_alias(name, CHAMPION)
