"""Train one model: its inputs, the training itself, and what is published."""

import contextlib
import json
import os
import platform
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.checkpoint import CheckpointCard, save_checkpoint
from artpipe.artifacts.run import RunCard, RunStart, save_run
from artpipe.artifacts.shards import ShardSet
from artpipe.code.stage_fingerprints import installed_fingerprints
from artpipe.config.params import load_params, validate_as
from artpipe.contracts.model import Learner, Model
from artpipe.errors import SIGKILL_MESSAGE, RanksError, SmallerPartsError, UserError
from artpipe.language.message import Message
from artpipe.system import environment
from artpipe.system.ancestors import find_session_ancestors
from artpipe.system.atomic_files import copy_tree, remove_stale_temporaries, write_folder, write_json, write_text
from artpipe.system.hashing import sha256_bytes
from artpipe.system.interrupts import StopRequest
from artpipe.system.locks import hold_lock
from artpipe.system.processes import Process, end_child, start_child
from artpipe.training.data import TrainingData
from artpipe.training.device import prepare_torch
from artpipe.training.distributed import Ranks
from artpipe.training.history import copy_weights
from artpipe.training.memory_limit import report_memory_errors
from artpipe.training.pretrained import open_pretrained
from artpipe.training.restore import build_learner
from artpipe.training.resume_state import seed_everything
from artpipe.training.trainer import MICRO_BATCH_FILE, Trainer

_SIGKILL = 137  # a rank's end by it
_RANKS_GRACE_SECONDS = 12.0  # torchrun hands the signal on, the ranks save


@dataclass(frozen=True)
class TrainingTask:
    """A training's inputs; `key` names its state and changes with all that decides it."""

    name: str
    learner: Learner[Any]
    data: TrainingData
    shards: ShardSet
    seed: int
    pretrained: str | None
    device: str
    precision: str
    key: str


def train_model(
    name: str, ancestors: Sequence[Process] | None = None, when_begun: Callable[[], None] = lambda: None
) -> None:
    """Train a model, or resume, and publish checkpoint and run record.

    `ancestors` are the processes whose death stops it; told by the caller, because importing torch takes seconds.
    `when_begun` is called once the training has its lock and has written what it begins with.

    Raises:
        UserError: params.yaml or the data do not fit.
        BusyError: another process trains it.
        StoppedError: asked to stop; the state is saved.
    """
    stop = StopRequest(f"training {name}")
    folder = paths.STATE / "train" / name
    with stop.listen(find_session_ancestors() if ancestors is None else ancestors):
        rank_count = int(str(load_params().model(name).get("ranks", 1)))
        if rank_count > 1 and "WORLD_SIZE" not in os.environ:
            smaller = _state_folder(prepare_training(name)) / MICRO_BATCH_FILE  # a mistake is reported once, here
            while _launch_ranks(name, rank_count, smaller):
                stop.check()
            return
        ranks = Ranks.join()
        with report_memory_errors(f"training {name}"):
            if not ranks.is_first:
                _train_as_follower(prepare_training(name), stop, ranks)
                return
            with hold_lock(folder / "lock", doing=f"training {name}"):
                for result_folder in (paths.checkpoint(name), paths.run(name)):
                    remove_stale_temporaries(result_folder.parent)
                _train(prepare_training(name), stop, ranks, when_begun)
        ranks.leave()


def _launch_ranks(name: str, ranks: int, smaller: Path) -> bool:
    """Train with several ranks on this machine; stopping this process stops them.

    Returns:
        Whether one ran out of memory and wrote into `smaller` in what parts they are to go on.
    """
    former_parts = smaller.read_bytes() if smaller.exists() else b""
    command = [sys.executable, "-m", "artpipe.training.torchrun", str(ranks), "train", name]
    loopback = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
    child = start_child(command, env={**os.environ, **loopback})
    try:
        code = child.wait()
    finally:
        end_child(child, _RANKS_GRACE_SECONDS)
    if code and smaller.exists() and smaller.read_bytes() != former_parts:
        return True
    if code:
        reason = f"was {SIGKILL_MESSAGE}" if code == _SIGKILL else f"ended with {code}, and what it said stands above"
        raise RanksError(f"training {name}: one of its {ranks} ranks {reason}", code)
    return False


@contextlib.contextmanager
def _record_smaller_parts(folder: Path) -> Iterator[None]:
    """Record the smaller parts to go on with where a rank has run out of memory."""
    try:
        yield
    except SmallerPartsError as error:
        write_text(folder / MICRO_BATCH_FILE, f"{error.rows}\n")
        raise


def _train_as_follower(task: TrainingTask, stop: StopRequest, ranks: Ranks) -> None:
    """Train as one of several ranks, and keep nothing but the shared gradients."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, own_folder = _state_folder(task), Path(scratch) / "state"
        if folder.is_dir():
            copy_tree(folder, own_folder)
        ranks.wait_for_all()
        training = Trainer(task.name, task.learner, task.data, task.seed, own_folder, stop, ranks)
        training.resume()
        with _record_smaller_parts(folder):
            training.run()
    ranks.leave()


def _state_folder(task: TrainingTask) -> Path:
    return paths.STATE / "train" / task.name / task.key


def prepare_training(name: str) -> TrainingTask:
    """Read a training's inputs, seed every generator and build its learner.

    Raises:
        UserError, CorruptError: something is missing, damaged or does not fit.
    """
    params = load_params()
    entry = params.model(name)
    model: Model = plugins.load_plugin("models", str(entry.get("kind")))
    shards = ShardSet.open(paths.shards(str(entry.get("dataset"))))
    if not shards.card.counts["train"]:
        raise UserError(f"{shards.folder}: no works to train {name} with; what was quarantined stands in the record")
    checked_params = validate_as(model.params, entry, file="params.yaml", place=f"models.{name}")
    if checked_params.batch_size % checked_params.ranks:
        problem = f"`batch_size` {checked_params.batch_size} cannot be shared evenly by {checked_params.ranks} `ranks`"
        raise UserError(f"params.yaml: models.{name}: {problem}")
    device, precision = prepare_torch(checked_params)
    network, pretrained = open_pretrained(Path(str(entry.get("pretrained"))), shards)
    seed_everything(params.seed)  # after the pretrained network, whose making draws numbers too
    learner = build_learner(name, entry, shards.spec, network.to(device) if network else None)
    learner.to(device).train()
    learner.amp_dtype = torch.bfloat16 if precision == "bf16" else None
    columns = model.reads | (model.optional & set(shards.spec.columns))
    data = TrainingData.load(shards, columns, learner.params.batch_size, params.seed, device)
    inputs = {
        "params": learner.params.model_dump(mode="json", exclude={"save_every_seconds"}),
        "seed": params.seed,
        "shards": shards.sha256,
        "pretrained": pretrained,
    }
    machine = {"device": device.type, "precision": precision, "torch": torch.__version__}
    code = _code_fingerprints(learner.params.kind)
    key = sha256_bytes(json.dumps({**inputs, **machine, "code": code}, sort_keys=True).encode())
    return TrainingTask(name, learner, data, shards, params.seed, pretrained, device.type, precision, key[:16])


def _code_fingerprints(kind: str) -> dict[str, str]:
    """Return the fingerprints of the code that decides a training's result."""
    return {place: installed_fingerprints()[place] for place in ("train", f"models.{kind}")}


def _train(task: TrainingTask, stop: StopRequest, ranks: Ranks, when_begun: Callable[[], None]) -> None:
    folder = _state_folder(task)
    ranks.wait_for_all()  # the others have read what is there, before anything changes
    remove_stale_temporaries(folder / "progress")  # it is published as it stands
    training = Trainer(task.name, task.learner, task.data, task.seed, folder, stop, ranks)
    is_resumed, start = training.resume(), _write_run_start(task, folder)
    if is_resumed:
        training.log_event(Message(code="session_went_on", values={"session": start.sessions, "step": training.step}))
    when_begun()
    with _record_smaller_parts(folder):
        training.run()
    with stop.defer():
        checkpoint = _publish_checkpoint(task, training)
        _publish_run(task, training, start, checkpoint)
        for state in (path for path in folder.parent.iterdir() if path.is_dir()):
            shutil.rmtree(state)  # those of other parameters too: the newest result stands


def _write_run_start(task: TrainingTask, folder: Path) -> RunStart:
    """Write `run-live.json`, with id and start of the former session if there was one."""
    file = folder / "run-live.json"
    former: RunStart | None = None
    try:
        former = RunStart.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        pass
    except (OSError, ValidationError):
        sys.stderr.write(f"training {task.name}: {file}: not what was written; the run has a new id from here on\n")
    commit = environment.read_commit()
    if commit.missing:
        sys.stderr.write(f"training {task.name}: the run record names no commit: {commit.missing}\n")
    start = RunStart(
        run_id=former.run_id if former else uuid.uuid4().hex,
        model=task.name,
        kind=task.learner.params.kind,
        dataset=task.learner.params.dataset,
        stage=environment.stage_name(f"train@{task.name}"),
        params=task.learner.params.model_dump(mode="json"),
        seed=task.seed,
        shards=task.shards.sha256,
        pretrained=task.pretrained,
        started=former.started if former else time.time(),
        sessions=former.sessions + 1 if former else 1,
        works=task.shards.spec.count,
        host=platform.node(),
        platform=platform.platform(),
        versions=environment.package_versions(),
        threads=torch.get_num_threads(),
        device=task.device,
        precision=task.precision,
        commit=commit.hash,
        commit_missing=commit.missing,
        dirty=commit.dirty,
        flow_run=environment.flow_run_id(),
    )
    write_json(file, start.model_dump(mode="json"))
    return start


def _publish_checkpoint(task: TrainingTask, training: Trainer) -> str:
    history, final = training.history, copy_weights(task.learner)
    best_step = history.best_step if history.best else training.step
    card = CheckpointCard(
        name=task.name,
        kind=task.learner.params.kind,
        params=task.learner.params.model_dump(mode="json"),
        seed=task.seed,
        shards=task.shards.sha256,
        pretrained=task.pretrained,
        code=_code_fingerprints(task.learner.params.kind)[f"models.{task.learner.params.kind}"],
        spec=task.shards.spec,
        steps={"final": training.step, "best": best_step},
        selection=task.learner.selection_measure[0] if task.learner.selection_measure and history.best else None,
        history=tuple(history.points),
        rollbacks=history.rollbacks,
        diverged=history.diverged,
        micro_batch=history.micro_batch,
        files={},
    )
    with write_folder(paths.checkpoint(task.name)) as folder:
        return save_checkpoint(folder, card, {"final": final, "best": history.best or final})


def _publish_run(task: TrainingTask, training: Trainer, start: RunStart, checkpoint: str) -> None:
    session_fields = {key: value for key, value in start.model_dump().items() if key in RunCard.model_fields}
    usage, ranks = training.usage.state(), training.ranks.world_size
    card = RunCard(
        **session_fields,
        checkpoint=checkpoint,
        ended=max(time.time(), start.started),  # the clock may have been set back
        core_seconds=usage["core_seconds"] * ranks,
        busy_seconds=usage["busy_seconds"],
        peak_memory=int(usage["peak_memory"]) * ranks,
        peak_gpu_memory=int(usage["peak_gpu_memory"]) * ranks or None,
        steps=training.step,
        micro_batch=training.history.micro_batch,
    )
    with write_folder(paths.run(task.name)) as folder:
        if training.journal.path.exists():
            shutil.copyfile(training.journal.path, folder / "journal.jsonl")
        if (training.folder / "progress").is_dir():
            copy_tree(training.folder / "progress", folder / "progress")
        save_run(folder, card)
