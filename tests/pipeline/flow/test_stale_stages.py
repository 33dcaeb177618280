"""Which stages DVC's graph calls stale, before a flow begins: targets, urgency, torn books; stages are stand-ins."""

import pytest

from artpipe.orchestration.scheduling.dvc_graph import find_stale_stages, repair_dvc_files
from artpipe.project.estimates import save_duration

pytestmark = [pytest.mark.xdist_group("dvc"), pytest.mark.filterwarnings("ignore")]  # DVC's own


def test_nothing_to_do_brings_up_no_server(project, tmp_path):
    """Without a server that could keep a record, DVC is asked and no Prefect is started; a wrong stage is a mistake all the same."""
    project.environment["PREFECT_HOME"] = str(tmp_path / "home")
    done = project.flow()
    assert done.stdout.startswith("Everything is up to date.\n")
    assert project.flow("evaluate@vea", check=False).returncode == 2
    assert not (tmp_path / "home").exists()
    assert project.calls() == []


def test_targets_are_what_they_need(project, monkeypatch):
    """Of what is stale, a target takes what lies above it; a stage that does not exist is an error with its name."""
    monkeypatch.chdir(project.folder)
    project.edit("params.yaml", "title: g1", "title: g2")
    project.edit("params.yaml", "title: v1", "title: v2")
    assert [stage.name for stage in find_stale_stages(["evaluate@vae"])] == ["train@vae", "evaluate@vae"]
    with pytest.raises(KeyError, match="train@nobody"):
        find_stale_stages(["train@nobody"])


def test_a_wanted_model_is_hung_beside_what_there_is(project, monkeypatch):
    """With `gallery` the gallery follows what was wanted and waits for nothing else, stale as that may be."""
    monkeypatch.chdir(project.folder)
    project.edit("params.yaml", "title: g1", "title: g2")
    project.edit("params.yaml", "title: v1", "title: v2")
    stages = find_stale_stages(["evaluate@vae"], gallery=True)
    assert [stage.name for stage in stages] == ["train@vae", "evaluate@vae", "gallery"]


def test_long_chains_are_urgent(project, monkeypatch):
    """What a long training waits for is more urgent than a short training."""
    monkeypatch.chdir(project.folder)
    project.edit_code("train")
    save_duration("evaluate@gan", 500.0)
    urgency = {stage.name: stage.urgency for stage in find_stale_stages()}
    assert urgency["train@ruler"] > urgency["train@gan"] > urgency["train@vae"]
    assert urgency["evaluate@gan"] == pytest.approx(urgency["gallery"] + 500.0, abs=5)  # and what DVC takes


@pytest.mark.parametrize("kept", [0, 300])
@pytest.mark.nightly
def test_torn_books_of_dvc_are_mended(project, monkeypatch, kept):
    """dvc.lock and rwlock, cut short by a kill: put right and said once; but for shards all comes from the run cache."""
    monkeypatch.chdir(project.folder)
    assert repair_dvc_files() == []
    lock = project.folder / "dvc.lock"
    whole = lock.read_text()
    lock.write_text(whole[:kept])
    (project.folder / ".dvc/tmp/rwlock").write_text('{"read": {"' if kept else "")
    assert [sentence.split(":")[0] for sentence in repair_dvc_files()] == [
        "dvc was killed while it noted what it reads",
        "dvc was killed while it wrote dvc.lock",
    ]
    assert repair_dvc_files() == []
    again = {"preprocess@digits", "preprocess@emoji", "gallery"}  # kept out of that cache; may be hung again
    assert {*project.repro()} <= again
    assert lock.read_text() == whole
