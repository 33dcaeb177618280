"""Lineage and runs: from anything a visitor may hold back to what it came from."""

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from artpipe.artifacts import paths
from artpipe.artifacts.report import load_report
from artpipe.artifacts.run import Journal, RunRecord, RunStart, save_run
from artpipe.errors import UserError
from artpipe.gallery import build_gallery
from artpipe.system.atomic_files import write_json
from artpipe.system.hashing import sha256_file
from artpipe.system.locks import hold_lock
from artpipe.tracking.lineage_trace import ArtifactIndex, trace_lineage
from artpipe.tracking.listing import list_runs
from tests.support.museums import find_built_museum


@pytest.fixture(scope="module")
def museum():
    return find_built_museum()


@pytest.fixture
def here(museum, monkeypatch):
    monkeypatch.chdir(museum)
    return museum


@pytest.fixture
def own(museum, tmp_path, monkeypatch):
    """A copy that may be changed."""
    shutil.copytree(museum, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def first_work(model: str) -> tuple[str, str]:
    """The id of a model's first work, and its file in the report."""
    shelves = ArtifactIndex()
    name, (_, hung) = next(item for item in shelves.works.items() if item[1][0] == model)
    return name, hung.file


def test_a_work_leads_to_everything(here):
    """Run, checkpoint, data, commit and parameters are those of the record and the report."""
    name, _ = first_work("digits-gan")
    found, run = trace_lineage(name), RunRecord.open(paths.run("digits-gan")).card
    report, _ = load_report(paths.report("digits-gan"))
    assert (found.work.id, found.model, found.kind) == (name, "digits-gan", "gan")
    assert (found.run.run_id, found.run.commit) == (run.run_id, run.commit)
    assert (found.checkpoint.sha256, found.data.shards) == (report.checkpoint, report.shards)
    assert found.data.about.licence == "CC-BY-SA-3.0"
    assert found.parameters == run.params


@pytest.mark.parametrize(
    "form",
    [
        "http://127.0.0.1:8000/works/{}/index.html",
        "http://127.0.0.1:8000/works/{}/?from=wall#top",
        "file:///somewhere/data/gallery/works/{}/index.html",
        "data/gallery/works/{}/index.html",
        "data/gallery/works/{}",
    ],
)
def test_a_page_is_its_work(here, form):
    """An address or a path of a work's page is the work."""
    name, _ = first_work("digits-vae")
    assert trace_lineage(form.format(name)).work.id == name


def test_a_page_of_a_model_is_the_model(here):
    """An address of a model's page has no work."""
    found = trace_lineage("http://localhost/models/emoji-gan/index.html")
    assert (found.model, found.work) == ("emoji-gan", None)


def test_a_picture_is_known_by_its_content(here, tmp_path):
    """A report's picture and a copy of it under any name are the same work."""
    name, file = first_work("digits-gan")
    original = paths.report("digits-gan") / file
    shutil.copy(original, tmp_path / "copy.png")
    assert trace_lineage(str(original)).work.id == trace_lineage(str(tmp_path / "copy.png")).work.id == name


def test_what_the_gallery_makes_of_it_is_known_too(own, tmp_path):
    """A picture that hangs as WebP, downloaded and renamed, is the step of the training that it shows."""
    way = own / paths.run("emoji-gan") / "progress/step-00000100.png"
    way.parent.mkdir(exist_ok=True)
    Image.radial_gradient("L").convert("RGB").resize((300, 300)).save(way)
    build_gallery(own)
    page = (own / "data/gallery/models/emoji-gan/index.html").read_text()
    hung = [path for path in (own / "data/gallery/media").glob("*.webp") if path.name in page]
    assert hung
    for path in hung:
        shutil.copy(path, tmp_path / "downloaded.webp")
        found = trace_lineage(str(tmp_path / "downloaded.webp"))
        assert (found.model, found.progress) == ("emoji-gan", 100)


def test_a_real_work_has_its_own_origin(here):
    """A picture of the collection answers with who made it, not with a model's run alone."""
    report, _ = load_report(paths.report("digits-gan"))
    found = trace_lineage(str(paths.report("digits-gan") / next(iter(report.works))))
    assert found.real.licence == "CC-BY-SA-3.0"
    assert found.work is None


def test_a_hash_or_its_beginning_will_do(here):
    """The run's id and the checkpoint's hash name the model; too few digits name nothing."""
    run = RunRecord.open(paths.run("emoji-gan")).card
    assert trace_lineage(run.checkpoint[:16]).model == "emoji-gan"
    with pytest.raises(UserError):
        trace_lineage(run.checkpoint[:3])


@pytest.mark.parametrize("kind", ["reports", "runs"])
def test_a_folder_is_its_model(here, kind):
    """A report and a run record, and any file in them."""
    folder = Path("data") / kind / "digits-gan"
    assert trace_lineage(str(folder)).model == "digits-gan"
    assert trace_lineage(str(next(folder.glob("*.json")))).model == "digits-gan"


def test_a_run_of_another_checkpoint_is_not_told(own):
    """A report whose checkpoint was trained anew leads to no run, rather than to the wrong one."""
    record = RunRecord.open(paths.run("digits-gan"))
    save_run(record.folder, record.card.model_copy(update={"checkpoint": "0" * 64, "commit": "other"}))
    name, _ = first_work("digits-gan")
    found = trace_lineage(name)
    assert found.run is None
    assert found.checkpoint.sha256 != "0" * 64
    assert trace_lineage("digits-gan").run.commit == "other"


def test_a_checkpoint_elsewhere_speaks_for_itself(own, tmp_path):
    """A checkpoint's folder names what it learned from, wherever it lies."""
    card = {"name": "digits-gan", "params": {"kind": "gan", "dataset": "digits"}, "shards": "d" * 64, "seed": 7}
    write_json(tmp_path / "kept/checkpoint.json", card | {"steps": {"best": 40}, "pretrained": None, "code": ""})
    found = trace_lineage(str(tmp_path / "kept"))
    assert (found.seed, found.data.shards, found.run) == (7, "d" * 64, None)
    assert found.checkpoint.sha256 == sha256_file(tmp_path / "kept/checkpoint.json")


@pytest.mark.parametrize("asked", ["digits-gna", "data/reports/digits-gna", "http://localhost/works/digits-gna/"])
def test_a_slip_names_the_nearest(here, artpipe, asked):
    """One line, exit 2, with the nearest name."""
    code, out, err = artpipe("lineage", asked)
    assert (code, out) == (2, "")
    assert err == f"artpipe: `{asked}` is unknown here, did you mean `digits-gan`?\n"


def test_nothing_made_yet_says_so(tmp_path, monkeypatch, artpipe):
    """In an empty project both commands say what makes something."""
    for name in ("params.yaml", "dvc.yaml"):
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    code, _, err = artpipe("lineage", "digits-gan")
    assert (code, err.count("\n")) == (2, 1)
    assert "`artpipe run`" in err
    assert "`artpipe run`" in artpipe("runs")[1]


def test_lineage_is_printed(here, artpipe):
    """The terminal's form has the whole hashes; the one for programs is JSON."""
    name, _ = first_work("digits-gan")
    found = trace_lineage(name)
    code, out, _ = artpipe("lineage", name)
    assert code == 0
    for told in (name, found.checkpoint.sha256, found.run.run_id, found.run.commit, "CC-BY-SA-3.0"):
        assert told in out
    assert json.loads(artpipe("lineage", name, "--json")[1])["checkpoint"]["sha256"] == found.checkpoint.sha256


def test_hostile_words_are_only_words(here, artpipe):
    """Captions and titles of works are not read as markup."""
    name, _ = first_work("emoji-gan")
    assert artpipe("lineage", name)[0] == 0


def test_runs_stand_by_pipeline_run(own, artpipe):
    """The newest pipeline run first, its trainings by time; an unfinished one says how far it is."""
    for number, (name, flow) in enumerate([("digits-gan", "old"), ("digits-vae", "new"), ("emoji-gan", "new")]):
        record = RunRecord.open(paths.run(name))
        told = {"flow_run": flow, "started": 1000.0 + number, "run_id": f"{number:032x}"}
        save_run(record.folder, record.card.model_copy(update=told))
    assert [run.model for run in list_runs()] == ["digits-vae", "emoji-gan", "digits-gan"]
    state = Path(".state/train/digits-late/0123")
    told = record.card.model_dump(include=set(RunStart.model_fields))
    start = {**told, "run_id": "e" * 32, "model": "digits-late", "kind": "gan", "dataset": "digits"}
    card = RunStart(**{**start, "params": {"steps": 50}}, seed=1, shards="d" * 64, pretrained=None)
    write_json(state / "run-live.json", card.model_dump(mode="json"))
    Journal(state / "journal.jsonl").append({"step": 20, "time": 1.0, "losses": {}})
    late = next(run for run in list_runs() if run.model == "digits-late")
    assert (late.state, late.step, late.steps) == ("stopped", 20, 50)
    with hold_lock(state.parent / "lock"):
        assert "20 of 50" in artpipe("runs")[1]
        assert json.loads(artpipe("runs", "--json")[1])[1]["state"] in {"running", "complete"}
