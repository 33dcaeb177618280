"""`dvc exp`, `dvc metrics` and `dvc plots` on the real dvc.yaml, with stages that are stand-ins."""

import csv
import difflib
import io
import json
import time

import pytest
from dvc.utils.serialize import modify_yaml

from tests.pipeline.conftest import ROOT

pytestmark = [pytest.mark.xdist_group("dvc"), pytest.mark.timeout(1200)]  # they share a project

COMMENTED = "seed: 1 # of everything\n"


def test_an_experiment_changes_one_line_of_params(tmp_path):
    """What `-S` writes into our params.yaml is that value; every comment, quote and line break stays."""
    text = (ROOT / "params.yaml").read_text()
    (tmp_path / "params.yaml").write_text(text)
    with modify_yaml(str(tmp_path / "params.yaml")) as params:  # DVC's own writer
        params["models"]["digits-vae"]["beta"] = 4
    after = (tmp_path / "params.yaml").read_text()
    differing = [line for line in difflib.ndiff(text.splitlines(), after.splitlines()) if line[0] in "+-"]
    assert differing == ["-     beta: 1.0", "+     beta: 4"]


@pytest.mark.nightly
def test_experiments_side_by_side(project, tmp_path):
    """Two experiments: the table has what differs, metrics and plots tell the same, and beta runs three stages."""
    project.edit("params.yaml", "seed: 1\n", COMMENTED)
    project.repro()
    project.commit()
    for beta in (4, 8):
        project.dvc("exp", "run", "-q", "-n", f"beta{beta}", "-S", f"models.vae.beta={beta}")
    assert project.calls()[-6:] == ["train@vae", "evaluate@vae", "gallery"] * 2
    assert COMMENTED in (project.folder / "params.yaml").read_text()
    drop = "(artpipe|data/(?!metrics))"
    shown = project.dvc("exp", "show", "--csv", "--only-changed", "--drop", drop).stdout
    table = {row["Experiment"] or row["rev"]: row for row in csv.DictReader(io.StringIO(shown))}
    assert {name: row["models.vae.beta"] for name, row in table.items()} == {
        "workspace": "8", "master": "1.0", "beta4": "4", "beta8": "8",
    }  # fmt: skip
    metric = "data/metrics/vae.json:kid"
    assert [column for column in table["beta4"] if "data/" in column or "artpipe" in column] == [metric]
    diff = json.loads(project.dvc("metrics", "diff", "--json", "HEAD", "beta4").stdout)
    assert diff.keys() == {"data/metrics/vae.json"}
    assert diff["data/metrics/vae.json"]["kid"]["new"] == int(table["beta4"][metric])
    project.dvc("plots", "diff", "-q", "HEAD", "beta8", "-o", str(tmp_path / "plots"))
    page = (tmp_path / "plots/index.html").read_text()
    assert '<meta charset="utf-8">' in page
    assert all(word in page for word in ('"text": "vae"', "losses/loss", '"rev": "beta8"', '"rev": "HEAD"'))


@pytest.mark.nightly
def test_queued_experiments(project):
    """Two variants of one model wait in DVC's queue and run in copies of the commit: each row has its own numbers, the commit's too."""
    project.commit()
    for beta in (4, 8):
        project.dvc("exp", "run", "-q", "--queue", "-n", f"beta{beta}", "-S", f"models.vae.beta={beta}")
    project.run("dvc", "queue", "start", "-q")
    deadline = time.monotonic() + 900
    while "Running" in (status := project.dvc("queue", "status").stdout) or "Queued" in status:
        assert time.monotonic() < deadline, status
        time.sleep(1)
    shown = project.dvc("exp", "show", "--csv").stdout
    table = {row["Experiment"] or row["rev"]: row for row in csv.DictReader(io.StringIO(shown))}
    metric = next(column for column in table["beta4"] if column.endswith("vae.json:kid"))
    assert {name: table[name]["State"] for name in ("beta4", "beta8")} == dict.fromkeys(("beta4", "beta8"), "Success")
    assert all(table[name][metric] for name in ("master", "beta4", "beta8"))
    assert table["beta4"][metric] != table["beta8"][metric]


@pytest.mark.nightly
def test_experiments_where_no_lock_is_committed(project):
    """A dvc.lock that git does not know: the experiment runs, holds one of its own, and is found again by its name."""
    project.run("git", "add", "--all")
    project.run("git", "reset", "-q", "dvc.lock")
    project.run("git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "no lock")
    project.dvc("exp", "save", "-q", "-n", "before")
    project.dvc("exp", "run", "-q", "-n", "beta4", "-S", "models.vae.beta=4")
    assert project.calls() == ["train@vae", "evaluate@vae", "gallery"]
    diff = json.loads(project.dvc("exp", "diff", "--json", "before", "beta4").stdout)
    assert diff["metrics"].keys() == {"data/metrics/vae.json"}
    assert diff["params"]["params.yaml"]["models.vae.beta"]["new"] == 4
