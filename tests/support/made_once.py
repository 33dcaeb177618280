"""What the first process of a test run makes and all others use; under xdist each worker is a process of its own."""

import contextlib
import functools
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from artpipe.system.locks import hold_lock
from tests.support import artpipe_server

_VARIABLE = "ARTPIPE_TESTS_SHARED"


@functools.cache
def find_shared_folder() -> Path:
    """Return the run's folder; the process that starts the others makes it before they start."""
    if "PYTEST_XDIST_WORKER" not in os.environ or _VARIABLE not in os.environ:
        os.environ[_VARIABLE] = tempfile.mkdtemp(prefix="artpipe-tests-shared-")
        os.environ[artpipe_server.OWNER] = str(os.getpid())
    return Path(os.environ[_VARIABLE])


def remove_shared_folder() -> None:
    """Take it away and end the servers in it, where this process has made it."""
    if "PYTEST_XDIST_WORKER" in os.environ or _VARIABLE not in os.environ:
        return
    folder = Path(os.environ.pop(_VARIABLE))
    for file in folder.glob("*/pid"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(int(file.read_text()), signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


def make_once(name: str, make: Callable[[Path], object]) -> Path:
    """Return the folder `name`, filled by `make` in the first process that asks; nobody may change it."""
    folder = find_shared_folder() / name
    with hold_lock(folder.with_suffix(".lock"), wait_seconds=600, doing=f"making {name}"):
        if not folder.exists():
            begun = folder.with_suffix(".new")
            shutil.rmtree(begun, ignore_errors=True)
            begun.mkdir()
            make(begun)
            begun.rename(folder)
    return folder


def start_once(name: str, modules: Sequence[str]) -> str:
    """Return the socket of a server (artpipe_server.py) that lives as long as the run."""
    place = find_shared_folder() / f"{name}.socket"

    def start(folder: Path) -> None:
        command = [sys.executable, artpipe_server.__file__, str(place), *modules]
        nothing = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)  # it outlives the worker
        server = subprocess.Popen(command, **nothing, start_new_session=True)
        (folder / "pid").write_text(str(server.pid))
        while not place.exists():
            assert server.poll() is None, f"the server of {name} ended"
            time.sleep(0.05)
        server.returncode = 0  # another process ends it

    make_once(f"{name}-server", start)
    return str(place)


def list_command(name: str, modules: Sequence[str]) -> list[str]:
    """Return the beginning of a command line that is `artpipe` or `dvc`, forked from a server's process."""
    return [sys.executable, "-S", "-E", artpipe_server.__file__, start_once(name, modules), "--"]
