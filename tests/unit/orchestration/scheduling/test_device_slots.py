"""Devices: a GPU for each training, and none that somebody else holds."""

import contextlib
import os
import subprocess
import sys
import threading

import httpx
import pytest

from artpipe.orchestration.scheduling.device_slots import DeviceSlots, find_gpus


@pytest.fixture
def alone(tmp_path, monkeypatch):
    """Locks of GPUs that no other test holds."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_each_training_sees_a_gpu_of_its_own(alone):
    """Two trainings on two GPUs at a time, a third after them; without GPUs nothing is said."""
    devices, inside, seen = DeviceSlots(8, ("GPU-a", "GPU-b")), threading.Barrier(3), []

    def train() -> None:
        with devices.acquire() as env:
            seen.append(env["CUDA_VISIBLE_DEVICES"])
            with contextlib.suppress(threading.BrokenBarrierError):
                inside.wait(20)

    threads = [threading.Thread(target=train) for _ in range(2)]
    for thread in threads:
        thread.start()
    with DeviceSlots(8).acquire() as env:
        assert env == {}
    inside.wait(20)
    for thread in threads:
        thread.join()
    with devices.acquire() as env:
        seen.append(env["CUDA_VISIBLE_DEVICES"])
    assert sorted(seen[:2]) == ["GPU-a", "GPU-b"]
    assert seen[2] == "GPU-a"


def test_a_gpu_that_another_run_holds_is_not_taken(alone):
    """Another process holds the first GPU; once it is killed, the GPU is free at once."""
    code = (
        "from artpipe.orchestration.scheduling.device_slots import DeviceSlots\nimport time\n"
        "with DeviceSlots(1, ('GPU-a', 'GPU-b')).acquire() as env:\n print(env, flush=True); time.sleep(600)"
    )
    env = {**os.environ, "TMPDIR": str(alone)}
    with subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True) as other:
        try:
            assert "GPU-a" in other.stdout.readline()
            with DeviceSlots(1, ("GPU-a", "GPU-b")).acquire() as seen:
                assert seen == {"CUDA_VISIBLE_DEVICES": "GPU-b"}
        finally:
            other.kill()
    with DeviceSlots(1, ("GPU-a", "GPU-b")).acquire() as seen:
        assert seen == {"CUDA_VISIBLE_DEVICES": "GPU-a"}


def test_ranks_hold_as_many_gpus_all_or_none(alone):
    """Two of three; then a second pair waits, and holds nothing that a single training could take."""
    devices, waited = DeviceSlots(8, ("GPU-a", "GPU-b", "GPU-c")), threading.Event()

    def pair() -> None:
        with devices.acquire(2) as env:
            seen.append(env["CUDA_VISIBLE_DEVICES"])
            waited.set()

    seen: list[str] = []
    thread = threading.Thread(target=pair)
    with devices.acquire(2) as env:
        assert env == {"CUDA_VISIBLE_DEVICES": "GPU-a,GPU-b"}
        thread.start()
        assert not waited.wait(0.3)
        with devices.acquire() as single:
            assert single == {"CUDA_VISIBLE_DEVICES": "GPU-c"}
    assert waited.wait(20)
    thread.join()
    assert seen == ["GPU-a,GPU-b"]


def test_a_stopped_run_waits_for_no_gpu(alone):
    """Who waits for a GPU when the run is stopped waits no longer."""
    devices, waited = DeviceSlots(4, ("GPU-a",)), threading.Event()
    other = DeviceSlots(4, ("GPU-a",))

    def train() -> None:
        with devices.acquire():
            waited.set()

    with other.acquire():
        thread = threading.Thread(target=train)
        thread.start()
        assert not waited.wait(0.2)
        devices.stop()
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
    assert find_gpus() == ("GPU-11-aa", "GPU-22-bb")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1, 3")
    assert find_gpus() == ("1", "3")
    for none in ("", "-1"):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", none)
        assert find_gpus() == ()
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    script.write_text("#!/bin/sh\nexit 9\n")
    assert find_gpus() == ()


class Slot:
    """A slot of a server that is away when it is asked for, or given back."""

    def __init__(self, calls: list[str], *, away: str) -> None:
        self.calls, self.away = calls, away

    def __enter__(self):
        self.calls.append("enter")
        if self.away == "enter":
            raise httpx.ConnectError("away")

    def __exit__(self, *_):
        self.calls.append("exit")
        raise httpx.ConnectError("away")


@pytest.mark.parametrize(("away", "expected"), [("enter", ["enter"]), ("exit", ["enter", "exit"])])
def test_a_server_that_is_away_fails_no_training(monkeypatch, away, expected):
    """Its slot is done without after a while, and given back by nobody but its lease."""
    calls = []
    monkeypatch.setattr("prefect.concurrency.sync.concurrency", lambda *_, **__: Slot(calls, away=away))
    monkeypatch.setattr("artpipe.orchestration.scheduling.device_slots._create_limit", lambda _: "limit")
    monkeypatch.setattr("artpipe.orchestration.scheduling.device_slots._SERVER_WAIT_SECONDS", -1.0)
    with DeviceSlots(2, server=True).acquire() as env:
        assert env == {}
    assert calls == expected
