"""One training: the loop with journal, evaluation points, state and rollbacks."""

import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from torch import Tensor

from artpipe.artifacts.checkpoint import HistoryRow
from artpipe.artifacts.run import Journal
from artpipe.contracts.model import Learner, Prompt
from artpipe.errors import ArtpipeError, SmallerPartsError, StoppedError
from artpipe.language.message import Message
from artpipe.language.sentences import make_sentence
from artpipe.system.atomic_files import write_bytes
from artpipe.system.interrupts import StopRequest
from artpipe.training.data import TrainingData, sample_indices
from artpipe.training.distributed import Ranks
from artpipe.training.exhibit_files import encode_sheet
from artpipe.training.history import TrainingHistory, copy_weights
from artpipe.training.loop import Losses, RunningMeans, describe_divergence, find_nonfinite_weight, training_steps
from artpipe.training.memory_limit import MemoryLimitedStepper
from artpipe.training.progress_bar import ProgressBar
from artpipe.training.resource_usage import ResourceUsage
from artpipe.training.resume_state import (
    StateStore,
    evaluation_mode,
    flatten,
    load_random_state,
    random_state,
    unflatten,
)

MICRO_BATCH_FILE = "micro-batch"  # file in a state folder: how many rows at once a rank found to be too many, halved


class Trainer:
    """Drives a learner to its last step; `folder` is the state folder.

    With several ranks all do the same, and the first alone speaks and saves.
    """

    def __init__(
        self,
        name: str,
        learner: Learner[Any],
        data: TrainingData,
        seed: int,
        folder: Path,
        stop: StopRequest,
        ranks: Ranks | None = None,
    ) -> None:
        self.ranks = ranks or Ranks()
        self.ranks.average_gradients(learner)
        self.name, self.learner, self.data, self.seed, self.stop = name, learner, data, seed, stop
        self.params = learner.params
        self.device = next(learner.parameters()).device
        self.folder, self.store, self.journal = folder, StateStore(folder), Journal(folder / "journal.jsonl")
        self.history = TrainingHistory()
        self.since_log, self.since_point = RunningMeans(), RunningMeans()
        self.journal_rows = 0
        self.usage = ResourceUsage()
        self._last_good_state: dict[str, Any] | None = None
        self._last_means: dict[str, float] = {}
        self._saved_at = time.monotonic()
        self._progress_bar: ProgressBar | None = None

    @property
    def step(self) -> int:
        """Return the number of finished steps."""
        return self.learner.steps_done

    @property
    def is_finished(self) -> bool:
        """Say whether the training is evaluated at its last step, given up or stalled."""
        return self.history.diverged or self._is_stalled or (self.step >= self.params.steps and not self._is_point_due)

    @property
    def _is_stalled(self) -> bool:
        """Say whether the last `patience` evaluation points were no better than the best."""
        points = [row.step for row in self.history.points if row.step > self.history.best_step]
        at_point = bool(points) and points[-1] == self.step
        return bool(self.params.patience and self.history.best and at_point and len(points) >= self.params.patience)

    # -- state ---------------------------------------------------------------------------------------------------

    def resume(self) -> bool:
        """Load the newest intact state, if there is one; log which were damaged."""
        state_tree = self.store.load()
        if state_tree is not None:
            state = unflatten(state_tree)
            self._load_snapshot(state["now"])
            self._last_good_state = state["good"]
            self.history = TrainingHistory.from_state(state["ledger"])
            self.usage.add_former(state["usage"])
        self.journal.truncate(self.journal_rows)
        self._adopt_smaller_micro_batch()
        for damage in self.store.damage_messages:
            self.log_event(Message(code="state_damaged", values={"damage": damage}))
        if self.store.damage_messages and state_tree is None:
            self.log_event(Message(code="states_lost"))
        return state_tree is not None

    def save(self) -> None:
        """Write the journal, then the state, so that it never counts lost rows."""
        if not self.ranks.is_first:
            return
        self.journal.sync()
        state = {"now": self._take_snapshot(), "good": self._last_good_state, "ledger": self.history.state()}
        self.store.save(flatten({**state, "usage": self.usage.state()}))
        self._saved_at = time.monotonic()

    def _take_snapshot(self) -> dict[str, Any]:
        return {
            "learner": self.learner.training_state(),
            "sampler": self.data.batches.sampler.state(),
            "random": random_state(self.device),
            "since_log": self.since_log.state(),
            "since_point": self.since_point.state(),
            "rows": self.journal_rows,
        }

    def _load_snapshot(self, state: Mapping[str, Any]) -> None:
        self.learner.load_training_state(state["learner"])
        self.data.batches.sampler.load_state(state["sampler"])
        self.since_log.load_state(state["since_log"])
        self.since_point.load_state(state["since_point"])
        self.journal_rows = state["rows"]
        load_random_state(state["random"], self.device)  # last, because nothing after it may draw

    # -- the loop ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Train to the end, whatever was done before.

        Raises:
            StoppedError: asked to stop; the state is saved.
            ArtpipeError: the weights were not finite before the first step.
        """
        with self.stop.defer(), self._open_progress_bar() as self._progress_bar:
            try:
                if not self.step:
                    self.learner.prepare_training(self.data.batches.columns.raw)
                self._evaluate_if_due()
                self._update_progress_bar()
                stepper = MemoryLimitedStepper(self.history.micro_batch, self._reduce_micro_batch)
                step_losses = training_steps(self.learner, self.data.batches, self.ranks, self.seed, stepper)
                for losses in () if self.is_finished else step_losses:
                    self._finish_step(losses)
                    if self.is_finished:
                        break
            except StoppedError:
                self.save()
                self._progress_bar.print_news(f"saved at step {self.step}")
                raise
            self._update_progress_bar()

    def _finish_step(self, losses: Losses) -> None:
        self.since_log.add(losses)
        self.since_point.add(losses)
        divergence = None
        if self.step % self.params.log_every_steps == 0 or self.step >= self.params.steps:
            divergence = self._log_losses()
        if divergence:
            self._roll_back(divergence)
        else:
            self._evaluate_if_due()
        if self._progress_bar and self._progress_bar.is_due():
            self._update_progress_bar()
        if time.monotonic() - self._saved_at >= self.params.save_every_seconds:
            self.save()
        if self.ranks.is_set_anywhere(self.stop.reason is not None, self.device):
            self.stop.reason = self.stop.reason or "another rank was asked to"
        self.stop.check()

    def _reduce_micro_batch(self, rows: int, batch_rows: int, reason: str) -> None:
        """Lower the number of rows that are learned from at once.

        Raises:
            SmallerPartsError: there are other ranks; they wait for a gradient that will not come, so all begin again.
        """
        if self.ranks.world_size > 1:
            raise SmallerPartsError(f"rank {self.ranks.rank}: out of memory: {reason}", rows)
        self.history.micro_batch = rows
        self.log_event(Message(code="memory_short", values={"why": reason, "batch": batch_rows, "rows": rows}))

    def _adopt_smaller_micro_batch(self) -> None:
        """Adopt what a rank wrote when it ran out of memory, if it is smaller."""
        limit_file = self.folder / MICRO_BATCH_FILE
        rows = int(limit_file.read_text(encoding="utf-8")) if limit_file.exists() else 0
        if rows and rows < (self.history.micro_batch or rows + 1):
            self.history.micro_batch = rows
            self.log_event(Message(code="memory_short_in_rank", values={"rows": rows}))

    def _log_row(self, **row: Any) -> None:
        self.journal.append({"step": self.step, "time": time.time(), **row})
        self.journal_rows += 1

    def log_event(self, event: Message) -> None:
        """Append an event to the journal and print it."""
        self._log_row(event=event.model_dump(mode="json"))
        if self._progress_bar:
            self._progress_bar.print_news(make_sentence(event))

    def _log_losses(self) -> Message | None:
        self._last_means = self.since_log.take()
        problem = describe_divergence(self._last_means, self.history.usual, self.params.explosion)
        if problem is None and self._last_means:
            self._log_row(losses=self._last_means)
        return problem

    def _open_progress_bar(self) -> ProgressBar:
        silent = None if self.ranks.is_first else Console(quiet=True)
        return ProgressBar(self.name, self.params.steps, self.step, silent)

    def _update_progress_bar(self) -> None:
        if self._progress_bar:
            self._progress_bar.update(self.step, self._means, self.params.batch_size)

    def _means(self) -> dict[str, float]:
        return self.since_log.means() or self._last_means

    def _roll_back(self, problem: Message) -> None:
        """Return to the last evaluation point at half the learning rate, or give up there."""
        if self._last_good_state is None:
            raise ArtpipeError(f"training {self.name}: {make_sentence(problem)} before the first step")
        bad_step = self.step
        self._load_snapshot(self._last_good_state)
        self.journal.truncate(self.journal_rows)
        if self.history.rollbacks >= self.params.rollbacks:
            self.history.diverged = True
            self.log_event(
                Message(code="training_diverged", values={"problem": problem, "at": bad_step, "step": self.step})
            )
            self.save()  # the state before counts rows that the journal has no more
            return
        self.history.rollbacks += 1
        self.learner.rate_scale = 0.5**self.history.rollbacks
        rate, rows = self.learner.rate_scale, self.history.micro_batch or 0
        self.log_event(
            Message(
                code="training_taken_back",
                values={"problem": problem, "at": bad_step, "step": self.step, "rate": rate, "rows": rows},
            )
        )
        self._last_good_state["rows"] = self.journal_rows  # the next return keeps this event
        self.save()  # the state before counts rows that the journal has no more

    # -- evaluation points ---------------------------------------------------------------------------------------

    @property
    def _is_point_due(self) -> bool:
        reached = self.step % self.params.evaluate_every_steps == 0 or self.step >= self.params.steps
        return reached and not any(row.step == self.step for row in self.history.points[-1:])

    def _evaluate_if_due(self) -> None:
        if not self._is_point_due:
            return
        if problem := find_nonfinite_weight(self.learner):
            self._roll_back(problem)
            return
        self._record_point(self._exhibit_and_validate())
        self._last_good_state = unflatten(flatten(self._take_snapshot()))
        self.save()

    def _exhibit_and_validate(self) -> dict[str, float]:
        """Exhibit and validate; a stop may interrupt it, as it changes nothing."""
        with evaluation_mode(self.learner, self.seed), self.stop.defer(deferred=self.ranks.world_size > 1):
            sheet = encode_sheet(self.learner.exhibit(self._make_prompt()))
            measures = self.learner.validate(self._draw_held_out()) if len(self.data.held_out) else {}
        if sheet:
            write_bytes(self.folder / "progress" / f"step-{self.step:08d}{sheet[0]}", sheet[1])
        return {name: float(value) for name, value in measures.items() if math.isfinite(value)}

    def _draw_held_out(self) -> dict[str, Tensor]:
        rows = sample_indices(len(self.data.held_out), self.params.validation_works, self.seed)
        return self.data.held_out.take(rows)

    def _make_prompt(self) -> Prompt:
        """Return the same seeds at every point, labels in turn, and works to show."""
        classes, count = len(self.learner.spec.classes), self.learner.progress_exhibits
        labels = torch.arange(count, device=self.device) % classes if classes else None
        works = self.data.exhibit_works.take(torch.arange(min(count, len(self.data.exhibit_works))))
        return Prompt(seeds=range(count), labels=labels, works=works)

    def _record_point(self, validation: dict[str, float]) -> None:
        losses = {name: value for name, value in self.since_point.take().items() if math.isfinite(value)}
        self.history.points.append(HistoryRow(step=self.step, losses=losses, validation=validation))
        if validation:
            self._log_row(validation=validation)
        for name, value in losses.items():
            self.history.usual[name] = max(abs(value), self.history.usual.get(name, 0.0))
        name, direction = self.learner.selection_measure or ("", "min")
        if self.step and name in validation and self.history.is_better(validation[name], direction):
            self.history.best_step, self.history.best_value = self.step, validation[name]
            self.history.best = copy_weights(self.learner)
