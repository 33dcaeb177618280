"""`artpipe sync`: bring MLflow up to date with the disk."""

import contextlib
import json
import os
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from artpipe.artifacts import paths
from artpipe.artifacts.cross_references import find_ingest_record, find_trained_checkpoint
from artpipe.artifacts.mlflow_run_ids import save_mlflow_run_ids
from artpipe.artifacts.run import Journal, RunCard, RunRecord, RunStart, TrainingSession
from artpipe.artifacts.training_cost import estimate_cost, load_energy_params
from artpipe.errors import ArtpipeError, UserError
from artpipe.system.hashing import sha256_bytes
from artpipe.system.locks import is_locked
from artpipe.system.plain_text import hide_passwords, to_printable, to_printable_lines
from artpipe.system.processes import run_child
from artpipe.tracking.mlflow_pipeline_runs import PipelineRuns
from artpipe.tracking.mlflow_registry import update_registry
from artpipe.tracking.mlflow_rows import flatten_params
from artpipe.tracking.mlflow_store import CARD, RECORD, REPORT, MlflowStore, TrackedRun
from artpipe.tracking.mlflow_sync_signature import compute_signature, save_signature
from artpipe.tracking.run_columns import (
    describe_environment,
    describe_evaluation,
    describe_intervals,
    describe_training,
    find_former_tags,
    find_gallery_url,
    make_note,
)
from artpipe.tracking.sync_result import SyncResult

_NOTE, _OWN_NOTE = "mlflow.note.content", "artpipe.note"  # MLflow's description; the hash of what was written there
_SYNC_SECONDS = 600.0  # against a server that neither answers nor refuses


def sync(root: Path = Path()) -> SyncResult:
    """Make MLflow's runs from what is on disk; return what was new.

    Reads run records, reports and the states of unfinished trainings; of checkpoints and data it takes what is there.
    Doing it again adds nothing.

    Raises:
        ArtpipeError: the store cannot be reached, or something was damaged and left out, after all else was done.
    """
    try:
        signature = compute_signature(root)
        store = MlflowStore(root)
        pipeline_runs = PipelineRuns(store)
        run_ids, damage = _sync_trainings(store, pipeline_runs, root)
        for run_id, run in store.find_running().items():
            if run_id not in run_ids and run.tags.get("mlflow.runName") not in damage:
                run.set_status("KILLED")  # what it left was removed; without an end it would run for ever
        pipeline_runs.update()
        damage |= _sync_registry(store, root)
        store.note_hashes()
        save_mlflow_run_ids(root, store.run_ids)
    except ArtpipeError:
        raise
    except Exception as error:  # MLflow, its database and its network raise their own
        raise ArtpipeError(f"MLflow: {first_line(error)}; nothing is lost, `artpipe sync` does it later") from error
    result = SyncResult(hide_passwords(store.uri), len(run_ids - {""}), store.tally)
    if damage:
        raise ArtpipeError(f"{result.to_text()}; left out: {'; '.join(damage.values())}")
    save_signature(signature, root)
    return result


def sync_after_last_stage() -> None:
    """Bring MLflow up to date after the last stage, so that `dvc repro` does it too.

    Its failure fails nothing. Whoever runs the stages and syncs at the end sets ARTPIPE_SYNC=later.
    """
    is_off = os.environ.get("ARTPIPE_TRACKING") == "off" or os.environ.get("ARTPIPE_SYNC") == "later"
    if is_off or find_spec("mlflow") is None:
        return
    lines: list[str] = []
    code = run_child([sys.executable, "-m", "artpipe", "sync"], lines.append, timeout_seconds=_SYNC_SECONDS)
    message = lines[-1] if lines else f"MLflow: `artpipe sync` ended with exit code {code}"
    (sys.stderr if code else sys.stdout).write(f"{to_printable_lines(message)}\n")


def _sync_trainings(store: MlflowStore, pipeline_runs: PipelineRuns, root: Path) -> tuple[set[str], dict[str, str]]:
    """Bring every training over, each by itself.

    Returns:
        The ids of those that were brought over, and what is damaged by name.
    """
    run_ids: set[str] = set()
    damage: dict[str, str] = {}
    records = [(path.parent.name, path.parent, _sync_complete) for path in root.glob("data/runs/*/run.json")]
    states = (root / paths.STATE).glob("train/*/*/run-live.json")
    unfinished = [(path.parents[1].name, path.parent, _sync_unfinished) for path in states]
    for name, folder, sync_folder in [*sorted(records), *sorted(unfinished)]:
        try:
            run_ids.add(sync_folder(store, root, folder, run_ids, pipeline_runs))
        except Exception as error:  # noqa: BLE001  # whatever is wrong with one training stops no other
            store.require_reachable()  # raises where it is the store that is away
            prefix = "" if isinstance(error, ArtpipeError) else f"{folder.relative_to(root)}: "
            damage[name] = f"{prefix}{first_line(error)}"
    return run_ids, damage


def _sync_registry(store: MlflowStore, root: Path) -> dict[str, str]:
    """Update the registry; return what is wrong with the champions' file."""
    try:
        update_registry(store, root)
    except UserError as error:
        return {"champions": str(error)}
    return {}


def start_run(store: MlflowStore, root: Path, start: RunStart, pipeline_runs: PipelineRuns | None = None) -> TrackedRun:
    """Show a training that has begun, as running."""
    run = store.get_or_create_run(start.run_id, start.dataset, start.model, start.started)
    run.log_params(flatten_params({**start.params, "seed": start.seed}))
    run.log_tags(
        {**_make_tags(start), **describe_training(start, start.kind, start.dataset), **describe_environment(start)}
    )
    counts = find_ingest_record(root, start.dataset, start.shards)
    run.log_dataset(start.dataset, start.shards, str(paths.shards(start.dataset)), counts)
    _log_counts(run, counts)
    _set_pipeline_run(pipeline_runs or PipelineRuns(store), root, run, start, start.dataset)
    run.set_status("RUNNING")
    return run


def log_journal(run: TrackedRun, folder: Path) -> None:
    """Log what is new in journal and pictures of a state or a run record."""
    run.log_rows(Journal(folder / "journal.jsonl").rows())
    run.log_pictures(sorted((folder / "progress").glob("step-*")))


def _sync_complete(
    store: MlflowStore, root: Path, folder: Path, _run_ids: set[str], pipeline_runs: PipelineRuns
) -> str:
    """Bring one complete training and its evaluation over, and return its id."""
    record = RunRecord.open(folder)
    card, checkpoint = record.card, find_trained_checkpoint(root, record.card)
    dataset = checkpoint["spec"]["dataset"] if checkpoint else card.params.get("dataset", "unknown")
    run = store.get_or_create_run(card.run_id, dataset, card.model, card.started)
    marker = (
        record.sha256 if checkpoint else f"{record.sha256} without checkpoint"
    )  # which may come with a later `dvc pull`
    if run.tags.get(CARD) != marker:
        tags = {"steps": card.steps}
        tags |= {"micro_batch": card.micro_batch} if card.micro_batch else {}
        if checkpoint:
            run.log_params({"seed": checkpoint["seed"]})
            run.log_dataset(
                dataset,
                checkpoint["shards"],
                str(paths.shards(dataset)),
                find_ingest_record(root, dataset, checkpoint["shards"]),
            )
            tags |= {"data": checkpoint["shards"], "rollbacks": checkpoint["rollbacks"]}
        run.log_params(flatten_params(checkpoint["params"] if checkpoint else card.params))
        log_journal(run, record.folder)
        run.log_tags({**_make_tags(card), **_add_prefix(tags), "artpipe.checkpoint": card.checkpoint})
        run.set_status("FINISHED", card.ended)
        run.log_tags({CARD: marker})  # last: its presence means that all of the above is there
    if checkpoint:
        _log_counts(run, find_ingest_record(root, dataset, checkpoint["shards"]))
    kind = str(card.params.get("kind", "unknown"))
    _log_columns(run, describe_training(card, kind, dataset) | describe_environment(card))
    run.delete_tags(find_former_tags(run.tags))
    _log_cost(run, root, card)
    _set_pipeline_run(pipeline_runs, root, run, card, dataset)
    _log_evaluation(run, root, card)
    return card.run_id


def _log_columns(run: TrackedRun, columns: dict[str, str]) -> None:
    if any(run.tags.get(name) != value for name, value in columns.items()):
        run.log_tags(columns)


def _set_pipeline_run(
    pipeline_runs: PipelineRuns, root: Path, run: TrackedRun, start: TrainingSession, dataset: str
) -> None:
    """Put a training below its pipeline run, which began with its first training."""
    if not start.flow_run:
        return

    def find_start() -> float:
        files = [*root.glob("data/runs/*/run.json"), *(root / paths.STATE).glob("train/*/*/run-live.json")]
        others: list[float] = [
            fields["started"] for fields in map(_read_json, files) if fields.get("flow_run") == start.flow_run
        ]
        return min([start.started, *others])

    pipeline_runs.put_below(run, start.flow_run, dataset, find_start)


def _read_json(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_bytes()))
    except (OSError, ValueError):
        return {}


def _log_cost(run: TrackedRun, root: Path, card: RunCard) -> None:
    """Log what the training cost; the energy anew where params.yaml assumes others."""
    cost = estimate_cost(card, load_energy_params(root))
    tags = {"core_seconds": cost.core_seconds, "peak_memory_gib": cost.peak_memory_gib, "energy_wh": cost.energy_wh}
    known = {f"artpipe.{name}": f"{value:.6g}" for name, value in tags.items() if value is not None}
    if any(run.tags.get(name) != value for name, value in known.items()):
        run.log_tags(known)


def _log_counts(run: TrackedRun, counts: dict[str, Any]) -> None:
    if counts and run.tags.get(RECORD) != counts["record"]:
        reasons = counts["quarantined"]
        tags = {"inputs": counts["inputs"], "kept": counts["kept"], "quarantined": sum(reasons.values())}
        run.log_tags(_add_prefix({**tags, "quarantined.reasons": json.dumps(reasons)}))
        run.log_tags({RECORD: counts["record"]})


def _log_evaluation(run: TrackedRun, root: Path, card: Any) -> None:
    with contextlib.suppress(UserError):  # no report yet
        from artpipe.artifacts.report import load_report

        report, sha256 = load_report(root / paths.report(card.model))
        if report.checkpoint != card.checkpoint:
            return
        _log_columns(run, describe_evaluation(report) | describe_intervals(report))
        _log_note(run, make_note(report, find_gallery_url(root)))
        if run.tags.get(REPORT) == sha256:
            return
        is_new_evaluation = REPORT in run.tags  # MLflow shows the latest value, so a new evaluation has a later time
        scores = {f"{score.name}.{score.comparison_key}": score.value for score in report.scores}
        row = {"step": card.steps, "time": time.time() if is_new_evaluation else card.ended, "scores": scores}
        run.log_rows([row], even_logged=is_new_evaluation)
        verdict = report.verdict
        grade = {
            "grade": verdict.grade,
            "fault": verdict.fault,
            "grade.score": verdict.score,
            "grade.value": verdict.value,
        }
        run.log_tags({**_add_prefix(grade), "artpipe.feature_extractor": report.feature_extractor})
        run.log_tags({REPORT: sha256})


def _log_note(run: TrackedRun, note: str) -> None:
    """Write a run's description; what a person wrote there stays."""
    present = run.tags.get(_NOTE, "")
    is_own = run.tags.get(_OWN_NOTE, sha256_bytes(present.encode())) == sha256_bytes(present.encode())
    if is_own and present != note:
        run.log_tags({_NOTE: note, _OWN_NOTE: sha256_bytes(note.encode())})


def _sync_unfinished(
    store: MlflowStore, root: Path, state: Path, run_ids: set[str], pipeline_runs: PipelineRuns
) -> str:
    """Bring a running or stopped training over, and return its id.

    Empty where it is complete.
    """
    try:
        start = read_start(state)
    except (OSError, ValidationError):
        return ""
    if start.run_id in run_ids:
        return ""
    run = start_run(store, root, start, pipeline_runs)
    log_journal(run, state)
    if not is_locked(state.parent / "lock"):
        run.set_status("KILLED")
    return start.run_id


def read_start(state: Path) -> RunStart:
    """Return what a training wrote into its state folder when it began."""
    return RunStart.model_validate_json((state / "run-live.json").read_bytes())


def _make_tags(start: Any) -> dict[str, Any]:
    """Return tags that say where a run comes from; `start` is a RunStart or a RunCard."""
    names = ("stage", "flow_run", "host", "device", "sessions", "dirty", "model")
    tags = {name: getattr(start, name) for name in names}
    if isinstance(start, RunStart):
        tags["data"] = start.shards
    return {"mlflow.source.git.commit": start.commit, "artpipe.commit": start.commit, **_add_prefix(tags)}


def _add_prefix(tags: dict[str, Any]) -> dict[str, Any]:
    return {f"artpipe.{name}": value for name, value in tags.items()}


def first_line(error: Exception) -> str:
    """Return an error as one printable line."""
    return to_printable((str(error).strip() or type(error).__name__).splitlines()[0])[:300]
