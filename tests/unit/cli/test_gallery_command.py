"""`artpipe gallery` brings MLflow up to date afterwards, as a plain `dvc repro` needs; nothing of that fails it."""

import pytest

import artpipe.gallery
from artpipe.tracking import mlflow_sync


@pytest.fixture
def children(monkeypatch):
    """What would be started; nothing is built and nothing is run."""
    started = []
    monkeypatch.setattr(artpipe.gallery, "build_gallery", lambda: None)
    for name in ("ARTPIPE_TRACKING", "ARTPIPE_SYNC"):
        monkeypatch.delenv(name, raising=False)

    def ends_with(code: int, said: str) -> None:
        def child(command, line, **_):
            started.append(command[-3:])
            line("what a library says")
            line(said)
            return code

        monkeypatch.setattr(mlflow_sync, "run_child", child)

    ends_with(0, "MLflow: 1 trainings")
    return type("Children", (), {"started": started, "end_with": staticmethod(ends_with)})


def test_sync_comes_after(artpipe, children):
    """One child, one line."""
    assert artpipe("gallery") == (0, "MLflow: 1 trainings\n", "")
    assert children.started == [["-m", "artpipe", "sync"]]


def test_a_lost_server_fails_nothing(artpipe, children):
    """The stage has ended well; one line says what is missing."""
    children.end_with(1, "artpipe: MLflow: lost; `artpipe sync` does it later")
    assert artpipe("gallery") == (0, "", "artpipe: MLflow: lost; `artpipe sync` does it later\n")


@pytest.mark.parametrize(("name", "value"), [("ARTPIPE_TRACKING", "off"), ("ARTPIPE_SYNC", "later")])
def test_sync_can_be_left_out(artpipe, children, monkeypatch, name, value):
    """Where tracking is off, and where whoever runs the stages syncs at the end."""
    monkeypatch.setenv(name, value)
    assert artpipe("gallery") == (0, "", "")
    assert children.started == []
