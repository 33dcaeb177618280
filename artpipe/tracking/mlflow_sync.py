"""`artpipe sync`: bring MLflow up to date with what stands on disk, or follow a training while it runs."""

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from artpipe.artifacts import paths
from artpipe.artifacts.cross_references import ingested, trained
from artpipe.artifacts.run import Journal, RunRecord, RunStart, Session
from artpipe.errors import ArtpipeError, UserError
from artpipe.language.sentences import sentence
from artpipe.system.locks import held
from artpipe.system.plain_text import plain, plain_lines, without_password
from artpipe.system.processes import guardians, handle_signals, run_child, watching
from artpipe.system.terminal import in_markdown
from artpipe.tracking.mlflow_registry import register
from artpipe.tracking.mlflow_store import CARD, RECORD, REPORT, Store, TrackedRun
from artpipe.tracking.mlflow_sync_signature import note_synced, sync_signature

_SYNC_SECONDS = 600.0  # against a server that neither answers nor refuses


def sync(root: Path = Path()) -> str:
    """Make MLflow's runs from run records, reports and the states of unfinished trainings; say what was new.

    Doing it again adds nothing. Needs the run records; of checkpoints, reports and data it takes what is there.

    Raises:
        ArtpipeError: the store cannot be reached, or something was damaged and left out, after all else was done.
    """
    try:
        signature = sync_signature(root)
        store = Store(root)
        seen, damage = _everything(store, root)
        for run_id, run in store.running().items():
            if run_id not in seen and run.tags.get("mlflow.runName") not in damage:
                run.set_status("KILLED")  # what it left was removed; without an end it would run for ever
        store.settle()
        damage |= _registered(store, root)
        store.vouch()
    except ArtpipeError:
        raise
    except Exception as error:  # MLflow, its database and its network raise their own
        raise ArtpipeError(f"MLflow: {_sentence(error)}; nothing is lost, `artpipe sync` does it later") from error
    new, trainings = store.tally, len(seen - {""})
    counts = f"{trainings} trainings; new: {new.runs} runs, {new.rows} rows, {new.pictures} pictures ({without_password(store.uri)})"
    if damage:
        raise ArtpipeError(f"MLflow: {counts}; left out: {'; '.join(damage.values())}")
    note_synced(signature, root)
    return f"MLflow: {counts}"


def sync_after() -> None:
    """Bring MLflow up to date after the last stage, so that a plain `dvc repro` does it too; its failure fails nothing.

    Whoever runs the stages and syncs at the end says so with ARTPIPE_SYNC=later.
    """
    later = os.environ.get("ARTPIPE_TRACKING") == "off" or os.environ.get("ARTPIPE_SYNC") == "later"
    if later or find_spec("mlflow") is None:
        return
    lines: list[str] = []
    code = run_child([sys.executable, "-m", "artpipe", "sync"], lines.append, timeout_seconds=_SYNC_SECONDS)
    said = lines[-1] if lines else f"MLflow: `artpipe sync` ended with exit code {code}"
    (sys.stderr if code else sys.stdout).write(f"{plain_lines(said)}\n")


def _everything(store: Store, root: Path) -> tuple[set[str], dict[str, str]]:
    """Bring every training over, each by itself; return the ids of those that are whole, and what is damaged by name."""
    seen: set[str] = set()
    damage: dict[str, str] = {}
    records = [(path.parent.name, path.parent, _published) for path in root.glob("data/runs/*/run.json")]
    states = (root / paths.STATE).glob("train/*/*/run-live.json")
    unfinished = [(path.parents[1].name, path.parent, _unfinished) for path in states]
    for name, folder, bring in [*sorted(records), *sorted(unfinished)]:
        try:
            seen.add(bring(store, root, folder, seen))
        except Exception as error:  # noqa: BLE001  # whatever is wrong with one training stops no other
            store.ask()  # raises where it is the store that is away
            place = "" if isinstance(error, ArtpipeError) else f"{folder.relative_to(root)}: "
            damage[name] = f"{place}{_sentence(error)}"
    return seen, damage


def _registered(store: Store, root: Path) -> dict[str, str]:
    """Bring the registry over; return what is wrong with the champions' file."""
    try:
        register(store, root)
    except UserError as error:
        return {"champions": str(error)}
    return {}


def follow(name: str, state: Path, root: Path = Path(), every_seconds: float = 3.0) -> None:
    """Show a training in MLflow while it runs, from the journal in its state folder; end when it has ended.

    Whatever goes wrong with the store is said once, on stderr, and left to a later `artpipe sync`.
    """
    done, said = threading.Event(), False
    handle_signals(lambda *_: done.set())
    with watching(guardians(), lambda _: done.set()):
        run: TrackedRun | None = None
        while True:
            last = done.wait(every_seconds)
            if last and run is None:
                return  # shorter than the import of MLflow: left to a later sync
            try:
                run = run or _begun(Store(root), root, _start(state))
                _live(run, state)
                if last:
                    run.set_status("FINISHED" if _complete(state) else "KILLED")
            except Exception as error:  # noqa: BLE001  # a lost server costs a training nothing
                if not said:
                    sys.stderr.write(f"{name}: MLflow: {_sentence(error)}; `artpipe sync` completes it later\n")
                said = True
                done.wait(every_seconds)
            if last:
                return


def _begun(store: Store, root: Path, start: RunStart) -> TrackedRun:
    run = store.run(start.run_id, start.dataset, start.model, start.started)
    run.log_params(_flat({**start.params, "seed": start.seed}))
    run.log_tags(_tags(start))
    known = ingested(root, start.dataset, start.shards)
    run.log_dataset(start.dataset, start.shards, str(paths.shards(start.dataset)), known)
    _count(run, known)
    _put_below(store, root, run, start, start.dataset)
    run.set_status("RUNNING")
    return run


def _live(run: TrackedRun, folder: Path) -> None:
    run.log_rows(Journal(folder / "journal.jsonl").rows())
    run.log_pictures(sorted((folder / "progress").glob("step-*")))


def _published(store: Store, root: Path, folder: Path, _seen: set[str]) -> str:
    """Bring one complete training and its evaluation over, and return its id."""
    record = RunRecord.open(folder)
    card, made = record.card, trained(root, record.card)
    dataset = made["spec"]["dataset"] if made else card.params.get("dataset", "unknown")
    run = store.run(card.run_id, dataset, card.model, card.started)
    whole = record.sha256 if made else f"{record.sha256} without checkpoint"  # which may come with a later `dvc pull`
    if run.tags.get(CARD) != whole:
        told = {"core_seconds": card.core_seconds, "steps": card.steps}
        told |= {"micro_batch": card.micro_batch} if card.micro_batch else {}
        if made:
            run.log_params({"seed": made["seed"]})
            run.log_dataset(
                dataset, made["shards"], str(paths.shards(dataset)), ingested(root, dataset, made["shards"])
            )
            told |= {"data": made["shards"], "rollbacks": made["rollbacks"]}
        run.log_params(_flat(made["params"] if made else card.params))
        _live(run, record.folder)
        run.log_tags({**_tags(card), **_prefixed(told), "artpipe.checkpoint": card.checkpoint})
        run.set_status("FINISHED", card.ended)
        run.log_tags({CARD: whole})  # last: its presence means that all of the above is there
    if made:
        _count(run, ingested(root, dataset, made["shards"]))
    _put_below(store, root, run, card, dataset)
    _evaluated(run, root, card)
    return card.run_id


def _put_below(store: Store, root: Path, run: TrackedRun, start: Session, dataset: str) -> None:
    """Show a training below its pipeline run, which began with the first training that is known of it."""
    if start.flow_run:
        files = [*root.glob("data/runs/*/run.json"), *(root / paths.STATE).glob("train/*/*/run-live.json")]
        others = [told for file in files if (told := _plain(file)).get("flow_run") == start.flow_run]
        store.put_below(run, start.flow_run, dataset, min([start.started, *(told["started"] for told in others)]))


def _plain(file: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(file.read_bytes()))
    except (OSError, ValueError):
        return {}


def _count(run: TrackedRun, known: dict[str, Any]) -> None:
    if known and run.tags.get(RECORD) != known["record"]:
        reasons = known["quarantined"]
        told = {"inputs": known["inputs"], "kept": known["kept"], "quarantined": sum(reasons.values())}
        run.log_tags(_prefixed({**told, "quarantined.reasons": json.dumps(reasons)}))
        run.log_tags({RECORD: known["record"]})


def _evaluated(run: TrackedRun, root: Path, card: Any) -> None:
    with contextlib.suppress(UserError):  # no report yet
        from artpipe.artifacts.report import load_report

        report, sha256 = load_report(root / paths.report(card.model))
        if report.checkpoint != card.checkpoint or run.tags.get(REPORT) == sha256:
            return
        again = REPORT in run.tags  # MLflow shows the latest value, so a new evaluation has a later time
        scores = {score.name: score.value for score in report.scores}
        row = {"step": card.steps, "time": time.time() if again else card.ended, "scores": scores}
        run.log_rows([row], even_known=again)
        verdict = report.verdict
        told = {"verdict": verdict.verdict, "verdict.score": verdict.score, "verdict.value": verdict.value}
        run.log_tags(
            {
                **_prefixed(told),
                "artpipe.feature_extractor": report.feature_extractor,
                "mlflow.note.content": in_markdown(sentence(verdict)),
            }
        )
        run.log_tags({REPORT: sha256})


def _unfinished(store: Store, root: Path, state: Path, seen: set[str]) -> str:
    """Bring a training over that is running or was stopped, and return its id; nothing where it is complete."""
    try:
        start = _start(state)
    except (OSError, ValidationError):
        return ""
    if start.run_id in seen:
        return ""
    run = _begun(store, root, start)
    _live(run, state)
    if not held(state.parent / "lock"):
        run.set_status("KILLED")
    return start.run_id


def _complete(state: Path) -> bool:
    steps = [row["step"] for row in Journal(state / "journal.jsonl").rows()]
    return bool(steps) and max(steps) >= int(_start(state).params.get("steps", 0))


def _start(state: Path) -> RunStart:
    return RunStart.model_validate_json((state / "run-live.json").read_bytes())


def _tags(start: Any) -> dict[str, Any]:
    """Return what tells where a run comes from; `start` is a RunStart or a RunCard."""
    names = ("stage", "flow_run", "host", "platform", "device", "precision", "threads", "sessions", "dirty", "model")
    told = {name: getattr(start, name) for name in names} | {"versions": json.dumps(start.versions)}
    if isinstance(start, RunStart):
        told["data"] = start.shards
    return {"mlflow.source.git.commit": start.commit, "artpipe.commit": start.commit, **_prefixed(told)}


def _prefixed(told: dict[str, Any]) -> dict[str, Any]:
    return {f"artpipe.{name}": value for name, value in told.items()}


def _flat(params: dict[str, Any], place: str = "") -> dict[str, Any]:
    return dict(_leaves(params, place))


def _leaves(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _leaves(inner, f"{place}.{key}" if place else str(key))
    else:
        yield place, value


def _sentence(error: Exception) -> str:
    return plain((str(error).strip() or type(error).__name__).splitlines()[0])[:300]
