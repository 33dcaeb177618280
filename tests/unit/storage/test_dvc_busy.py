"""DVC's complaint about a path in use, said in our words: by whom, since when, and no advice to remove a lock."""

import os
import re

import pytest

from artpipe.errors import BusyError
from artpipe.storage import dvc_command
from artpipe.storage.dvc_busy import describe_busy, is_busy
from artpipe.storage.dvc_command import extract_dvc_reason, retry_while_locked


def complaint(
    command: str = "/x/dvc --wait-for-lock repro --single-item train@digits-gan", pid: int | None = None
) -> str:
    return (
        "ERROR: failed to reproduce 'evaluate@digits-gan': '/p/data/checkpoints/digits-gan' is busy, it is being blocked by:\n"
        f"  (PID {pid or os.getpid()}): {command}\n\n"
        "If there are no processes with such PIDs, you can manually remove '/p/.dvc/tmp/rwlock' and try again."
    )


def test_the_stage_and_the_time_are_told():
    """Of a run: its stage; of another command: the command; the time where the process is still there."""
    assert re.fullmatch(r"another run is busy with train@digits-gan since [\d: -]+", describe_busy(complaint()))
    assert describe_busy(complaint("dvc status", pid=4_194_303)) == "another run is busy with `dvc status`"
    assert describe_busy("'/p' is busy, it is being blocked by:") == "another run is at work"


def test_the_advice_to_remove_the_lock_is_not_passed_on():
    """Wherever a dvc ended with it."""
    assert is_busy(complaint())
    assert "remove" not in extract_dvc_reason(complaint(), 255)
    assert extract_dvc_reason(complaint(), 255) == describe_busy(complaint())


def test_a_command_waits_for_the_other_and_says_so_once(monkeypatch, capsys):
    """It is tried again; after the time it may take, the error says by whom it is kept."""
    monkeypatch.setattr(dvc_command, "wait_for_dvc_lock", lambda *_, **__: None)
    monkeypatch.setattr(dvc_command, "_BUSY_SECONDS", 0.0)
    texts = iter([complaint("dvc gc", 4_194_302), complaint("dvc gc", 4_194_302), "done"])
    assert retry_while_locked(None, lambda: next(texts), str) == "done"
    assert capsys.readouterr().err == "artpipe: another run is busy with `dvc gc`; waiting\n"
    with pytest.raises(BusyError, match=r"another run is busy with train@digits-gan.*; try again when it has ended"):
        retry_while_locked(None, complaint, str, wait_seconds=-1)
