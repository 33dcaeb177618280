"""Results kept apart and brought together: a second clone by a folder and by S3, and what gc leaves, as DVC itself sees it."""

import contextlib
import socket
import sys
import time
import urllib.request
from pathlib import Path

import pytest

from artpipe.storage.gc import collect_garbage
from artpipe.system.processes import end_child, start_child
from tests.pipeline.conftest import Project

pytestmark = [pytest.mark.xdist_group("dvc"), pytest.mark.timeout(1200)]  # they share a project


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def s3(tmp_path):
    """An S3 server of moto on loopback with a bucket `studio`; yields its address."""
    pytest.importorskip("moto")
    pytest.importorskip("dvc_s3")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with (tmp_path / "moto.log").open("w") as log:
        server = start_child([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], stdout=log)
    try:
        deadline = time.monotonic() + 120  # 2 s alone
        while True:
            with contextlib.suppress(OSError):
                request = urllib.request.Request(f"{url}/studio", method="PUT")  # noqa: S310 (our own server)
                with urllib.request.urlopen(request, timeout=5):  # noqa: S310
                    break
            assert time.monotonic() < deadline, (tmp_path / "moto.log").read_text()
            time.sleep(0.2)
        yield url
    finally:
        end_child(server)


@pytest.mark.nightly  # a colleague who pulls from a folder is in test_dvc.py
def test_a_second_clone_by_s3(project, tmp_path, s3):
    """Pushed to S3 and pulled into a clone: nothing runs, the gallery is the same byte for byte; an older beta is pulled, not trained."""
    keys = {"AWS_ACCESS_KEY_ID": "k", "AWS_SECRET_ACCESS_KEY": "s", "AWS_DEFAULT_REGION": "us-east-1"}
    project.environment |= keys
    project.dvc("remote", "add", "-q", "-d", "store", "s3://studio/artpipe")
    project.dvc("remote", "modify", "store", "endpointurl", s3)
    project.dvc("push", "-q", "--run-cache")
    project.edit("params.yaml", "beta: 1.0", "beta: 3.0")
    project.repro()
    project.commit()
    project.dvc("push", "-q", "--run-cache")
    project.run("git", "clone", "-q", str(project.folder), str(tmp_path / "clone"))
    clone = Project(tmp_path / "clone")
    clone.environment |= keys
    clone.dvc("pull", "-q", "--run-cache")
    assert clone.stale() == set()
    assert clone.repro() == []
    assert contents(clone.folder / "data") == contents(project.folder / "data")
    clone.edit("params.yaml", "beta: 3.0", "beta: 1.0")
    clone.dvc("repro", "-q", "--pull")
    assert "train@vae" not in clone.calls()


@pytest.mark.nightly
def test_gc_leaves_every_branch_tag_and_experiment_whole(project):
    """Of five betas, the one nobody names goes; each of the others is checked out and runs nothing."""

    def made(beta: float, old: float) -> None:
        project.edit("params.yaml", f"beta: {old}", f"beta: {beta}")
        project.repro()

    project.commit()
    for name, beta in (("sharp", 4), ("v1", 5)):
        project.run("git", "checkout", "-q", "-b", name, "master")
        made(beta, 1.0)
        project.commit()
    project.run("git", "tag", "only-tagged", "v1")
    project.run("git", "checkout", "-q", "master")
    project.run("git", "branch", "-q", "-D", "v1")
    made(9, 1.0)
    project.run("git", "checkout", "-q", "params.yaml", "dvc.lock")
    project.dvc("checkout", "-q", "--force")
    project.dvc("exp", "run", "-q", "-n", "tried", "-S", "models.vae.beta=8")
    project.run("git", "checkout", "-q", "params.yaml", "dvc.lock")
    with contextlib.chdir(project.folder):
        said = collect_garbage(yes=True).to_text()
    assert "branches (2), tags (1), experiments (1) need" in said
    assert "freed" in said
    for ref in ("sharp", "only-tagged", "tried", "master"):
        project.run("git", "checkout", "-q", "--force", _commit(project, ref))
        project.dvc("checkout", "-q", "--force")
        assert project.repro() == []
    made(9, 1.0)
    assert "train@vae" in project.calls()


def _commit(project, ref: str) -> str:
    """The commit of a branch, a tag or an experiment of that name."""
    found = project.run("git", "for-each-ref", "--format=%(objectname)", f"refs/*/{ref}", f"refs/exps/*/*/{ref}").stdout
    return found.split()[0]
