"""Who may run now: stages by cores, trainings by devices, and which GPU a training may see."""

import contextlib
import fcntl
import os
import re
import socket
import subprocess  # nvidia-smi knows the devices; torch would take seconds to import
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

_LOOK_SECONDS = 1.0  # between two looks for a free GPU, or at whether we are being stopped
_LEASE_SECONDS = 60.0  # the shortest Prefect has: a slot whose holder was killed comes back after it


class Slots:
    """So many at a time; of those who wait, the most urgent is next.

    Tasks wait here and not in Prefect's runner, where a task that waits for another holds a thread.
    """

    def __init__(self, slots: int, gather_seconds: float = 0.0) -> None:
        """Offer `slots`; what one stage sets free arrives one by one, so none goes in before `gather_seconds` are over."""
        self._changed, self._free = threading.Condition(), slots
        self._gather_seconds = gather_seconds
        self._waiting: list[float] = []

    @contextlib.contextmanager
    def taken(self, urgency: float = 0.0) -> Iterator[None]:
        """Hold one of the slots."""
        with self._changed:
            self._waiting.append(urgency)
            try:
                self._changed.wait_for(lambda: False, self._gather_seconds)
                self._changed.wait_for(lambda: self._free > 0 and urgency >= max(self._waiting))
                self._free -= 1
            finally:
                self._waiting.remove(urgency)
                self._changed.notify_all()  # another may be free, and the next may have looked while we stood before it
        try:
            yield
        finally:
            with self._changed:
                self._free += 1
                self._changed.notify_all()


class Places:
    """The places of one run: a core for each stage, and for a training a device besides.

    Without GPUs cores are the devices. With a Prefect server that stays, all runs on this machine share the devices by
    a global concurrency limit there, which is made here; a GPU is besides held by a lock of the operating system, which
    no killed holder keeps.
    """

    def __init__(self, cores: int, gpus: Sequence[str] = (), server: bool = False) -> None:
        self._cores = Slots(cores, gather_seconds=0.4)
        self._devices = Slots(len(gpus) or cores)
        self._gpus = gpus
        self._limit = _made_limit(len(gpus) or cores) if server else None
        self._stopped = threading.Event()

    @contextlib.contextmanager
    def taken(self, urgency: float = 0.0, *, training: bool = False) -> Iterator[Mapping[str, str]]:
        """Hold a place; yields what its holder must see in its environment."""
        with contextlib.ExitStack() as held:
            seen: dict[str, str] = {}
            if training:
                held.enter_context(self._devices.taken(urgency))
                self._enter_limit(held)
                if self._gpus:
                    seen["CUDA_VISIBLE_DEVICES"] = held.enter_context(self._gpu())
            held.enter_context(self._cores.taken(urgency))
            yield seen

    def stop(self) -> None:
        """Let nobody wait for a device any longer."""
        self._stopped.set()

    def _enter_limit(self, held: contextlib.ExitStack) -> None:
        if self._limit is None:
            return
        from prefect.concurrency.sync import concurrency

        while not self._stopped.is_set():
            with contextlib.suppress(TimeoutError):  # a server that is lost later takes no slot away from who holds one
                slot = concurrency(
                    self._limit,
                    timeout_seconds=5 * _LOOK_SECONDS,
                    lease_duration=_LEASE_SECONDS,
                    strict=True,
                    raise_on_lease_renewal_failure=False,
                )
                held.enter_context(slot)
                return

    @contextlib.contextmanager
    def _gpu(self) -> Iterator[str]:
        """Hold the first GPU nobody on this machine holds; yields its name, nothing when stopped."""
        with contextlib.ExitStack() as held:
            while not self._stopped.is_set():
                for name in self._gpus:
                    if _locked(name, held):
                        yield name
                        return
                time.sleep(_LOOK_SECONDS)
            yield ""


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

    with get_client(sync_client=True) as client:
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
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        stream.close()
        return False
    held.enter_context(stream)
    return True
