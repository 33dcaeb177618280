"""One training: the loop with its journal, evaluation points, resumable state and returns from divergence."""

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
from artpipe.system.atomic_files import write_bytes
from artpipe.system.interrupts import Stop
from artpipe.training.data import Data, drawn
from artpipe.training.distributed import Ranks
from artpipe.training.exhibit_files import sheet_of
from artpipe.training.history import Ledger
from artpipe.training.loop import Losses, Means, broken_weight, steps, trouble
from artpipe.training.memory_limit import Frugal
from artpipe.training.progress_bar import Live
from artpipe.training.resume_state import StateStore, flatten, load_random_state, random_state, undisturbed, unflatten

SMALLER = "micro-batch"  # file in a state folder: how many rows at once a rank found to be too many, halved


class Training:
    """Drives a learner to its last step. `folder` is the state folder; all that is published later stands in it.

    With several ranks all do the same, and the first alone speaks and saves.
    """

    def __init__(
        self,
        name: str,
        learner: Learner[Any],
        data: Data,
        seed: int,
        folder: Path,
        stop: Stop,
        ranks: Ranks | None = None,
    ) -> None:
        self.ranks = ranks or Ranks()
        self.ranks.share_gradients(learner)
        self.name, self.learner, self.data, self.seed, self.stop = name, learner, data, seed, stop
        self.params = learner.params
        self.device = next(learner.parameters()).device
        self.folder, self.store, self.journal = folder, StateStore(folder), Journal(folder / "journal.jsonl")
        self.ledger = Ledger()
        self.since_log, self.since_point = Means(), Means()
        self.rows = 0  # of the journal
        # of the sessions before this one, less what this process used till now
        self.core_seconds = -time.process_time()
        self._good: dict[str, Any] | None = None
        self._said: dict[str, float] = {}
        self._saved_at = time.monotonic()
        self._live: Live | None = None

    @property
    def step(self) -> int:
        """Return the number of finished steps."""
        return self.learner.steps_done

    @property
    def finished(self) -> bool:
        """Say whether the last step is done and evaluated, or the training was given up or got no better for long."""
        return self.ledger.diverged or self._stalled or (self.step >= self.params.steps and not self._point_due)

    @property
    def _stalled(self) -> bool:
        """Say whether the last `patience` evaluation points brought nothing better than the best one before them."""
        points = [row.step for row in self.ledger.history if row.step > self.ledger.best_step]
        at_point = bool(points) and points[-1] == self.step
        return bool(self.params.patience and self.ledger.best and at_point and len(points) >= self.params.patience)

    # -- state ---------------------------------------------------------------------------------------------------

    def resume(self) -> bool:
        """Go to the newest state that is whole, if there is one; say which were not."""
        flat = self.store.load()
        if flat is not None:
            state = unflatten(flat)
            self._load(state["now"])
            self._good = state["good"]
            self.ledger = Ledger.of(state["ledger"])
            self.core_seconds += state["core_seconds"]
        self.journal.keep(self.rows)
        self._heed_other_ranks()
        for damage in self.store.damaged:
            self.note(event=f"a damaged state was passed over: {damage}")
        if self.store.damaged and flat is None:
            self.note(event="no state was whole: started again")
        return flat is not None

    def save(self) -> None:
        """Write the state, the journal first: a state never counts rows that a power cut could take."""
        if not self.ranks.first:
            return
        self.journal.sync()
        core_seconds = self.core_seconds + time.process_time()
        now = self._snapshot()
        state = {"now": now, "good": self._good, "ledger": self.ledger.state(), "core_seconds": core_seconds}
        self.store.save(flatten(state))
        self._saved_at = time.monotonic()

    def _snapshot(self) -> dict[str, Any]:
        return {
            "learner": self.learner.training_state(),
            "sampler": self.data.batches.sampler.state(),
            "random": random_state(self.device),
            "since_log": self.since_log.state(),
            "since_point": self.since_point.state(),
            "rows": self.rows,
        }

    def _load(self, state: Mapping[str, Any]) -> None:
        self.learner.load_training_state(state["learner"])
        self.data.batches.sampler.load_state(state["sampler"])
        self.since_log.load_state(state["since_log"])
        self.since_point.load_state(state["since_point"])
        self.rows = state["rows"]
        load_random_state(state["random"], self.device)  # last, because nothing after it may draw

    # -- the loop ------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Train to the end, whatever was done before.

        Raises:
            StoppedError: asked to stop; the state is saved.
            ArtpipeError: the weights were not finite before the first step.
        """
        with self.stop.deferred(), self._shown() as self._live:
            try:
                if not self.step:
                    self.learner.begin(self.data.batches.columns.stored)
                self._point_if_due()
                self._show()
                frugal = Frugal(self.ledger.micro_batch, self._smaller)
                taken = steps(self.learner, self.data.batches, self.ranks, self.seed, frugal)
                for losses in () if self.finished else taken:
                    self._after(losses)
                    if self.finished:
                        break
            except StoppedError:
                self.save()
                self._live.say(f"saved at step {self.step}")
                raise
            self._show()

    def _after(self, losses: Losses) -> None:
        self.since_log.add(losses)
        self.since_point.add(losses)
        problem = None
        if self.step % self.params.log_every_steps == 0 or self.step >= self.params.steps:
            problem = self._log()
        if problem:
            self._roll_back(problem)
        else:
            self._point_if_due()
        if self._live and self._live.due():
            self._show()
        if time.monotonic() - self._saved_at >= self.params.save_every_seconds:
            self.save()
        if self.ranks.any(self.stop.asked is not None, self.device):
            self.stop.asked = self.stop.asked or "another rank was asked to"
        self.stop.check()

    def _smaller(self, rows: int, of: int, why: str) -> None:
        """Remember that only so many rows of a batch fit into memory.

        Raises:
            SmallerPartsError: there are other ranks; they wait for a gradient that will not come, so all begin again.
        """
        if self.ranks.count > 1:
            raise SmallerPartsError(f"rank {self.ranks.rank}: out of memory: {why}", rows)
        self.ledger.micro_batch = rows
        self.note(event=f"out of memory: {why}; each batch of {of} is learned in parts of {rows} from here on")

    def _heed_other_ranks(self) -> None:
        """Take over what a rank wrote down when it ran out of memory, if that is news."""
        file = self.folder / SMALLER
        rows = int(file.read_text(encoding="utf-8")) if file.exists() else 0
        if rows and rows < (self.ledger.micro_batch or rows + 1):
            self.ledger.micro_batch = rows
            self.note(event=f"out of memory in one of the ranks; each learns its share in parts of {rows} from here on")

    def note(self, **row: Any) -> None:
        """Append a row to the journal; an event is said aloud too."""
        self.journal.append({"step": self.step, "time": time.time(), **row})
        self.rows += 1
        if "event" in row and self._live:
            self._live.say(str(row["event"]))

    def _log(self) -> str | None:
        self._said = self.since_log.take()
        problem = trouble(self._said, self.ledger.usual, self.params.explosion)
        if problem is None and self._said:
            self.note(losses=self._said)
        return problem

    def _shown(self) -> Live:
        silent = None if self.ranks.first else Console(quiet=True)
        return Live(self.name, self.params.steps, self.step, silent)

    def _show(self) -> None:
        if self._live:
            self._live.show(self.step, lambda: self.since_log.means() or self._said, self.params.batch_size)

    def _roll_back(self, problem: str) -> None:
        """Return to the last evaluation point, at half the rate; after the last time allowed, stay there."""
        if self._good is None:
            raise ArtpipeError(f"training {self.name}: {problem} before the first step")
        at = self.step
        self._load(self._good)
        self.journal.keep(self.rows)
        if self.ledger.rollbacks >= self.params.rollbacks:
            self.ledger.diverged = True
            self.note(event=f"diverged at step {at} ({problem}); given up, the weights of step {self.step} are kept")
            self.save()  # the state before counts rows that the journal has no more
            return
        self.ledger.rollbacks += 1
        self.learner.rate_scale = 0.5**self.ledger.rollbacks
        parts = f", in parts of {self.ledger.micro_batch}" if self.ledger.micro_batch else ""
        self.note(event=f"{problem} at step {at}: back to step {self.step}, rate x{self.learner.rate_scale:g}{parts}")
        self._good["rows"] = self.rows  # the next return keeps this event
        self.save()  # the state before counts rows that the journal has no more

    # -- evaluation points ---------------------------------------------------------------------------------------

    @property
    def _point_due(self) -> bool:
        reached = self.step % self.params.evaluate_every_steps == 0 or self.step >= self.params.steps
        return reached and not any(row.step == self.step for row in self.ledger.history[-1:])

    def _point_if_due(self) -> None:
        if not self._point_due:
            return
        problem = broken_weight(self.learner)
        if problem:
            self._roll_back(problem)
            return
        validation = self._look()
        self._record(validation)
        self._good = unflatten(flatten(self._snapshot()))
        self.save()

    def _look(self) -> dict[str, float]:
        """Exhibit and validate; a stop may interrupt it, because it changes nothing."""
        with undisturbed(self.learner, self.seed), self.stop.deferred(deferred=self.ranks.count > 1):
            file = sheet_of(self.learner.exhibit(self._prompt()))
            measured = self.learner.validate(self._works()) if len(self.data.held_out) else {}
        if file:
            write_bytes(self.folder / "progress" / f"step-{self.step:08d}{file[0]}", file[1])
        return {name: float(value) for name, value in measured.items() if math.isfinite(value)}

    def _works(self) -> dict[str, Tensor]:
        held_out = self.data.held_out
        return held_out.take(drawn(len(held_out), self.params.validation_works, self.seed))

    def _prompt(self) -> Prompt:
        """Return the same seeds at every point of every training, labels in turn, and the first works to show."""
        classes, count = len(self.learner.spec.classes), self.learner.point_exhibits
        labels = torch.arange(count, device=self.device) % classes if classes else None
        works = self.data.shown.take(torch.arange(min(count, len(self.data.shown))))
        return Prompt(seeds=range(count), labels=labels, works=works)

    def _record(self, validation: dict[str, float]) -> None:
        losses = {name: value for name, value in self.since_point.take().items() if math.isfinite(value)}
        self.ledger.history.append(HistoryRow(step=self.step, losses=losses, validation=validation))
        if validation:
            self.note(validation=validation)
        for name, value in losses.items():
            self.ledger.usual[name] = max(abs(value), self.ledger.usual.get(name, 0.0))
        name, direction = self.learner.selects or ("", "min")
        if self.step and name in validation and self._better(validation[name], direction):
            self.ledger.best_step, self.ledger.best_value = self.step, validation[name]
            self.ledger.best = weights(self.learner)

    def _better(self, value: float, direction: str) -> bool:
        if self.ledger.best is None:
            return True
        return value < self.ledger.best_value if direction == "min" else value > self.ledger.best_value


def weights(learner: Learner[Any]) -> dict[str, Tensor]:
    """Return a copy of all weights and buffers, on the CPU."""
    return {name: value.detach().cpu().clone() for name, value in learner.state_dict().items()}
