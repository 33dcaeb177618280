"""What the follower says of trainings that it cannot show; that it shows them is in tests/pipeline/servers/test_mlflow.py."""

import threading

import pytest

from artpipe.tracking import follower


@pytest.mark.parametrize(("is_running", "lines"), [(False, 0), (True, 1)])
def test_a_training_that_ends_while_it_is_looked_at_is_no_trouble(tmp_path, capsys, is_running, lines):
    """Its state is gone and its run record complete; one that still stands and cannot be read is told once."""
    state = tmp_path / "train/gan/0123456789abcdef"
    state.mkdir(parents=True)
    if is_running:
        (state / "run-live.json").write_text("no start of a run")
    watcher = follower._Follower(threading.Event(), 0.01, 0.01)
    watcher.store = object()  # opened before, and not reached
    for _ in range(2):
        watcher._show({state})
    assert len(capsys.readouterr().err.splitlines()) == lines
