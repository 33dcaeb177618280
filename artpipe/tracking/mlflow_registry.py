"""Update MLflow's registry from reports and champions.json.

It has a version for each checkpoint that is fair or good, and an alias for the champion.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from artpipe.artifacts import paths
from artpipe.artifacts.champions import Champion, Champions, load_champions
from artpipe.artifacts.cross_references import read_checkpoint_card
from artpipe.artifacts.report import Finding, Score, load_report
from artpipe.artifacts.run import RunRecord
from artpipe.errors import ArtpipeError
from artpipe.language.sentences import make_sentence
from artpipe.system.terminal import escape_markdown
from artpipe.tracking.mlflow_models import Form, choose_form, log_model
from artpipe.tracking.mlflow_store import REPORT, MlflowStore

CHAMPION = "champion"
_CHECKPOINT, ORIGIN = "artpipe.checkpoint", "artpipe.origin"
# Each was a tag of its own once.
_FORMER_TAGS = {f"artpipe.{name}" for name in ("run_id", "model", "data", "basis", "feature_extractor")}
_DVC = "dvc:///"
ABOUT = "Every checkpoint whose evaluation is fair or good."


class VersionCandidate(NamedTuple):
    """A checkpoint that may become a version, from a report or from champions.json."""

    name: str  # of the registered model: DATASET-KIND
    dataset: str
    kind: str
    model: str
    run_id: str
    checkpoint: str
    report: str
    shards: str
    score: Score | None
    verdict: Finding | None  # None: it was fair or good when it was promoted
    started: float
    form: Form = ""  # what it is given where MLflow serves it
    step: int = 0

    @property
    def is_passing(self) -> bool:
        """Return whether it may become a version."""
        return self.verdict is None or self.verdict.is_passing


def update_registry(store: MlflowStore, root: Path) -> None:
    """Bring the registry in line with what is on disk; keep what is there already.

    Raises:
        UserError: champions.json cannot be read; the versions were made all the same.
    """
    with store.hold_store_lock():
        try:
            champions, problem = load_champions(root), None
        except ArtpipeError as error:
            champions, problem = Champions(), error
        candidates = {
            candidate.checkpoint: candidate
            for candidate in [*_find_former_champions(champions), *sorted(_find_evaluated(root), key=_start_time)]
        }
        _rename_former_models(store)
        models = {model.name: model for model in store.client.search_registered_models()}
        names = {
            candidate.name for candidate in candidates.values() if candidate.is_passing or candidate.name in models
        }
        for name in sorted(names | {name for name, model in models.items() if CHAMPION in model.aliases}):
            own = [candidate for candidate in candidates.values() if candidate.name == name]
            if name not in models:
                _create_model(store, own[0])
            versions = _update_versions(store, name, own, root)
            if problem is None:
                _update_alias(store, name, models.get(name), versions, champions)
    if problem:
        raise problem


def _rename_former_models(store: MlflowStore) -> None:
    """Rename artpipe's own models from DATASET.KIND, as they were once called."""
    models = list(store.client.search_registered_models())
    names = {model.name for model in models}
    own = {model.name for model in models if model.description == ABOUT}  # a shared server has other people's too
    for name in sorted(own):
        dataset, dot, kind = name.rpartition(".")
        if dot and f"{dataset}-{kind}" not in names:
            store.client.rename_registered_model(name, f"{dataset}-{kind}")
            for tag, value in (("dataset", dataset), ("kind", kind)):
                store.client.set_registered_model_tag(f"{dataset}-{kind}", tag, value)


def _create_model(store: MlflowStore, candidate: VersionCandidate) -> None:
    tags = {"dataset": candidate.dataset, "kind": candidate.kind}
    store.client.create_registered_model(candidate.name, tags=tags, description=ABOUT)


def _find_evaluated(root: Path) -> Iterator[VersionCandidate]:
    """Yield the checkpoints whose run record and report are here.

    One that is damaged is reported by the sync itself.
    """
    for folder in (root / "data/reports").glob("*"):
        try:
            report, sha256 = load_report(folder)
            run = RunRecord.open(root / paths.run(report.model)).card
        except ArtpipeError:
            continue
        if run.checkpoint == report.checkpoint:
            yield VersionCandidate(
                name=f"{report.dataset}-{report.kind}",
                dataset=report.dataset,
                kind=report.kind,
                model=report.model,
                run_id=run.run_id,
                checkpoint=report.checkpoint,
                report=sha256,
                shards=report.shards,
                score=report.decisive,
                verdict=report.verdict,
                started=run.started,
                form=choose_form(report),
                step=run.steps,
            )


def _find_former_champions(champions: Champions) -> Iterator[VersionCandidate]:
    """Yield champions and earlier ones, the oldest first; their reports may be gone."""
    for dataset, kinds in champions.champions.items():
        for kind, reign in kinds.items():
            for champion in reversed([reign.champion, *reign.before]):
                yield _from_champion(dataset, kind, champion)


def _from_champion(dataset: str, kind: str, champion: Champion) -> VersionCandidate:
    return VersionCandidate(
        name=f"{dataset}-{kind}", dataset=dataset, kind=kind, model=champion.model, run_id=champion.run_id, checkpoint=champion.checkpoint, report=champion.report,
        shards=champion.shards, score=champion.score, verdict=None, started=0.0,
    )  # fmt: skip


def _start_time(candidate: VersionCandidate) -> float:
    return candidate.started


def _update_versions(store: MlflowStore, name: str, candidates: list[VersionCandidate], root: Path) -> dict[str, str]:
    """Create missing versions, update tags of new evaluations.

    Returns:
        The version of each checkpoint.
    """
    all_versions = store.client.search_model_versions(f"name='{name}'")
    versions = {version.tags[_CHECKPOINT]: version for version in all_versions if _CHECKPOINT in version.tags}
    for candidate in candidates:
        version = versions.get(candidate.checkpoint)
        if (version is None and candidate.is_passing) or (
            version is not None and _can_load_now(version, candidate, root)
        ):
            versions[candidate.checkpoint] = _create_version(store, candidate, root)
            if version is not None:
                store.client.delete_model_version(name, version.version)
        elif version is not None and candidate.verdict is not None:
            _update_tags(store, version, candidate)
    return {checkpoint: str(version.version) for checkpoint, version in versions.items()}


def _can_load_now(version: Any, candidate: VersionCandidate, root: Path) -> bool:
    """Return whether a version without a checkpoint could have it now."""
    return str(version.source).startswith(_DVC) and candidate.form != "" and _has_checkpoint(candidate, root)


def _has_checkpoint(candidate: VersionCandidate, root: Path) -> bool:
    folder = root / paths.checkpoint(candidate.model)
    return read_checkpoint_card(folder)[1] == candidate.checkpoint and (folder / "best.safetensors").is_file()


def _create_version(store: MlflowStore, candidate: VersionCandidate, root: Path) -> Any:
    run = store.find_run(candidate.run_id)
    tags, folder = _make_tags(candidate), paths.checkpoint(candidate.model)
    options: dict[str, Any] = {"run_id": run.id if run else None}
    source = f"{_DVC}{folder}#{candidate.checkpoint}"  # the bytes are DVC's; MLflow only knows of them
    if run and candidate.form and _has_checkpoint(candidate, root):
        mlflow_run = store.client.get_run(run.id)
        model = log_model(store.client, mlflow_run, root / folder, candidate.form, candidate.step, tags)
        source, options["model_id"] = model.artifact_location, model.model_id
    why = make_sentence(candidate.verdict) if candidate.verdict else "It was champion; its report is not here any more."
    options["description"] = escape_markdown(f"{candidate.model}. {why}")
    return store.client.create_model_version(candidate.name, source, tags=tags, **options)


def _update_tags(store: MlflowStore, version: Any, candidate: VersionCandidate) -> None:
    """Write the tags of a new evaluation; remove those that an older artpipe wrote."""
    tags, score = _make_tags(candidate), candidate.score
    of_score = {f"{score.name}.{name}" for name in ("interval", "n", "comparison_key")} if score else set()
    former = version.tags.keys() & (_FORMER_TAGS | of_score)
    if former or version.tags.get(REPORT) != tags[REPORT]:
        for tag, value in tags.items():
            store.client.set_model_version_tag(version.name, version.version, tag, value)
        for tag in former:
            store.client.delete_model_version_tag(version.name, version.version, tag)


def _make_tags(candidate: VersionCandidate) -> dict[str, str]:
    """Return the grade, the deciding score, and one tag of the rest, as JSON.

    MLflow lists all tags of all versions in one narrow column.
    """
    score = candidate.score
    origin: dict[str, Any] = {"run_id": candidate.run_id, "data": candidate.shards}
    tags: dict[str, str] = {"artpipe.grade": candidate.verdict.grade if candidate.verdict else "fair"}
    if score:
        tags[score.name] = f"{score.value:.6g}"
        interval = [float(f"{end:.4g}") for end in score.interval] if score.interval else None
        origin |= {"n": score.n, "interval": interval, "comparison_key": score.comparison_key}
        origin |= {"basis": score.basis or None, "feature_extractor": score.extractor}
    return {**tags, _CHECKPOINT: candidate.checkpoint, REPORT: candidate.report, ORIGIN: json.dumps(origin)}


def _update_alias(
    store: MlflowStore, name: str, registered_model: Any, versions: dict[str, str], champions: Champions
) -> None:
    """Set the champion's alias as champions.json has it."""
    dataset, _, kind = name.rpartition("-")
    reign = champions.find(dataset, kind)
    new_version = versions.get(reign.champion.checkpoint) if reign else None
    current = registered_model.aliases.get(CHAMPION) if registered_model else None
    if new_version and str(current) != new_version:
        store.client.set_registered_model_alias(name, CHAMPION, new_version)
    elif current and not new_version:
        store.client.delete_registered_model_alias(name, CHAMPION)
