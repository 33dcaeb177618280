"""Processes and signals of Linux: guarded children, groups.

Only the standard library is imported: this file also runs alone, as the guard of a child (see `start_child`). On other
systems nothing is watched (no `/proc`, no parent-death signal), and children are ended by an orderly exit only.
"""

import contextlib
import ctypes
import os
import signal
import subprocess  # starting our own tools is this file's purpose
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_SIGNAL_CODE = 128  # a shell's exit code of a process ended by signal n is 128 + n


def utf8_environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment (default: ours) in which a Python child writes UTF-8."""
    return {**(os.environ if env is None else env), "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8:backslashreplace"}


class Process(NamedTuple):
    """A living process, identified by pid and start time: pids are used again."""

    pid: int
    started: int  # clock ticks since boot
    name: str
    parent: int
    group: int
    session: int
    terminal: int  # 0: none


def find_process(pid: int) -> Process | None:
    """Return a process by its pid, or None where it is gone or a zombie."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    name, _, rest = text.partition("(")[2].rpartition(")")
    fields = rest.split()
    if fields[0] in {"Z", "X"}:
        return None
    parent, group, session, terminal = (int(field) for field in fields[1:5])
    return Process(pid, int(fields[19]), name, parent, group, session, terminal)


def die_with_parent(parent: int, number: int = signal.SIGKILL) -> bool:
    """Ask for a signal at the parent thread's end; return False if it has ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    return os.getppid() == parent


def handle_signals(handler: Any, numbers: Iterable[int] = STOP_SIGNALS) -> dict[int, Any]:
    """Set `handler` for these signals, and return the old handlers."""
    return {number: signal.signal(number, handler) for number in numbers}


def terminate_self() -> None:
    """Send SIGTERM to this process, which wakes the main thread from any wait."""
    os.kill(os.getpid(), signal.SIGTERM)


def start_child(
    command: Sequence[str],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    nice: int = 0,
    grace_seconds: float = 15.0,
    stdout: int | IO[Any] | None = None,
) -> subprocess.Popen[str]:
    """Start `command` in a session of its own, under a guard.

    The guard ends the whole group (SIGTERM, after `grace_seconds` SIGKILL) when it is terminated, when this process dies,
    and when the command leaves children behind. Call it from a thread that stays: for the kernel, the end of the thread is
    the parent's death. stderr goes where stdout goes.
    """
    arguments = [str(os.getpid()), str(grace_seconds), str(nice), *command]
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-X", "utf8", __file__, *arguments],
        cwd=cwd,
        env=env if stdout is None else utf8_environment(env),
        stdin=subprocess.DEVNULL,
        stdout=stdout,
        stderr=subprocess.STDOUT if stdout is not None else None,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    )


def end_child(child: subprocess.Popen[str], grace_seconds: float = 15.0) -> int:
    """End a child of `start_child` with its group, if need be; return its exit code."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(grace_seconds + 2)  # the guard counts the grace itself
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
    return child.wait()


def end_children(children: Iterable[subprocess.Popen[str]], grace_seconds: float = 15.0) -> None:
    """End several children at the same time, each as `end_child` does."""
    ending = [*children]
    enders = [threading.Thread(target=end_child, args=(child, grace_seconds)) for child in ending[1:]]
    for ender in enders:
        ender.start()
    for child in ending[:1]:  # one alone has no thread, because none starts at interpreter exit
        end_child(child, grace_seconds)
    for ender in enders:
        ender.join()


def interrupt_command(child: subprocess.Popen[str], wait_seconds: float) -> None:
    """Send SIGINT to a child's command, not to what that started; wait for its end."""
    for process in _list_processes():
        if process.parent == child.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(wait_seconds)


def kill_child(child: subprocess.Popen[Any]) -> None:
    """Send SIGKILL to a child without a guard; it must have no children."""
    child.kill()


def run_child(
    command: Sequence[str],
    on_line: Callable[[str], None],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_seconds: float | None = None,
    grace_seconds: float = 15.0,
) -> int:
    """Run `command`, call `on_line` with each line of output, return the exit code.

    The code is 128 + n after signal n. Whatever ends this call (an exception, a timeout, the death of this process) ends
    the child and its children.
    """
    child = start_child(command, cwd=cwd, env=env, grace_seconds=grace_seconds, stdout=subprocess.PIPE)
    timer = threading.Timer(timeout_seconds or 0, end_child, (child, grace_seconds))
    timer.daemon = True
    if timeout_seconds is not None:
        timer.start()
    try:
        for line in child.stdout or ():
            on_line(line.rstrip("\n"))
        return child.wait()
    finally:
        timer.cancel()
        end_child(child, grace_seconds)
        if child.stdout:
            child.stdout.close()


def _list_processes() -> Iterator[Process]:
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and (process := find_process(int(path.name))):
            yield process


def group_members(group: int) -> list[int]:
    """Return the pids of the living processes of a process group."""
    return [member.pid for member in _list_processes() if member.group == group]


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own, in any session."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def find_descendants(pid: int) -> list[int]:
    """Return the pids of all living processes below a process."""
    all_living, below = list(_list_processes()), {pid}
    while children := {process.pid for process in all_living if process.parent in below} - below:
        below |= children
    return sorted(below - {pid})


def end_descendants(grace_seconds: float) -> None:
    """End every process below this one, by SIGTERM and at last by SIGKILL."""
    deadline, terminated = time.monotonic() + grace_seconds, set[int]()
    while pids := find_descendants(os.getpid()):
        is_late = time.monotonic() > deadline
        for pid in pids if is_late else set(pids) - terminated:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if is_late else signal.SIGTERM)
        terminated.update(pids)
        time.sleep(0.05)


class _EndedError(Exception):
    """The guard was told to end."""


def _raise_ended(number: int, _frame: object) -> NoReturn:
    raise _EndedError(signal.Signals(number).name)


def _end_group(grace_seconds: float) -> None:
    """End all other processes of our group."""
    handle_signals(signal.SIG_IGN)
    group, deadline = os.getpgrp(), time.monotonic() + grace_seconds
    number: int = signal.SIGTERM
    while others := [pid for pid in group_members(group) if pid != os.getpid()]:
        for pid in others:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        number = 0 if time.monotonic() < deadline else signal.SIGKILL
        time.sleep(0.05)


def _exec(command: Sequence[str], nice: int) -> NoReturn:
    handle_signals(signal.SIG_DFL)
    die_with_parent(os.getppid(), signal.SIGTERM)
    os.nice(nice)
    try:
        os.execvp(command[0], list(command))  # noqa: S606  # no shell is wanted
    except OSError as error:
        sys.stderr.write(f"{command[0]}: {error.strerror}\n")
        os._exit(_SIGNAL_CODE - 1)  # as a shell says "command not found"


def _guard(parent: int, grace_seconds: float, nice: int, command: Sequence[str]) -> int:
    code = _SIGNAL_CODE + signal.SIGTERM
    try:
        handle_signals(_raise_ended)
        if not die_with_parent(parent, signal.SIGTERM):
            return code
        pid = os.fork()
        if pid == 0:
            _exec(command, nice)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except _EndedError:
        pass
    with contextlib.suppress(_EndedError):  # a signal just as the command ended by itself: the next line ends the group
        _end_group(grace_seconds)
    _end_group(grace_seconds)
    return code if code >= 0 else _SIGNAL_CODE - code


if __name__ == "__main__":
    sys.exit(_guard(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
