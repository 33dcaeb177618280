"""Run jobs on untrusted inputs in worker processes.

Outcomes come in the order of the inputs, however the workers fare.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from queue import SimpleQueue
from typing import IO, Any, TypeVar, cast

from artpipe.errors import ArtpipeError
from artpipe.language.message import Message
from artpipe.system.processes import kill_child
from artpipe.untrusted.rejection import with_parameter
from artpipe.untrusted.worker import ANSWER, LENGTH, READY

KeyT = TypeVar("KeyT")
_TIMED_OUT = "timed out"
_READ_BYTES = 1 << 20  # bytes of answers asked for at once
_MAX_PENDING_BYTES = 512 << 20  # bytes of inputs handed out and not yet answered, however many workers there are


@dataclass(frozen=True)
class WorkerLimits:
    """Limits of one worker, and how inputs are handed to it."""

    seconds: float = 20.0  # of CPU time for one input
    memory_megabytes: int = 2048  # beyond the interpreter
    workers: int = 0  # 0: one for each core this process may use
    batch_inputs: int = 128
    batch_megabytes: float = 4.0
    patience: float = 5.0  # wall clock, as a multiple of `seconds`: an input that sleeps takes no CPU
    start_seconds: float = 120.0


@dataclass(frozen=True)
class JobOutcome:
    """The outcome of one input: the job's answer, or the reason for quarantine."""

    payload: bytes = b""
    reason: str | None = None
    detail: str = ""


class DeadWorkerError(Exception):
    """The worker ended or was killed while it processed an input."""


def outcomes(
    inputs: Iterable[tuple[KeyT, bytes]],
    *,
    job: str,
    settings: Any,
    limits: WorkerLimits,
    find_cached: Callable[[bytes], JobOutcome | None] = lambda _: None,
) -> Generator[tuple[KeyT, JobOutcome], None, None]:
    """Run `job` on every input in worker processes and yield the outcomes.

    They come in the order of the inputs.

    Args:
        inputs: keys, which stay here, and bytes; taken as needed, a few batches and not too many bytes ahead.
        job: ``module:function`` of a ``(bytes, settings) -> bytes``, which raises RejectedError for a bad input.
        settings: JSON, handed to the job.
        limits: of each worker; an input at which a worker dies is rejected and the rest goes on in a new one.
        find_cached: return the outcome of an input where it is known already; called by several threads.
    """
    count = limits.workers or len(os.sched_getaffinity(0))
    idle: SimpleQueue[_Worker] = SimpleQueue()
    workers = [_Worker(job, settings, limits) for _ in range(count)]
    for worker in workers:
        idle.put(worker)
    pending: deque[tuple[int, Future[list[tuple[KeyT, JobOutcome]]]]] = deque()
    try:
        with ThreadPoolExecutor(count) as threads, _close_on_exit(workers):
            for batch in _split_into_batches(inputs, limits):
                size = sum(len(data) for _, data in batch)
                pending.append((size, threads.submit(_process_batch, idle, batch, find_cached)))
                while len(pending) > count + 1 or sum(size_pending for size_pending, _ in pending) > _MAX_PENDING_BYTES:
                    yield from pending.popleft()[1].result()
            while pending:
                yield from pending.popleft()[1].result()
    finally:
        for worker in workers:
            worker.reap()


@contextlib.contextmanager
def _close_on_exit(workers: "list[_Worker]") -> Iterator[None]:
    """Kill the workers before the threads that wait for their answers are joined."""
    try:
        yield
    finally:
        for worker in workers:
            worker.close()


def _split_into_batches(
    inputs: Iterable[tuple[KeyT, bytes]], limits: WorkerLimits
) -> Iterator[list[tuple[KeyT, bytes]]]:
    batch: list[tuple[KeyT, bytes]] = []
    size = 0
    for key, data in inputs:
        batch.append((key, data))
        size += len(data)
        if len(batch) >= limits.batch_inputs or size >= limits.batch_megabytes * 2**20:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def _process_batch(
    idle: "SimpleQueue[_Worker]", batch: list[tuple[KeyT, bytes]], find_cached: Callable[[bytes], JobOutcome | None]
) -> list[tuple[KeyT, JobOutcome]]:
    cached = [find_cached(data) for _, data in batch]
    fresh = iter(
        _run_in_worker(idle, [data for (_, data), answer in zip(batch, cached, strict=True) if answer is None])
    )
    return [(key, answer or next(fresh)) for (key, _), answer in zip(batch, cached, strict=True)]


def _run_in_worker(idle: "SimpleQueue[_Worker]", inputs: list[bytes]) -> list[JobOutcome]:
    if not inputs:
        return []
    worker = idle.get()
    try:
        answers: list[JobOutcome] = []
        while len(answers) < len(inputs):
            answers.extend(worker.run_batch(inputs[len(answers) :]))
        return answers
    finally:
        idle.put(worker)


class _Worker:
    """One child process, used by one thread at a time.

    It is started when first needed and again after each death.
    """

    def __init__(self, job: str, settings: Any, limits: WorkerLimits) -> None:
        values = (job, settings, limits.seconds, limits.memory_megabytes, os.getpid())
        self.command = [sys.executable, "-m", "artpipe.untrusted.worker", *(json.dumps(value) for value in values)]
        self.limits = limits
        self.process: subprocess.Popen[bytes] | None = None
        self.unread = bytearray()  # what the child has answered beyond the outcome that was read last
        self.closed = False

    def run_batch(self, batch: list[bytes]) -> list[JobOutcome]:
        """Return the outcomes up to the first death, the death's own included."""
        process = self._ensure_started()
        answers: list[JobOutcome] = []
        try:
            _send_batch(process, batch)
            answers.extend(self._receive_outcome(process) for _ in batch)
        except (DeadWorkerError, BrokenPipeError) as error:
            answers.append(self._explain_death(process, timed_out=str(error) == _TIMED_OUT))
        return answers

    def _ensure_started(self) -> "subprocess.Popen[bytes]":
        if self.closed:
            raise DeadWorkerError("closed")
        if self.process is None:
            environment = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
            pipe = subprocess.PIPE
            process = self.process = subprocess.Popen(
                self.command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, bufsize=0, env=environment
            )
            self.unread.clear()
            try:
                self._read_exactly(process, len(READY), self.limits.start_seconds)
            except DeadWorkerError as error:
                message = f"a worker process could not be started ({error}): {' '.join(self.command[:4])}"
                raise ArtpipeError(message) from None
        return self.process

    def _receive_outcome(self, process: "subprocess.Popen[bytes]") -> JobOutcome:
        seconds = self.limits.patience * self.limits.seconds
        status, length = ANSWER.unpack(self._read_exactly(process, ANSWER.size, seconds))
        payload = self._read_exactly(process, length, seconds)
        if status == 0:
            return JobOutcome(payload=payload)
        reason, _, detail = payload.decode(errors="replace").partition("\n")
        return JobOutcome(reason=reason, detail=detail)

    def _read_exactly(self, process: "subprocess.Popen[bytes]", count: int, seconds: float) -> bytes:
        """Return the next `count` bytes of the child.

        What else has come is kept for the next call.
        """
        if len(self.unread) < count:
            answers, deadline = _pipes(process)[1].fileno(), time.monotonic() + seconds
            while len(self.unread) < count:
                if not select.select([answers], [], [], max(0.0, deadline - time.monotonic()))[0]:
                    raise DeadWorkerError(_TIMED_OUT)
                part = os.read(answers, _READ_BYTES)
                if not part:
                    raise DeadWorkerError("it ended")
                self.unread += part
        data = bytes(self.unread[:count])
        del self.unread[:count]
        return data

    def _explain_death(self, process: "subprocess.Popen[bytes]", *, timed_out: bool) -> JobOutcome:
        if timed_out:
            kill_child(process)
        exit_code = process.wait()
        self.reap()
        if timed_out or exit_code == -signal.SIGPROF:
            return JobOutcome(
                reason="timed out",
                detail=with_parameter(
                    Message(code="took_more_than_seconds", values={"seconds": self.limits.seconds}), "decode_seconds"
                ),
            )
        if exit_code < 0:
            how = Message(code="decoder_ended_by_signal", values={"signal": signal.Signals(-exit_code).name})
        else:
            how = Message(code="decoder_ended_with_code", values={"exit": exit_code})
        return JobOutcome(reason="crashed", detail=how.encode())

    def close(self) -> None:
        """Kill the child for good; the thread that waits for it notices."""
        self.closed = True
        if self.process is not None:
            kill_child(self.process)

    def reap(self) -> None:
        """End the child and release its pipes."""
        process, self.process = self.process, None
        if process is not None:
            kill_child(process)
            process.wait()
            for stream in _pipes(process):
                stream.close()


def _pipes(process: "subprocess.Popen[bytes]") -> tuple[IO[bytes], IO[bytes]]:
    return cast("IO[bytes]", process.stdin), cast("IO[bytes]", process.stdout)


def _send_batch(process: "subprocess.Popen[bytes]", batch: list[bytes]) -> None:
    requests = _pipes(process)[0].fileno()
    head = LENGTH.pack(len(batch)) + b"".join(LENGTH.pack(len(data)) for data in batch)
    for block in (head, b"".join(batch) if len(batch) > 1 else batch[0]):
        rest = memoryview(block)
        while rest:
            rest = rest[os.write(requests, rest) :]
