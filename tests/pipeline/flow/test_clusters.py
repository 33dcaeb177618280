"""The same flow on a Dask and on a Ray cluster of this machine; they take minutes each."""

import importlib.util
import shutil

import pytest

from artpipe.config.params import read_yaml
from tests.conftest import PARAMS as SHAPES
from tests.pipeline.conftest import get, make_real_project
from tests.pipeline.flow.test_flow import spans

pytestmark = [pytest.mark.nightly, pytest.mark.xdist_group("flow"), pytest.mark.timeout(1200)]


@pytest.mark.parametrize("kind", ["dask", "ray"])
def test_stages_run_on_a_cluster(project, prefect_server, kind):
    """Every stage sees the shared files: what lies below a change runs, a failure stops only what reads it, DVC has nothing to do."""
    assert importlib.util.find_spec(f"prefect_{kind}"), f"`make nightly` installs artpipe[{kind}]"
    project.environment.update(prefect_server, ARTPIPE_RUNNER=kind)
    project.edit("params.yaml", "title: g1", "title: g2, stub: {fail: true}")
    project.edit("params.yaml", "title: v1", "title: v2, stub: {busy: 1}")
    (project.folder / "datasets/emoji/c.png").write_text("c")
    done = project.flow("--slots", "2", "--retry-seconds", "0.1", check=False)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "failed: train@gan; not run, because what they read from failed: evaluate@gan" in done.stdout
    ran = {
        "ingest@emoji",
        "preprocess@emoji",
        "train@vae",
        "evaluate@vae",
        "train@second",
        "evaluate@second",
        "gallery",
    }
    assert set(spans(project)) == ran
    project.edit("params.yaml", "title: g2, stub: {fail: true}", "title: g3")
    project.flow("--slots", "2")
    assert project.stale() == set()


@pytest.mark.parametrize("wrong", ["rya", "dusk"])
def test_an_unknown_runner_is_refused(project, wrong):
    """One line with the nearest name, exit code 2, nothing run."""
    project.environment["ARTPIPE_RUNNER"] = wrong
    done = project.flow(check=False)
    assert done.returncode == 2
    assert f"ARTPIPE_RUNNER is '{wrong}'; it may be threads, dask, ray, did you mean" in done.stdout
    assert project.calls() == []


@pytest.mark.parametrize("kind", ["threads", "dask", "ray"])
def test_large_datasets_are_read_in_parts(tmp_path, prefect_server, kind):
    """Ingest and preprocess go over the cluster in parts, and leave what they leave without; no answer is left behind."""
    assert kind == "threads" or importlib.util.find_spec(f"prefect_{kind}"), f"`make nightly` installs artpipe[{kind}]"
    project = make_real_project(tmp_path / "project", SHAPES, count=48)
    (project.folder / "datasets/shapes/broken.png").write_bytes(b"no picture")
    project.environment["ARTPIPE_PART_MEGABYTES"] = "0"
    wanted = ("ingest@shapes", "preprocess@shapes")
    alone = project.flow(*wanted).stdout
    assert not [stage for stage in wanted if f"{stage} 1/" in alone]
    whole = outs(project)
    shutil.rmtree(project.folder / "data")
    shutil.rmtree(project.folder / ".dvc/cache")
    (project.folder / "dvc.lock").unlink()
    project.environment.update(prefect_server, ARTPIPE_RUNNER=kind, ARTPIPE_PART_MEGABYTES="0.001")
    done = project.flow("--slots", "2", *wanted).stdout
    if kind == "threads":  # what tasks in other processes say stands in their runs' logs
        assert all(f"+ {stage} {part}/2" in done for stage in wanted for part in (1, 2)), done
    runs = get(f"{prefect_server['PREFECT_API_URL']}/task_runs/filter", {"sort": "EXPECTED_START_TIME_DESC"})
    parts = {run["name"] for run in runs[:8] if run["state_type"] == "COMPLETED"}
    assert {f"{stage} {part}/2" for stage in wanted for part in (1, 2)} <= parts
    assert outs(project) == whole
    assert list((project.folder / ".state/answers").iterdir()) == []


def outs(project) -> dict[str, str]:
    """The hash of every output in dvc.lock, by path."""
    lock = read_yaml(project.folder / "dvc.lock")
    return {out["path"]: out["md5"] for stage in lock["stages"].values() for out in stage["outs"]}
