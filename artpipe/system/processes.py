"""Processes and signals of Linux in one place: whose death ends us, children that die with us, groups ended at once.

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
_POLL_SECONDS = 0.2
_ENDED = 128  # a shell's exit code of a process ended by signal n is 128 + n


def utf8_environment(env: Mapping[str, str] | None = None) -> dict[str, str]:
    """Return an environment (ours, unless given) in which a child in Python writes what we read of it in UTF-8."""
    return {**(os.environ if env is None else env), "PYTHONUTF8": "1", "PYTHONIOENCODING": "utf-8:backslashreplace"}


class Process(NamedTuple):
    """A living process; pid and start together name it, because pids are used again."""

    pid: int
    started: int  # clock ticks since boot
    name: str
    parent: int
    group: int
    session: int
    terminal: int  # 0: none


def process(pid: int) -> Process | None:
    """Return what the kernel says of a process, or None where it is gone or a zombie."""
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


def guardians(pid: int | None = None) -> tuple[Process, ...]:
    """Return the ancestors whose death ends a process: from its parent up to the leader of its session.

    A leader with a terminal is a person's shell and is left out: closing it sends SIGHUP, and `nohup` asks to outlive it.
    """
    own = process(pid or os.getpid())
    if own is None or own.session == own.pid:
        return ()
    chain, current = list[Process](), process(own.parent)
    while current is not None and current.session == own.session:
        leader = current.pid == current.session
        if not (leader and (current.terminal or signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)):
            chain.append(current)
        current = None if leader else process(current.parent)
    return tuple(chain)


@contextlib.contextmanager
def watching(ancestors: Sequence[Process], when_gone: Callable[[Process], None]) -> Iterator[None]:
    """Call `when_gone` once, from a thread, as soon as one of `ancestors` has ended (polled five times a second).

    A parent-death signal is not enough: under `sh -c` the parent is the shell, which outlives a killed `dvc`.
    """
    done = threading.Event()

    def look() -> None:
        while not done.wait(_POLL_SECONDS):
            for ancestor in ancestors:
                now = process(ancestor.pid)
                if now is None or now.started != ancestor.started:
                    when_gone(ancestor)
                    return

    (thread := threading.Thread(target=look, name="ancestors", daemon=True)).start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def die_with_parent(parent: int, number: int = signal.SIGKILL) -> bool:
    """Ask for a signal when the thread that started us ends (it survives exec, not fork); False: `parent` has ended."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)
    return os.getppid() == parent


def handle_signals(handler: Any, numbers: Iterable[int] = STOP_SIGNALS) -> dict[int, Any]:
    """Have `handler` called at these signals, and return what was before."""
    return {number: signal.signal(number, handler) for number in numbers}


def terminate_self() -> None:
    """Send SIGTERM to this process: it wakes the main thread, whatever that waits for."""
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
    """Start `command` in a session of its own, under a guard; stderr goes where stdout goes.

    The guard ends the whole group (SIGTERM, after `grace_seconds` SIGKILL) when it is told to, when this process dies, and
    when the command leaves children behind. Start it from a thread that stays: its end is the parent's death to the kernel.
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
    """End a child of `start_child` with all its group and return its exit code; does nothing where it has ended."""
    if child.poll() is None:
        child.terminate()
        try:
            child.wait(grace_seconds + 2)  # the guard counts the grace itself
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
    return child.wait()


def end_children(children: Iterable[subprocess.Popen[str]], grace_seconds: float = 15.0) -> None:
    """End several children at the same time, each as `end_child` does; one alone without a thread, since none starts at exit."""
    ending = [*children]
    enders = [threading.Thread(target=end_child, args=(child, grace_seconds)) for child in ending[1:]]
    for ender in enders:
        ender.start()
    for child in ending[:1]:
        end_child(child, grace_seconds)
    for ender in enders:
        ender.join()


def interrupt_command(child: subprocess.Popen[str], wait_seconds: float) -> None:
    """Send SIGINT to the command of a child of `start_child` alone, not to what it started, and wait for its end."""
    for found in _processes():
        if found.parent == child.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(found.pid, signal.SIGINT)
    with contextlib.suppress(subprocess.TimeoutExpired):
        child.wait(wait_seconds)


def kill_child(child: subprocess.Popen[Any]) -> None:
    """Send SIGKILL to a child without a guard, which has no children; the thread that waits for it notices."""
    child.kill()


def run_child(
    command: Sequence[str],
    line: Callable[[str], None],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    timeout_seconds: float | None = None,
    grace_seconds: float = 15.0,
) -> int:
    """Run `command`, hand its output to `line` line by line and return its exit code (128 + n after signal n).

    Whatever ends this call (an exception, a timeout, the death of this process) ends the child and its children.
    """
    child = start_child(command, cwd=cwd, env=env, grace_seconds=grace_seconds, stdout=subprocess.PIPE)
    timer = threading.Timer(timeout_seconds or 0, end_child, (child, grace_seconds))
    timer.daemon = True
    if timeout_seconds is not None:
        timer.start()
    try:
        for text in child.stdout or ():
            line(text.rstrip("\n"))
        return child.wait()
    finally:
        timer.cancel()
        end_child(child, grace_seconds)
        if child.stdout:
            child.stdout.close()


def _processes() -> Iterator[Process]:
    for path in Path("/proc").iterdir():
        if path.name.isdigit() and (found := process(int(path.name))):
            yield found


def members(group: int) -> list[int]:
    """Return the pids of the living processes of a process group."""
    return [found.pid for found in _processes() if found.group == group]


def adopt_orphans() -> None:
    """Become the parent of every descendant that loses its own, in whatever session it is; `end_descendants` finds it."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def descendants(pid: int) -> list[int]:
    """Return the pids of all living processes below a process."""
    living, below = list(_processes()), {pid}
    while children := {found.pid for found in living if found.parent in below} - below:
        below |= children
    return sorted(below - {pid})


def end_descendants(grace_seconds: float) -> None:
    """End every process below this one (SIGTERM, after `grace_seconds` SIGKILL) and wait until they are gone."""
    deadline, told = time.monotonic() + grace_seconds, set[int]()
    while pids := descendants(os.getpid()):
        late = time.monotonic() > deadline
        for pid in pids if late else set(pids) - told:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL if late else signal.SIGTERM)
        told.update(pids)
        time.sleep(0.05)


class _EndedError(Exception):
    """The guard was told to end."""


def _told(number: int, _frame: object) -> NoReturn:
    raise _EndedError(signal.Signals(number).name)


def _end_group(grace_seconds: float) -> None:
    """End all other processes of our group."""
    handle_signals(signal.SIG_IGN)
    group, deadline = os.getpgrp(), time.monotonic() + grace_seconds
    number: int = signal.SIGTERM
    while others := [pid for pid in members(group) if pid != os.getpid()]:
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
        os._exit(_ENDED - 1)  # as a shell says "command not found"


def _guard(parent: int, grace_seconds: float, nice: int, command: Sequence[str]) -> int:
    code = _ENDED + signal.SIGTERM
    try:
        handle_signals(_told)
        if not die_with_parent(parent, signal.SIGTERM):
            return code
        pid = os.fork()
        if pid == 0:
            _exec(command, nice)
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    except _EndedError:
        pass
    with contextlib.suppress(_EndedError):  # told in the very moment of ending by itself: the next line does it
        _end_group(grace_seconds)
    _end_group(grace_seconds)
    return code if code >= 0 else _ENDED - code


if __name__ == "__main__":
    sys.exit(_guard(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]), sys.argv[4:]))
