"""Places of a flow: so many at a time, the most urgent first; a GPU for each training."""

import contextlib
import os
import subprocess
import sys
import threading
import time

import pytest

from flows.slots import Places, Slots, gpus


def test_the_most_urgent_waits_least():
    """With one slot, those who wait are served by urgency."""
    slots, served, inside = Slots(1), [], threading.Event()

    def take(urgency: float) -> None:
        with slots.taken(urgency):
            served.append(urgency)

    with slots.taken(0.0):
        threads = [threading.Thread(target=take, args=(urgency,)) for urgency in (1.0, 3.0, 2.0)]
        for thread in threads:
            thread.start()
        while len(slots._waiting) < 3:
            inside.wait(0.01)
    for thread in threads:
        thread.join()
    assert served == [3.0, 2.0, 1.0]


def test_the_most_urgent_goes_first_though_it_comes_a_little_later():
    """A free slot waits a moment for all that the same stage has set free."""
    slots, served = Slots(1, gather_seconds=0.5), []

    def take(urgency: float) -> None:
        with slots.taken(urgency):
            served.append(urgency)

    threads = [threading.Thread(target=take, args=(urgency,)) for urgency in (1.0, 3.0)]
    for thread in threads:
        thread.start()
        time.sleep(0.1)
    for thread in threads:
        thread.join()
    assert served == [3.0, 1.0]


def test_slots_that_come_free_together_are_all_taken():
    """The less urgent of two that wait takes the second slot, though it looked before the first was taken."""
    slots, both = Slots(2), threading.Barrier(3)

    def take(urgency: float) -> None:
        with slots.taken(urgency), contextlib.suppress(threading.BrokenBarrierError):
            both.wait(20)

    threads = [threading.Thread(target=take, args=(urgency,)) for urgency in (1.0, 2.0)]
    with contextlib.ExitStack() as together:
        together.enter_context(slots._changed)
        together.enter_context(slots.taken(9.0))
        together.enter_context(slots.taken(9.0))
        for place, thread in enumerate(threads, 1):
            thread.start()  # the less urgent first, so it is woken first
            while len(slots._changed._waiters) < place:
                slots._changed.wait(0.01)
    both.wait(20)
    for thread in threads:
        thread.join()
    assert not both.broken


def test_slots_are_not_exceeded():
    """Of eight that come at once, two are inside at a time."""
    slots, lock, now, most = Slots(2), threading.Lock(), [0], [0]

    def take() -> None:
        with slots.taken():
            with lock:
                now[0] += 1
                most[0] = max(most[0], now[0])
            time.sleep(0.01)
            with lock:
                now[0] -= 1

    threads = [threading.Thread(target=take) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [2]


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """Locks of GPUs that no other test holds."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_each_training_sees_a_gpu_of_its_own(alone):
    """Two trainings on two GPUs, a third waits; an evaluation takes none."""
    places, inside, seen = Places(8, ("GPU-a", "GPU-b")), threading.Barrier(3), []

    def train() -> None:
        with places.taken(training=True) as env:
            seen.append(env["CUDA_VISIBLE_DEVICES"])
            with contextlib.suppress(threading.BrokenBarrierError):
                inside.wait(20)

    threads = [threading.Thread(target=train) for _ in range(2)]
    for thread in threads:
        thread.start()
    with places.taken() as env:
        assert env == {}
    inside.wait(20)
    for thread in threads:
        thread.join()
    with places.taken(training=True) as env:
        seen.append(env["CUDA_VISIBLE_DEVICES"])
    assert sorted(seen[:2]) == ["GPU-a", "GPU-b"]
    assert seen[2] == "GPU-a"


def test_a_gpu_that_another_run_holds_is_not_taken(alone):
    """Another process holds the first GPU; once it is killed, the GPU is free at once."""
    code = (
        "from flows.slots import Places\nimport time\n"
        "with Places(1, ('GPU-a', 'GPU-b')).taken(training=True) as env:\n print(env, flush=True); time.sleep(600)"
    )
    env = {**os.environ, "TMPDIR": str(alone)}
    with subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert "GPU-a" in other.stdout.readline()
            with Places(1, ("GPU-a", "GPU-b")).taken(training=True) as seen:
                assert seen == {"CUDA_VISIBLE_DEVICES": "GPU-b"}
        finally:
            other.kill()
    with Places(1, ("GPU-a", "GPU-b")).taken(training=True) as seen:
        assert seen == {"CUDA_VISIBLE_DEVICES": "GPU-a"}


def test_a_stopped_run_waits_for_no_gpu(alone):
    """Who waits for a GPU when the run is stopped waits no longer."""
    places, waited = Places(4, ("GPU-a",)), threading.Event()
    other = Places(4, ("GPU-a",))

    def train() -> None:
        with places.taken(training=True):
            waited.set()

    with other.taken(training=True):
        thread = threading.Thread(target=train)
        thread.start()
        assert not waited.wait(0.2)
        places.stop()
        assert waited.wait(20)
    thread.join()


def test_gpus_are_those_the_driver_names(tmp_path, monkeypatch):
    """By their UUID, because CUDA counts in another order than the driver; CUDA_VISIBLE_DEVICES narrows them."""
    script = tmp_path / "nvidia-smi"
    script.write_text(
        "#!/bin/sh\necho 'GPU 0: NVIDIA H200 (UUID: GPU-11-aa)'\necho '  MIG 1g.18gb Device 0: (UUID: MIG-1)'\n"
        "echo 'GPU 1: NVIDIA H200 (UUID: GPU-22-bb)'\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert gpus() == ("GPU-11-aa", "GPU-22-bb")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1, 3")
    assert gpus() == ("1", "3")
    for none in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", none)
        assert gpus() == ()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    script.write_text("#!/bin/sh\nexit 9\n")
    assert gpus() == ()
