"""Jobs that answer many inputs at once, where a worker has them at hand."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Job = Callable[[bytes, Any], bytes]
BatchJob = Callable[[Sequence[bytes], Any], Mapping[int, bytes]]  # answers by the input's place in the batch

_BATCH_JOBS: dict[Job, BatchJob] = {}


def with_batch_job(batch_job: BatchJob) -> Callable[[Job], Job]:
    """Give a job a form for batches, with the same answers to the byte.

    It answers what it can and rejects nothing: whatever it leaves out, the job itself decides, input by input.
    """

    def register(job: Job) -> Job:
        _BATCH_JOBS[job] = batch_job
        return job

    return register


def answer_batch(job: Job, inputs: Sequence[bytes], settings: Any) -> Mapping[int, bytes]:
    """Return what a job's batch form answers; nothing if it has none or fails."""
    batch_job = _BATCH_JOBS.get(job)
    if batch_job is None:
        return {}
    try:
        return batch_job(inputs, settings)
    except Exception:  # noqa: BLE001 - the job itself says what is wrong, of the one input with which it is
        return {}
