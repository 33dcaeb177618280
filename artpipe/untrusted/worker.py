"""Decode inputs in a child process with limited memory and CPU time.

The CPU time is limited for each input; the process dies with its parent.

Speaks over its standard streams: it reads batches (a count, the lengths, the inputs) and answers each
input in turn. What happens in here happens to one input only; `artpipe.untrusted.worker_pool` is the other end.
"""

import contextlib
import json
import os
import resource
import signal
import struct
import sys
from pathlib import Path
from typing import Any, BinaryIO

from artpipe import plugins
from artpipe.system.processes import die_with_parent
from artpipe.untrusted.batch_jobs import Job, answer_batch
from artpipe.untrusted.rejection import RejectedError, with_parameter

LENGTH = struct.Struct("<I")
ANSWER = struct.Struct("<BI")  # 0: accepted, 1: rejected; length of what follows
READY = b"R"


def main() -> None:
    """Process inputs until standard input ends."""
    job_name, settings, seconds, memory_megabytes, parent = (json.loads(argument) for argument in sys.argv[1:6])
    if not die_with_parent(parent):  # it is 1 where the pool is the first process of a container
        return
    requests, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints cannot disturb the answers
    job: Job = plugins.load_function(job_name)
    limit_memory(memory_megabytes)
    answers.write(READY)
    answers.flush()
    with contextlib.suppress(BrokenPipeError):
        while batch := _read_batch(requests):
            _run_batch(answers, job, batch, settings, seconds)


def _read_batch(requests: BinaryIO) -> list[bytes]:
    """Read one whole batch, empty at the end of the input.

    It is read before the first answer is written, so neither side ever waits for the other to read.
    """
    count = requests.read(LENGTH.size)
    if len(count) < LENGTH.size:
        return []
    lengths = [LENGTH.unpack(requests.read(LENGTH.size))[0] for _ in range(LENGTH.unpack(count)[0])]
    return [requests.read(length) for length in lengths]


def _run_batch(answers: BinaryIO, job: Job, batch: list[bytes], settings: Any, seconds: float) -> None:
    """Answer each input in turn, from the job's batch form where that did."""
    signal.setitimer(signal.ITIMER_PROF, seconds)
    known = answer_batch(job, batch, settings)
    signal.setitimer(signal.ITIMER_PROF, 0)
    for place, data in enumerate(batch):
        if (payload := known.get(place)) is not None:
            answers.write(ANSWER.pack(0, len(payload)) + payload)
        else:
            _run_job(answers, job, data, settings, seconds)
    answers.flush()


def _run_job(answers: BinaryIO, job: Job, data: bytes, settings: Any, seconds: float) -> None:
    answers.flush()  # whatever happens now happens to this input: those before it are answered
    signal.setitimer(signal.ITIMER_PROF, seconds)  # CPU time; its default action ends this process
    try:
        status, payload = 0, job(data, settings)
    except RejectedError as error:
        status, payload = 1, f"{error.reason}\n{error.detail}".encode(errors="replace")
    except MemoryError:
        status, payload = 1, f"out of memory\n{with_parameter('', 'decode_megabytes')}".encode()
    except Exception as error:  # noqa: BLE001 - whatever a hostile file makes a decoder raise concerns that file alone
        status, payload = 1, f"damaged\n{type(error).__name__}: {error}".encode(errors="replace")
    signal.setitimer(signal.ITIMER_PROF, 0)
    answers.write(ANSWER.pack(status, len(payload)) + payload)
    answers.flush()


def limit_memory(megabytes: int) -> None:
    """Limit the address space and switch core dumps off.

    The limit counts from what the interpreter and its libraries take.
    """
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    limit = pages * resource.getpagesize() + megabytes * 2**20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


if __name__ == "__main__":
    main()
