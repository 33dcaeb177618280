"""Children of a flow: so many at a time, the most urgent first, all of them ended together."""

import contextlib
import os
import sys
import threading
import time

import pytest

from flows.children import Children, StoppedError


def run(children: Children, *code: str, timeout_seconds: float = 60.0) -> tuple[int, list[str]]:
    lines: list[str] = []
    found = children.run([sys.executable, "-S", "-c", "\n".join(code)], lines.append, os.environ, timeout_seconds)
    return found, lines


def test_output_comes_by_line_and_the_exit_code_is_told():
    """Both streams are heard, and 3 is 3."""
    code, lines = run(
        Children(1), "import sys", "print('out', flush=True)", "print('err', file=sys.stderr)", "sys.exit(3)"
    )
    assert (code, lines) == (3, ["out", "err"])


def test_too_long_is_ended():
    """A child that outlives its time is gone, and the error says so."""
    with pytest.raises(TimeoutError, match="ended after 1 s"):
        run(Children(1), "import time", "time.sleep(600)", timeout_seconds=1.0)


def test_the_most_urgent_waits_least():
    """With one slot, those who wait are served by urgency."""
    children, served, inside = Children(1), [], threading.Event()

    def take(urgency: float) -> None:
        with children.slot(urgency):
            served.append(urgency)

    with children.slot(0.0):
        threads = [threading.Thread(target=take, args=(urgency,)) for urgency in (1.0, 3.0, 2.0)]
        for thread in threads:
            thread.start()
        while len(children._waiting) < 3:
            inside.wait(0.01)
    for thread in threads:
        thread.join()
    assert served == [3.0, 2.0, 1.0]


def test_the_most_urgent_goes_first_though_it_comes_a_little_later():
    """A free slot waits a moment for all that the same stage has set free."""
    children, served = Children(1, gather_seconds=0.5), []

    def take(urgency: float) -> None:
        with children.slot(urgency):
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
    children, both = Children(2), threading.Barrier(3)

    def take(urgency: float) -> None:
        with children.slot(urgency), contextlib.suppress(threading.BrokenBarrierError):
            both.wait(20)

    threads = [threading.Thread(target=take, args=(urgency,)) for urgency in (1.0, 2.0)]
    with contextlib.ExitStack() as together:
        together.enter_context(children._slots)
        together.enter_context(children.slot(9.0))
        together.enter_context(children.slot(9.0))
        for place, thread in enumerate(threads, 1):
            thread.start()  # the less urgent first, so it is woken first
            while len(children._slots._waiters) < place:
                children._slots.wait(0.01)
    both.wait(20)
    for thread in threads:
        thread.join()
    assert not both.broken


def test_slots_are_not_exceeded():
    """Of eight that come at once, two are inside at a time."""
    children, lock, now, most = Children(2), threading.Lock(), [0], [0]

    def take() -> None:
        with children.slot():
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


def test_stopping_ends_all_and_starts_no_more():
    """A running child ends, its runner is told, and the next is refused."""
    children, ended = Children(1), []

    def hang() -> None:
        try:
            run(children, "import time", "print(1, flush=True)", "time.sleep(600)")
        except StoppedError:
            ended.append("stopped")

    thread = threading.Thread(target=hang)
    thread.start()
    while not children._running:
        time.sleep(0.01)
    children.stop()
    thread.join(30)
    assert ended == ["stopped"]
    with pytest.raises(StoppedError):
        run(children, "pass")
