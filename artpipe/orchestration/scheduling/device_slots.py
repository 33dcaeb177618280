"""What trainings share: the devices of a machine, and which GPU each of them may see."""

import contextlib
import itertools
import os
import re
import socket
import subprocess  # nvidia-smi knows the devices; torch would take seconds to import
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from artpipe.system.locks import take_lock

_LOOK_SECONDS = 1.0  # between two looks for a free GPU, or at whether we are being stopped
_AWAY_SECONDS = 120.0  # a server that is away so long is asked for no slot: the work goes on without
_LEASE_SECONDS = 60.0  # the shortest Prefect has: a slot whose holder was killed comes back after it


class Devices:
    """The devices of one machine: its GPUs, or its cores where it has none.

    With a Prefect server that stays, all runs on this machine share them by a global concurrency limit there, which is made
    here; a GPU is besides held by a lock of the operating system, which no killed holder keeps.
    """

    def __init__(self, cores: int, gpus: Sequence[str] = (), *, server: bool = False) -> None:
        self.count = len(gpus) or cores
        self._gpus = gpus
        self._limit = _made_limit(self.count) if server else None
        self._stopped = threading.Event()

    @contextlib.contextmanager
    def held(self, count: int = 1) -> Iterator[Mapping[str, str]]:
        """Hold `count` devices, or all there are; yields what their holder must see in its environment."""
        count = min(count, self.count)
        with contextlib.ExitStack() as held:
            self._enter_limit(held, count)
            yield {"CUDA_VISIBLE_DEVICES": ",".join(self._locked_gpus(held, count))} if self._gpus else {}

    def stop(self) -> None:
        """Let nobody wait for a device any longer."""
        self._stopped.set()

    def _enter_limit(self, held: contextlib.ExitStack, count: int) -> None:
        if self._limit is None:
            return
        from httpx import HTTPError
        from prefect.concurrency.sync import concurrency

        deadline = time.monotonic() + _AWAY_SECONDS
        while not self._stopped.is_set():
            slot = concurrency(
                self._limit,
                occupy=count,
                timeout_seconds=5 * _LOOK_SECONDS,
                lease_duration=_LEASE_SECONDS,
                strict=True,
                raise_on_lease_renewal_failure=False,  # a server that is lost takes no slot away from who holds one
            )
            try:
                slot.__enter__()
            except TimeoutError:
                deadline = time.monotonic() + _AWAY_SECONDS
            except HTTPError:
                if time.monotonic() > deadline:
                    return
                self._stopped.wait(_LOOK_SECONDS)
            else:
                held.callback(_give_back, slot)
                return

    def _locked_gpus(self, held: contextlib.ExitStack, count: int) -> list[str]:
        """Hold the first GPUs that nobody on this machine holds, all or none; return their names, none when stopped."""
        while not self._stopped.is_set():
            with contextlib.ExitStack() as trial:
                found = list(itertools.islice((name for name in self._gpus if _locked(name, trial)), count))
                if len(found) == count:
                    held.enter_context(trial.pop_all())
                    return found
            self._stopped.wait(_LOOK_SECONDS)
        return []


def _give_back(slot: contextlib.AbstractContextManager[None]) -> None:
    """Give a slot back; while the server is away it comes back by itself, when its lease ends: no reason to fail a stage."""
    from httpx import HTTPError

    with contextlib.suppress(HTTPError):
        slot.__exit__(None, None, None)


def gpus() -> tuple[str, ...]:
    """Return the names of the GPUs this process may use, as CUDA_VISIBLE_DEVICES takes them; none where there are none."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        names = (name.strip() for name in allowed.split(","))
        return tuple(name for name in names if name and name != "-1")
    try:
        done = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(re.findall(r"^GPU \d+:.*\(UUID: (GPU-[^)]+)\)", done.stdout, re.MULTILINE))


def limit_name() -> str:
    """Return the name of this machine's global concurrency limit: a server may serve several machines."""
    return f"artpipe-train-{socket.gethostname()}"


def _made_limit(slots: int) -> str:
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectAlreadyExists

    with get_client(sync_client=True) as client:
        try:
            client.upsert_global_concurrency_limit_by_name(limit_name(), slots)
        except ObjectAlreadyExists:  # another run made it between Prefect's look and its making
            client.upsert_global_concurrency_limit_by_name(limit_name(), slots)
    return limit_name()


def _locked(gpu: str, held: contextlib.ExitStack) -> bool:
    """Take a GPU's lock, one for all runs of this user on this machine, and say whether it was free."""
    folder = Path(tempfile.gettempdir()) / f"artpipe-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    stream = (folder / f"{re.sub(r'[^A-Za-z0-9-]', '_', gpu)}.lock").open("a")
    try:
        instead = take_lock(stream, Path(stream.name))
    except BlockingIOError:
        stream.close()
        return False
    held.enter_context(stream)
    if instead is not None:
        held.enter_context(instead)
    return True
