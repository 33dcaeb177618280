"""Workers: what happens to one input happens to that input alone."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from artpipe.errors import ArtpipeError
from artpipe.untrusted.worker_pool import WorkerLimits, outcomes

JOBS = """
import os, signal, time
def work(data, settings):
    if data == b"crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    if data == b"exit":
        os._exit(3)
    if data == b"spin":
        while True: pass
    if data == b"sleep":
        time.sleep(60)
    if data == b"grow":
        bytearray(1 << 31)
    if data == b"raise":
        raise KeyError("no\\nsuch")
    if data == b"print":
        print("noise on standard output", flush=True)
    return data.upper() * settings["times"]
"""


@pytest.fixture
def job(tmp_path, monkeypatch):
    (tmp_path / "planted_jobs.py").write_text(JOBS)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    return "planted_jobs:work"


def run(job, inputs, **limits):
    limits = WorkerLimits(**{"seconds": 0.5, "memory_megabytes": 256, "workers": 1} | limits)
    return list(outcomes(((data, data) for data in inputs), job=job, settings={"times": 2}, limits=limits))


def test_every_misfortune_is_one_inputs_own(job):
    """A crash, an exit, a hang with and without CPU, too much memory and an exception each cost one input; the rest is right."""
    bad = {
        "crash": "crashed",
        "exit": "crashed",
        "spin": "timed out",
        "sleep": "timed out",
        "grow": "out of memory",
        "raise": "damaged",
    }
    inputs = [part for name in bad for part in (name.encode(), b"fine")] + [b"print", b""]
    found = run(job, inputs, patience=6)
    assert [key for key, _ in found] == inputs
    assert {key.decode(): outcome.reason for key, outcome in found if outcome.reason} == bad
    assert all(outcome.payload == key.upper() * 2 for key, outcome in found if not outcome.reason)


def test_order_is_that_of_the_inputs(job):
    """Many small batches on two workers come back in order."""
    inputs = [b"%d" % number for number in range(300)]
    assert [key for key, _ in run(job, inputs, workers=2, batch_inputs=7)] == inputs


def test_inputs_are_taken_as_needed(job):
    """Only a few batches are ahead of what was yielded."""
    taken = []

    def inputs():
        for number in range(1000):
            taken.append(number)
            yield number, b"x"

    results = outcomes(inputs(), job=job, settings={"times": 1}, limits=WorkerLimits(workers=1, batch_inputs=10))
    next(results)
    assert len(taken) <= 50
    results.close()


@pytest.mark.nightly
def test_large_inputs_wait_their_turn(job, monkeypatch):
    """However many workers there are, no more bytes are on their way than memory is meant for."""
    monkeypatch.setattr("artpipe.untrusted.worker_pool._MAX_PENDING_BYTES", 1 << 20)
    taken = []
    given = ((taken.append(number) or number, bytes(300_000)) for number in range(12))
    limits = WorkerLimits(workers=8, batch_megabytes=0.1)
    ahead = 0
    for number, outcome in outcomes(given, job=job, settings={"times": 0}, limits=limits):
        ahead = max(ahead, len(taken) - number)
        assert outcome.reason is None
    assert (len(taken), ahead) == (12, 4)


def test_stopping_early_leaves_no_process(job):
    """Closing the outcomes ends the workers, one at work included."""
    results = outcomes(
        ((n, b"fine" if n < 5 else b"sleep") for n in range(9)),
        job=job,
        settings={"times": 1},
        limits=WorkerLimits(workers=2, batch_inputs=1),
    )
    next(results)
    started = time.monotonic()
    results.close()
    assert time.monotonic() - started < 20
    pids = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    alive = [pid for pid in pids if b"planted_jobs" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    assert alive == []


def test_an_input_of_many_megabytes_passes(job):
    """Neither side waits for the other when a pipe is full."""
    big = b"x" * (5 << 20)
    assert run(job, [big, b"a"])[0][1].payload == big.upper() * 2


def test_a_job_that_is_not_there_is_said_once():
    """A worker that cannot start is an error of artpipe's, not of the inputs."""
    with pytest.raises(ArtpipeError, match="could not be started"):
        run("artpipe.no_such_module:job", [b"x"])


@pytest.mark.parametrize(("told", "code"), [(1, 7), (2, 0)])
def test_a_worker_knows_its_parent_by_what_it_is_told(told, code):
    """In a container the pool itself may be process 1; a parent that is not the pool any more ends the worker."""
    planted = "import os, sys; os.getppid = lambda: 1; from artpipe.untrusted import worker\n"
    planted += "worker.plugins.load_function = lambda name: sys.exit(7)\n"
    planted += f"sys.argv = ['', '0', '0', '0', '0', '{told}']; worker.main()"
    done = subprocess.run([sys.executable, "-c", planted], check=False)
    assert done.returncode == code


BATCH_JOBS = """
import os, signal
from artpipe.untrusted.batch_jobs import with_batch_job
def together(inputs, settings):
    if b"stop" in inputs:
        raise ValueError
    if b"grow" in inputs:
        bytearray(1 << 31)
    return {place: b"together" for place, data in enumerate(inputs) if data == b"easy"}
@with_batch_job(together)
def work(data, settings):
    if data == b"crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    return b"alone"
"""


def test_a_batch_is_answered_together_where_the_job_can(tmp_path, monkeypatch):
    """What the form for batches knows is not asked again; a crash, and a form that fails, cost the others nothing."""
    (tmp_path / "planted_batch_jobs.py").write_text(BATCH_JOBS)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")]))
    inputs = [b"easy", b"hard", b"easy", b"crash", b"easy", b"stop", b"easy", b"grow", b"easy", b"easy", b"hard"]
    found = run("planted_batch_jobs:work", inputs, batch_inputs=5)
    assert [key for key, _ in found] == inputs
    assert [outcome.reason or outcome.payload for _, outcome in found] == [
        b"together", b"alone", b"together", "crashed", b"together", *[b"alone"] * 5, b"alone",
    ]  # fmt: skip
