"""Train one model: what it needs, its training under one writer, and what is published at the end."""

import contextlib
import importlib.util
import json
import os
import platform
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import ValidationError

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.checkpoint import CheckpointCard, Which, save_checkpoint
from artpipe.artifacts.run import RunCard, RunStart, save_run
from artpipe.artifacts.shards import ShardSet
from artpipe.code.code_yaml import installed_fingerprints
from artpipe.config.params import load_params, validated
from artpipe.contracts.model import Learner, Model
from artpipe.errors import KILLED, RanksError, SmallerPartsError, UserError
from artpipe.language.message import Message
from artpipe.system import environment
from artpipe.system.atomic_files import copy_tree, sweep, write_json, write_text, written_folder
from artpipe.system.hashing import sha256_bytes
from artpipe.system.interrupts import Stop
from artpipe.system.locks import locked
from artpipe.system.processes import Process, end_child, guardians, start_child
from artpipe.training.data import Data
from artpipe.training.device import prepare_torch
from artpipe.training.distributed import Ranks
from artpipe.training.memory_limit import within_memory
from artpipe.training.pretrained import open_pretrained
from artpipe.training.restore import build
from artpipe.training.resume_state import seed_everything
from artpipe.training.trainer import SMALLER, Training, weights

_FOLLOWER_GRACE_SECONDS = 5.0
_SIGKILL = 137  # a rank's end by it
_RANKS_GRACE_SECONDS = 12.0  # torchrun hands the signal on, the ranks save


@dataclass(frozen=True)
class Task:
    """What is to be trained; `key` names its resumable state: it changes with anything that changes the result."""

    name: str
    learner: Learner[Any]
    data: Data
    shards: ShardSet
    seed: int
    pretrained: str | None
    device: str
    precision: str
    key: str


def train_model(name: str, ancestors: Sequence[Process] | None = None) -> None:
    """Train a model, or go on where its training was stopped, and publish checkpoint and run record.

    `ancestors` are the processes whose death stops it; told by the caller, because importing torch takes seconds.

    Raises:
        UserError: params.yaml or the data do not fit.
        BusyError: another process trains it.
        StoppedError: asked to stop; the state is saved.
    """
    stop = Stop(f"training {name}")
    folder = paths.STATE / "train" / name
    with stop.listening(guardians() if ancestors is None else ancestors):
        wanted = int(str(load_params().model(name).get("ranks", 1)))
        if wanted > 1 and "WORLD_SIZE" not in os.environ:
            smaller = _state(prepare(name)) / SMALLER  # a mistake is told once, by us
            while _launch(name, wanted, smaller):
                stop.check()
            return
        ranks = Ranks.joined()
        with within_memory(f"training {name}"):
            if not ranks.first:
                _accompany(prepare(name), stop, ranks)
                return
            with locked(folder / "lock", doing=f"training {name}"):
                for place in (paths.checkpoint(name), paths.run(name)):
                    sweep(place.parent)
                _train(prepare(name), stop, ranks)
        ranks.leave()


def _launch(name: str, ranks: int, smaller: Path) -> bool:
    """Train with several ranks on this machine; a stop of ours is a stop of theirs.

    Returns:
        Whether one ran out of memory and wrote into `smaller` in what parts they are to go on.
    """
    before = smaller.read_bytes() if smaller.exists() else b""
    run = [sys.executable, "-m", "artpipe.training.torchrun", str(ranks), "train", name]
    loopback = {"GLOO_SOCKET_IFNAME": "lo", "NCCL_SOCKET_IFNAME": "lo"}
    child = start_child(run, env={**os.environ, **loopback})
    try:
        code = child.wait()
    finally:
        end_child(child, _RANKS_GRACE_SECONDS)
    if code and smaller.exists() and smaller.read_bytes() != before:
        return True
    if code:
        why = f"was {KILLED}" if code == _SIGKILL else f"ended with {code}, and what it said stands above"
        raise RanksError(f"training {name}: one of its {ranks} ranks {why}", code)
    return False


@contextlib.contextmanager
def _smaller_parts(folder: Path) -> Iterator[None]:
    """Write down in what parts the ranks are to go on where one has run out of memory; see `_launch`."""
    try:
        yield
    except SmallerPartsError as error:
        write_text(folder / SMALLER, f"{error.rows}\n")
        raise


def _accompany(task: Task, stop: Stop, ranks: Ranks) -> None:
    """Train as one of several ranks; nothing of it is kept but its share of every gradient."""
    with tempfile.TemporaryDirectory() as scratch:
        folder, own = _state(task), Path(scratch) / "state"
        if folder.is_dir():
            copy_tree(folder, own)
        ranks.meet()
        training = Training(task.name, task.learner, task.data, task.seed, own, stop, ranks)
        training.resume()
        with _smaller_parts(folder):
            training.run()
    ranks.leave()


def _state(task: Task) -> Path:
    return paths.STATE / "train" / task.name / task.key


def prepare(name: str) -> Task:
    """Read what a training needs, seed every generator and build its learner.

    Raises:
        UserError, CorruptError: something is missing, damaged or does not fit.
    """
    params = load_params()
    entry = params.model(name)
    model: Model = plugins.find("models", str(entry.get("kind")))
    shards = ShardSet.open(paths.shards(str(entry.get("dataset"))))
    if not shards.card.counts["train"]:
        raise UserError(f"{shards.folder}: no works to train {name} with; what was quarantined stands in the record")
    wanted = validated(model.params, entry, file="params.yaml", place=f"models.{name}")
    if wanted.batch_size % wanted.ranks:
        shared = f"`batch_size` {wanted.batch_size} cannot be shared evenly by {wanted.ranks} `ranks`"
        raise UserError(f"params.yaml: models.{name}: {shared}")
    device, precision = prepare_torch(wanted)
    network, pretrained = open_pretrained(Path(str(entry.get("pretrained"))), shards)
    seed_everything(params.seed)  # after the pretrained network, whose making draws numbers too
    learner = build(name, entry, shards.spec, network.to(device) if network else None)
    learner.to(device).train()
    learner.amp_dtype = torch.bfloat16 if precision == "bf16" else None
    data = Data.load(shards, model.reads, learner.params.batch_size, params.seed, device)
    told = {
        "params": learner.params.model_dump(mode="json", exclude={"save_every_seconds"}),
        "seed": params.seed,
        "shards": shards.sha256,
        "pretrained": pretrained,
    }
    machine = {"device": device.type, "precision": precision, "torch": torch.__version__}
    key = sha256_bytes(json.dumps({**told, **machine, "code": _code(learner.params.kind)}, sort_keys=True).encode())
    return Task(name, learner, data, shards, params.seed, pretrained, device.type, precision, key[:16])


def _code(kind: str) -> dict[str, str]:
    """Return the fingerprints of the code that decides a training's result: the stage's and the kind's."""
    known = installed_fingerprints()
    return {place: known[place] for place in ("train", f"models.{kind}")}


def _train(task: Task, stop: Stop, ranks: Ranks) -> None:
    folder = _state(task)
    ranks.meet()  # the others have read what is there, before anything changes
    sweep(folder / "progress")  # it is published as it stands
    training = Training(task.name, task.learner, task.data, task.seed, folder, stop, ranks)
    resumed = training.resume()
    start = _start(task, folder)
    if resumed:
        training.tell(Message(code="session_went_on", values={"session": start.sessions, "step": training.step}))
    with _followed(task.name, folder), _smaller_parts(folder):
        training.run()
    with stop.deferred():
        checkpoint = _publish_checkpoint(task, training)
        _publish_run(task, training, start, checkpoint)
        for state in (path for path in folder.parent.iterdir() if path.is_dir()):
            shutil.rmtree(state)  # those of other parameters too: the newest result stands


def _start(task: Task, folder: Path) -> RunStart:
    """Write `run-live.json`; id and first start are those of the session before, if there was one."""
    file = folder / "run-live.json"
    before: RunStart | None = None
    try:
        before = RunStart.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        pass
    except (OSError, ValidationError):
        sys.stderr.write(f"training {task.name}: {file}: not what was written; the run has a new id from here on\n")
    commit = environment.commit()
    if commit.missing:
        sys.stderr.write(f"training {task.name}: the run record names no commit: {commit.missing}\n")
    start = RunStart(
        run_id=before.run_id if before else uuid.uuid4().hex,
        model=task.name,
        kind=task.learner.params.kind,
        dataset=task.learner.params.dataset,
        stage=environment.stage(f"train@{task.name}"),
        params=task.learner.params.model_dump(mode="json"),
        seed=task.seed,
        shards=task.shards.sha256,
        pretrained=task.pretrained,
        started=before.started if before else time.time(),
        sessions=before.sessions + 1 if before else 1,
        works=task.shards.spec.count,
        host=platform.node(),
        platform=platform.platform(),
        versions=environment.versions(),
        threads=torch.get_num_threads(),
        device=task.device,
        precision=task.precision,
        commit=commit.hash,
        commit_missing=commit.missing,
        dirty=commit.dirty,
        flow_run=environment.flow_run(),
    )
    write_json(file, start.model_dump(mode="json"))
    return start


@contextlib.contextmanager
def _followed(name: str, state: Path) -> Iterator[None]:
    """Let `artpipe sync` show the journal in MLflow meanwhile; whether it can never matters to the training."""
    if os.environ.get("ARTPIPE_TRACKING") == "off" or importlib.util.find_spec("mlflow") is None:
        yield
        return
    command = [sys.executable, "-m", "artpipe", "sync", "--follow", name, "--state", str(state)]
    with (state / "sync.log").open("w") as log:
        child = start_child(command, nice=10, grace_seconds=_FOLLOWER_GRACE_SECONDS, stdout=log)
    try:
        yield
    finally:
        end_child(child, _FOLLOWER_GRACE_SECONDS)


def _publish_checkpoint(task: Task, training: Training) -> str:
    ledger, final = training.ledger, weights(task.learner)
    steps: dict[Which, int] = {"final": training.step, "best": ledger.best_step if ledger.best else training.step}
    card = CheckpointCard(
        name=task.name,
        kind=task.learner.params.kind,
        params=task.learner.params.model_dump(mode="json"),
        seed=task.seed,
        shards=task.shards.sha256,
        pretrained=task.pretrained,
        code=_code(task.learner.params.kind)[f"models.{task.learner.params.kind}"],
        spec=task.shards.spec,
        steps=steps,
        selection=task.learner.selects[0] if task.learner.selects and ledger.best else None,
        history=tuple(ledger.history),
        rollbacks=ledger.rollbacks,
        diverged=ledger.diverged,
        micro_batch=ledger.micro_batch,
        files={},
    )
    with written_folder(paths.checkpoint(task.name)) as folder:
        return save_checkpoint(folder, card, {"final": final, "best": ledger.best or final})


def _publish_run(task: Task, training: Training, start: RunStart, checkpoint: str) -> None:
    shared = {key: value for key, value in start.model_dump().items() if key in RunCard.model_fields}
    card = RunCard(
        **shared,
        checkpoint=checkpoint,
        ended=max(time.time(), start.started),  # the clock may have been set back
        core_seconds=(training.core_seconds + time.process_time()) * training.ranks.count,
        steps=training.step,
        micro_batch=training.ledger.micro_batch,
    )
    with written_folder(paths.run(task.name)) as folder:
        if training.journal.path.exists():
            shutil.copyfile(training.journal.path, folder / "journal.jsonl")
        if (training.folder / "progress").is_dir():
            copy_tree(training.folder / "progress", folder / "progress")
        save_run(folder, card)
