"""The same flow on a Dask and on a Ray cluster of this machine; they take a minute each."""

import importlib.util

import pytest

from tests.pipeline.test_flow import spans

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
