"""Compute the facts of works by which others are recognised, as ingest does."""

import json
from collections.abc import Iterable, Iterator
from contextlib import closing

from artpipe.config.params import DatasetEntry
from artpipe.contracts.modality import WorkFacts, find_medium
from artpipe.preprocessing.jobs import job_name, make_worker_limits
from artpipe.untrusted.worker_pool import WorkerLimits, outcomes


def compute_facts(
    entry: DatasetEntry, inputs: Iterable[tuple[str, bytes]], *, hash_content: bool = False
) -> Iterator[tuple[str, WorkFacts | None]]:
    """Yield the facts of inputs, read in one worker; None of one that ingest rejects."""
    limits, settings = make_worker_limits(entry.ingest), entry.ingest.model_dump(mode="json")
    one_worker = WorkerLimits(seconds=limits.seconds, memory_megabytes=limits.memory_megabytes, workers=1)
    job = job_name(find_medium(entry).inspect)
    settings["hash_content"] = hash_content
    with closing(outcomes(inputs, job=job, settings=settings, limits=one_worker)) as results:
        for key, outcome in results:
            yield key, None if outcome.reason is not None else WorkFacts(*json.loads(outcome.payload))
