"""Device slots: which GPU, or core, each training may use."""

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

_POLL_SECONDS = 1.0  # between two looks for a free GPU or a stop
_SERVER_WAIT_SECONDS = 120.0  # after so long without a server the work goes on without a slot
_LEASE_SECONDS = 60.0  # Prefect's shortest; the slot of a killed holder is free after it


class DeviceSlots:
    """The devices of one machine: its GPUs, or its cores where it has none.

    With a Prefect server that stays, all runs on this machine share them by a global concurrency limit, which is created
    here. Each GPU is also held by a lock of the operating system, which ends with its holder's process.
    """

    def __init__(self, cores: int, gpus: Sequence[str] = (), *, server: bool = False) -> None:
        self.count = len(gpus) or cores
        self._gpus = gpus
        self._limit = _create_limit(self.count) if server else None
        self._stopped = threading.Event()

    @contextlib.contextmanager
    def acquire(self, count: int = 1) -> Iterator[Mapping[str, str]]:
        """Hold `count` devices, or all there are, while the body runs.

        Yields:
            The environment variables that show the holder its devices.
        """
        count = min(count, self.count)
        with contextlib.ExitStack() as stack:
            self._acquire_limit_slot(stack, count)
            yield {"CUDA_VISIBLE_DEVICES": ",".join(self._lock_gpus(stack, count))} if self._gpus else {}

    def stop(self) -> None:
        """Let nobody wait for a device any longer."""
        self._stopped.set()

    def _acquire_limit_slot(self, stack: contextlib.ExitStack, count: int) -> None:
        if self._limit is None:
            return
        from httpx import HTTPError
        from prefect.concurrency.sync import concurrency

        deadline = time.monotonic() + _SERVER_WAIT_SECONDS
        while not self._stopped.is_set():
            slot = concurrency(
                self._limit,
                occupy=count,
                timeout_seconds=5 * _POLL_SECONDS,
                lease_duration=_LEASE_SECONDS,
                strict=True,
                raise_on_lease_renewal_failure=False,  # a lost server takes no slot from its holder
            )
            try:
                slot.__enter__()
            except TimeoutError:
                deadline = time.monotonic() + _SERVER_WAIT_SECONDS
            except HTTPError:
                if time.monotonic() > deadline:
                    return
                self._stopped.wait(_POLL_SECONDS)
            else:
                stack.callback(_release_slot, slot)
                return

    def _lock_gpus(self, stack: contextlib.ExitStack, count: int) -> list[str]:
        """Lock `count` free GPUs, all or none, and return their names.

        Waits until so many are free; returns none when stopped.
        """
        while not self._stopped.is_set():
            with contextlib.ExitStack() as attempt:
                names = list(itertools.islice((name for name in self._gpus if _try_lock_gpu(name, attempt)), count))
                if len(names) == count:
                    stack.enter_context(attempt.pop_all())
                    return names
            self._stopped.wait(_POLL_SECONDS)
        return []


def _release_slot(slot: contextlib.AbstractContextManager[None]) -> None:
    """Release a slot of the concurrency limit.

    A server that is away is no reason to fail a stage: the slot is free again when its lease ends.
    """
    from httpx import HTTPError

    with contextlib.suppress(HTTPError):
        slot.__exit__(None, None, None)


def find_gpus() -> tuple[str, ...]:
    """Return the GPUs this process may use, named as in CUDA_VISIBLE_DEVICES."""
    allowed = os.environ.get("CUDA_VISIBLE_DEVICES")
    if allowed is not None:
        names = (name.strip() for name in allowed.split(","))
        return tuple(name for name in names if name and name != "-1")
    try:
        result = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return ()
    return tuple(re.findall(r"^GPU \d+:.*\(UUID: (GPU-[^)]+)\)", result.stdout, re.MULTILINE))


def limit_name() -> str:
    """Return the name of this machine's global concurrency limit.

    It holds the host's name, because a server may serve several machines.
    """
    return f"artpipe-train-{socket.gethostname()}"


def _create_limit(slots: int) -> str:
    from prefect.client.orchestration import get_client
    from prefect.exceptions import ObjectAlreadyExists

    with get_client(sync_client=True) as client:
        try:
            client.upsert_global_concurrency_limit_by_name(limit_name(), slots)
        except ObjectAlreadyExists:  # another run created it meanwhile
            client.upsert_global_concurrency_limit_by_name(limit_name(), slots)
    return limit_name()


def _try_lock_gpu(gpu: str, stack: contextlib.ExitStack) -> bool:
    """Lock a GPU against all runs of this user; return whether it was free."""
    folder = Path(tempfile.gettempdir()) / f"artpipe-gpus-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.lstat().st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else")
    stream = (folder / f"{re.sub(r'[^A-Za-z0-9-]', '_', gpu)}.lock").open("a")
    try:
        substitute = take_lock(stream, Path(stream.name))
    except BlockingIOError:
        stream.close()
        return False
    stack.enter_context(stream)
    if substitute is not None:
        stack.enter_context(substitute)
    return True
