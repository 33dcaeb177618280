"""What a training says of its speed."""

import io

import pytest

from artpipe.system.terminal import PlainConsole
from artpipe.training import progress_bar
from artpipe.training.progress_bar import ProgressBar


@pytest.mark.parametrize(
    ("batch_size", "seconds", "rate"),
    [(64, 10.0, "64 samples/s"), (1, 40.0, "0.25 steps/s"), (1, 0.1, "100 steps/s")],
)
def test_the_rate_has_a_unit_that_fits(monkeypatch, batch_size, seconds, rate):
    """What learns from batches counts works; what moves its pictures step by step counts steps, and never `0 samples/s`."""
    console = PlainConsole(file=io.StringIO(), width=200)
    clock = iter([0.0, seconds])
    monkeypatch.setattr(progress_bar.time, "monotonic", lambda: next(clock))
    bar = ProgressBar("studio-style", 80, 0, console)
    bar.update(10, lambda: {"style": 0.5}, batch_size)
    assert console.file.getvalue().startswith(f"studio-style  step 10/80  style 0.5  {rate}  ")
