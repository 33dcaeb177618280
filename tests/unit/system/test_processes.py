"""Children die with their parents, however those die."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from artpipe.errors import StoppedError
from artpipe.system.ancestors import find_session_ancestors, watch_processes
from artpipe.system.interrupts import SignalInterruption, StopRequest, raise_on_signals
from artpipe.system.processes import (
    end_child,
    end_children,
    find_process,
    group_members,
    interrupt_command,
    run_child,
    start_child,
)

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="processes are watched on Linux only")
FAMILY = "sleep 301 & sleep 302 & echo ready; wait"


def gone(pids, seconds=8.0):
    """Say whether all processes have ended within some seconds."""
    deadline = time.monotonic() + seconds
    while any(find_process(pid) for pid in pids):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def family(child):
    """Wait until guard, shell and two sleepers live; return their pids."""
    assert child.stdout.readline() == "ready\n"
    found = group_members(child.pid)
    assert len(found) == 4
    return found


def test_process_reads_the_kernel():
    """A process is told by pid, parent and group; a pid that is gone is None."""
    own = find_process(os.getpid())
    assert (own.pid, own.parent, own.group) == (os.getpid(), os.getppid(), os.getpgrp())
    child = subprocess.Popen(["true"])
    while find_process(child.pid):
        time.sleep(0.01)
    child.wait()


def list_watched(script: str, **more: str) -> tuple[list[int], int]:
    """Return whom Python watches below a shell in a session of its own, and that shell's pid; `$ASK` starts it."""
    root = str(Path(__file__).parents[3])
    code = f"import sys; sys.path.insert(0, {root!r}); from artpipe.system import ancestors; print([a.pid for a in ancestors.find_session_ancestors()])"
    shell = subprocess.Popen(
        ["env", "--default-signal=HUP", "sh", "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
        env=os.environ | {"CODE": code, "ASK": f'{sys.executable} -I -S -c "$CODE"', **more},
    )
    return json.loads(shell.communicate()[0]), shell.pid


def test_guardians_end_at_the_leader():
    """Under a shell in a session of its own the watched ancestors are that shell and no one above it."""
    watched, shell = list_watched('eval "$ASK"; true')
    assert watched == [shell]
    assert os.getpid() not in [found.pid for found in find_session_ancestors()]


def test_nohup_outlives_what_stands_above_it():
    """Below `nohup` a shell is watched, and the shells that called `nohup` are not, whether they lead or not."""
    below = """nohup sh -c 'eval "$ASK"; true'; true"""
    watched, shell = list_watched('sh -c "$BELOW"; true', BELOW=below)
    assert len(watched) == 1
    assert shell not in watched


def test_run_child_hands_over_lines_and_code():
    """Output comes line by line, errors included; the exit code is the command's, 128 + n after signal n."""
    lines = []
    assert run_child(["sh", "-c", "echo one; echo two >&2; exit 7"], lines.append) == 7
    assert lines == ["one", "two"]
    assert run_child(["sh", "-c", "kill -9 $$"], lines.append) == 137
    assert run_child(["/no/such/thing"], lines.append) == 127


def test_end_child_ends_the_group():
    """Ending a child ends its children too."""
    child = start_child(["sh", "-c", FAMILY], stdout=subprocess.PIPE)
    pids = family(child)
    assert end_child(child, 3) == 143
    assert gone(pids)
    child.stdout.close()


def test_stragglers_end_with_the_command():
    """What a command leaves behind in its group is ended, so nothing outlives the stage."""
    lines = []
    assert run_child(["sh", "-c", "sleep 303 & echo $!; exit 0"], lines.append, grace_seconds=2) == 0
    assert gone([int(lines[0])])


def test_a_deaf_child_is_killed_after_the_grace():
    """A child that ignores SIGTERM is killed when the grace is over."""
    child = start_child(
        ["sh", "-c", "trap '' TERM; echo ready; sleep 304; sleep 304"], stdout=subprocess.PIPE, grace_seconds=0.5
    )
    child.stdout.readline()
    began = time.monotonic()
    end_child(child, 0.5)
    assert time.monotonic() - began < 5
    assert gone([child.pid])
    child.stdout.close()


def test_timeout_ends_the_child():
    """A child that takes too long is ended."""
    began = time.monotonic()
    assert run_child(["sleep", "305"], print, timeout_seconds=0.3, grace_seconds=1) == 143
    assert time.monotonic() - began < 5


def test_kill_9_of_the_parent_ends_the_grandchildren():
    """When a parent is killed with -9 its child's whole group ends."""
    room = Path(__file__).parents[3] / "artpipe/system"
    code = (
        f"import sys; sys.path.insert(0, {str(room)!r}); import processes as p, time\n"
        f"c = p.start_child(['sh', '-c', {FAMILY!r}]); print(c.pid, flush=True); time.sleep(306)"
    )
    parent = subprocess.Popen([sys.executable, "-I", "-S", "-c", code], stdout=subprocess.PIPE, text=True)
    told = [parent.stdout.readline().strip(), parent.stdout.readline().strip()]
    guard = int(next(line for line in told if line != "ready"))
    pids = group_members(guard)
    assert len(pids) == 4
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(pids)


def test_watching_tells_once():
    """The end of an ancestor is told once, a pid's new owner is not taken for it."""
    child = subprocess.Popen(["sleep", "307"])
    told = []
    with watch_processes([find_process(child.pid)], told.append):
        time.sleep(0.3)
        assert told == []
        child.kill()
        child.wait()
        time.sleep(0.6)
    assert [found.pid for found in told] == [child.pid]
    own = find_process(os.getpid())
    with watch_processes([own._replace(started=own.started + 1)], told.append):
        time.sleep(0.4)
    assert len(told) == 2


def test_children_are_ended_together():
    """Two deaf children take the grace of one; one that has ended already takes nothing."""
    deaf = ["sh", "-c", "trap '' TERM; echo ready; sleep 308; sleep 308"]
    children = [start_child(deaf, stdout=subprocess.PIPE, grace_seconds=1.5) for _ in range(2)]
    over = start_child(["true"])
    over.wait()
    for child in children:
        child.stdout.readline()
    began = time.monotonic()
    end_children([*children, over], 1.5)
    assert 1.5 < time.monotonic() - began < 2.9
    assert gone([child.pid for child in children])
    for child in children:
        child.stdout.close()


def test_the_command_is_interrupted_alone():
    """SIGINT reaches the command under the guard, not what that started."""
    code = "import subprocess, signal\nchild = subprocess.Popen(['sleep', '309'])\n"
    code += (
        "try:\n print('ready', flush=True)\n signal.pause()\nexcept KeyboardInterrupt: print(child.poll(), flush=True)"
    )
    child = start_child([sys.executable, "-c", code], stdout=subprocess.PIPE, grace_seconds=2)
    assert child.stdout.readline() == "ready\n"
    interrupt_command(child, 10)
    assert child.stdout.readline() == "None\n"
    assert child.poll() == 0
    child.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_raised_past_what_takes_any_error(number):
    """No `except Exception` hears of it, it has its number, and what was set before is restored."""
    outside = signal.getsignal(number)
    signal.signal(number, signal.default_int_handler)  # also where these tests run under nohup
    try:
        with pytest.raises(SignalInterruption) as told, raise_on_signals(), contextlib.suppress(Exception):
            signal.raise_signal(number)
        assert (told.value.number, str(told.value)) == (number, number.name)
        assert signal.getsignal(number) == signal.default_int_handler
    finally:
        signal.signal(number, outside)


def test_under_nohup_a_closed_terminal_is_nobodys_business():
    """What ignores SIGHUP goes on ignoring it."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with raise_on_signals():
            os.kill(os.getpid(), signal.SIGHUP)
            assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_a_stop_is_raised_at_a_safe_place():
    """SIGTERM raises at once, or within `defer` where it is asked for; handlers are restored."""
    before = signal.getsignal(signal.SIGTERM)
    stop = StopRequest("painting")
    with stop.listen():
        with stop.defer():
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(0.01)
            with pytest.raises(StoppedError, match="painting stopped: SIGTERM"):
                stop.check()
            with pytest.raises(StoppedError), stop.defer(deferred=False):
                pytest.fail("a stop that waits is raised where it may be")
        with pytest.raises(StoppedError):
            os.kill(os.getpid(), signal.SIGTERM)
    assert signal.getsignal(signal.SIGTERM) == before


class SignalledSize:
    """A size that is signalled when torch asks for its number."""

    def __index__(self) -> int:
        os.kill(os.getpid(), signal.SIGTERM)
        return 1


def test_a_stop_within_compiled_code_is_a_stop():
    """Torch makes a TypeError of what is raised within it; an error while a stop is handled stays what it is."""
    with pytest.raises(StoppedError, match="painting stopped: SIGTERM") as caught, StopRequest("painting").listen():
        torch.zeros(SignalledSize())  # type: ignore[call-overload]
    assert isinstance(caught.value.__cause__, TypeError)
    stop = StopRequest("painting")
    with stop.listen(), stop.defer(), pytest.raises(StoppedError), stop.defer(deferred=False):
        torch.zeros(SignalledSize())  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="shape"):
        raise_while_stopped()


def raise_while_stopped() -> None:
    with StopRequest("painting").listen():
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except StoppedError:
            raise TypeError("shape") from None
