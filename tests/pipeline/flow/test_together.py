"""Several runs at once over one project: what they leave is what one after the other would have left."""

import subprocess
import sys

import pytest
from ruamel.yaml import YAML

pytestmark = [pytest.mark.xdist_group("flow"), pytest.mark.timeout(1200)]
TARGETS = ("train@ruler", "evaluate@gan", "train@vae", "evaluate@second", "evaluate@vae", "gallery")


def lock(project) -> dict:
    return YAML(typ="safe", pure=True).load((project.folder / "dvc.lock").read_text())


def together(project, number: int, targets: tuple[str, ...]) -> None:
    """Change every model and start a run for each target at the same moment; all end well and nothing is stale."""
    text = (project.folder / "params.yaml").read_text()
    for name in ("r", "g", "v", "s"):
        text = text.replace(f"title: {name}{number}", f"title: {name}{number + 1}")
    (project.folder / "params.yaml").write_text(text)
    before = lock(project)["stages"]
    runs = [
        subprocess.Popen(
            [sys.executable, "-m", "flows.gallery", target],
            cwd=project.folder,
            env=project.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for target in targets
    ]
    told = [run.communicate(timeout=600)[0] for run in runs]
    assert [run.returncode for run in runs] == [0] * len(runs), "\n".join(told)
    assert project.stale() == set()
    after = lock(project)["stages"]
    assert set(after) == set(before)
    models = {stage for stage in after if stage.startswith("train@")}
    assert all(after[stage] != before[stage] for stage in models)


@pytest.mark.nightly
def test_two_runs_at_once_leave_a_correct_lock(project, prefect_server):
    """One of a model, one of everything."""
    project.environment.update(prefect_server)
    together(project, 1, ("evaluate@vae", "gallery"))


@pytest.mark.nightly
def test_six_runs_at_once_leave_a_correct_lock_ten_times(project, prefect_server):
    """Ten times out of ten."""
    project.environment.update(prefect_server)
    for number in range(1, 11):
        together(project, number, TARGETS)
