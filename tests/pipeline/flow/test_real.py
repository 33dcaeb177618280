"""The whole pipeline, real and tiny: pictures in, gallery out, by the flow; then DVC and MLflow are asked."""

import contextlib
import json
import re
import resource
import sqlite3
from pathlib import Path

import pytest
from huggingface_hub import ModelCard
from PIL import Image

from artpipe.config.params import load_params
from artpipe.project.preview import write_contact_sheet
from artpipe.publishing.write_card import write_card
from artpipe.system.hashing import md5_file, sha256_bytes
from tests.hostile.metadata_leaks import MARKS, PROFILE, find_marks, make_marked_files, make_marked_picture
from tests.pipeline.conftest import Project, make_real_project

pytestmark = [pytest.mark.xdist_group("real"), pytest.mark.timeout(1200)]  # they share a project
PARAMS = """\
format: 2
seed: 1
datasets:
  shapes:
    medium: picture
    source: folder
    path: datasets/shapes
    about: {}
    ingest: {}
    preprocess: {size: 16, validation: 0.2, test: 0.2}
models:
  ruler: {kind: classifier, dataset: shapes, pretrained: data/shards/shapes, feature_extractor: ruler, steps: 20, batch_size: 16}
  gan: {kind: gan, dataset: shapes, pretrained: data/checkpoints/ruler, feature_extractor: ruler, steps: 20, batch_size: 8}
  vae: {kind: vae, dataset: shapes, pretrained: data/shards/shapes, feature_extractor: ruler, steps: 20, batch_size: 8, beta: 1.0}
evaluation: {metrics: [training, accuracy, kid, coverage, elbo], samples: 32, reference: 32, exhibits: 4}
gallery: {title: shapes, sections: [wall, rooms, card, verdict, exhibits, plaque, lineage, dataset_card]}
"""


def mark(pictures: Path) -> None:
    """Make every picture one as cameras and programs write them, half of them JPEG, with marks in all that stands beside the pixels."""
    for number, path in enumerate(sorted(pictures.rglob("*.png"))):
        with Image.open(path) as image:
            data = make_marked_picture(image.copy(), "JPEG" if number % 2 else "PNG")
        path.with_suffix(".jpg" if number % 2 else ".png").write_bytes(data)
        if number % 2:
            path.unlink()


@pytest.fixture(scope="module")
def made(tmp_path_factory, prefect_database, artpipe_server):
    """A project of 48 pictures that `artpipe run` has made, by a temporary Prefect server, and what it said."""
    folder = tmp_path_factory.mktemp("real") / "project"
    project = make_real_project(folder, PARAMS, count=48, change=mark, server=artpipe_server)
    for name in ("ARTPIPE_TRACKING", "ARTPIPE_CHECKED"):
        del project.environment[name]
    project.environment["PREFECT_HOME"] = str(tmp_path_factory.mktemp("home"))
    return project, project.run("artpipe", "run").stdout


def stages_run(said: str) -> list[str]:
    return re.findall(r"Running stage '([^']+)'", said)


def metric_rows(project: Project) -> int:
    with contextlib.closing(sqlite3.connect(project.folder / ".state/mlflow/mlflow.db")) as connection:
        return connection.execute("select count(*) from metrics").fetchone()[0]


def test_one_command_makes_a_gallery(made):
    """`artpipe run` ends with each model's verdict and says where the gallery and the runs are."""
    project, said = made
    assert (project.folder / "data/gallery/index.html").exists()
    for name in ("ruler", "gan", "vae"):
        report = json.loads((project.folder / f"data/reports/{name}/report.json").read_text())
        assert re.search(rf"^{name} +{report['verdict']['grade']}", said, flags=re.MULTILINE)
    assert f"Gallery: {(project.folder / 'data/gallery/index.html').as_uri()}" in said
    assert re.search(r"^Runs: \S*artpipe ui$", said, flags=re.MULTILINE)  # by its path where another stands first


def test_what_is_fair_or_good_becomes_the_first_champion(made):
    """The run names it before the gallery is built, and the model's page says so, or why there is none."""
    project, _ = made
    champions = json.loads((project.folder / "champions.json").read_text()).get("champions", {}).get("shapes", {})
    for name, kind in (("ruler", "classifier"), ("gan", "gan"), ("vae", "vae")):
        is_passing = json.loads((project.folder / f"data/reports/{name}/report.json").read_text())["verdict"][
            "grade"
        ] in {"fair", "good"}
        assert (kind in champions) == is_passing
        page = (project.folder / f"data/gallery/models/{name}/index.html").read_text()
        assert ("it is the champion" if is_passing else "there is no champion") in page


def test_nothing_is_left_to_do(made):
    """After the flow, DVC calls nothing stale, `dvc repro` runs nothing and the plan is empty."""
    project, _ = made
    assert project.stale() == set()
    assert stages_run(project.dvc("repro").stdout) == []
    assert json.loads(project.run("artpipe", "plan", "--json").stdout)["stages"] == []


def core_seconds(project: Project, *command: str) -> float:
    """The least CPU time of three runs of a command with all its children; it does not depend on who else is busy."""
    taken = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        project.run(*command)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        taken.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(taken)


@pytest.mark.nightly  # three times three commands; `benchmarks/nothing_to_do.py` has the table
def test_nothing_to_do_takes_what_dvc_takes(made):
    """`artpipe run` and `plan` ask DVC in process and start nothing, so they take about as long as `dvc repro`."""
    project, _ = made
    assert project.run("artpipe", "run").stdout.startswith("Everything is up to date.\n")
    base = core_seconds(project, "dvc", "repro", "--quiet")
    for command in ("run", "plan"):
        assert core_seconds(project, "artpipe", command) < 1.5 * base


def test_runs_are_in_mlflow_once(made):
    """One finished MLflow run per model, with its losses, verdict and flow run; another sync adds nothing."""
    project, _ = made
    before = metric_rows(project)
    assert before > 0
    assert "3 trainings; new: 0 runs, 0 rows, 0 pictures" in project.run("artpipe", "sync").stdout
    assert metric_rows(project) == before
    with contextlib.closing(sqlite3.connect(project.folder / ".state/mlflow/mlflow.db")) as connection:
        query = "select r.name, r.status, t.value from runs r join tags t using (run_uuid) where t.key = ?"
        flows = connection.execute(query, ["artpipe.flow_run"]).fetchall()
        verdicts = connection.execute(query, ["artpipe.grade"]).fetchall()
    assert sorted(name for name, *_ in flows) == ["gan", "ruler", "vae"]
    assert {status for _, status, _ in flows} == {"FINISHED"}
    assert len({flow for *_, flow in flows}) == 1
    assert len(verdicts) == 3


def test_of_a_picture_nothing_but_its_pixels_leaves_the_house(made):
    """Place, camera, author, thumbnail, comment, profile: in no report, gallery, page of Prefect or MLflow; only where the originals are kept."""
    project, _ = made
    works = [*(project.folder / "datasets/shapes").rglob("*.*g"), *(project.folder / "data/works").rglob("*.tar")]
    assert all(find_marks(path.read_bytes()) for path in works)
    assert {mark for path in works for mark in find_marks(path.read_bytes())} >= {*MARKS, PROFILE}
    kept = {md5_file(path) for path in works}
    with contextlib.chdir(project.folder):
        entry = load_params().dataset("shapes")
        assert write_contact_sheet("shapes", entry) == Path(".state/contact/shapes.png")
    told = make_marked_files(project.folder)
    cache = ".dvc/cache/files/md5/"
    own = {name for name in told if name.removeprefix(cache).replace("/", "") in kept}
    elsewhere = {name for name in told if not name.startswith(("datasets/", "data/works/"))} - own
    labels = {"xmp of a picture", "XML:com.adobe.xmp of a picture"}  # that a model made it, in works to take away
    offered = [
        *(project.folder / "data/gallery/works").rglob("*.png"),
        *(project.folder / ".state/credentials").rglob("*"),
    ]
    labelled = {md5_file(path) for path in offered if path.is_file()}
    assert labelled
    own_labels = {
        name for name in elsewhere if set(told[name]) <= labels and md5_file(project.folder / name) in labelled
    }
    assert {name: told[name] for name in elsewhere - own_labels} == {}
    assert make_marked_files(Path(project.environment["PREFECT_HOME"])) == {}
    made_of_them = [
        *(project.folder / "data/reports").rglob("*.png"),
        *(project.folder / "data/gallery").rglob("*.webp"),
    ]
    assert len(made_of_them) > 10
    with contextlib.closing(sqlite3.connect(Path(project.environment["PREFECT_HOME"]) / "prefect.db")) as connection:
        assert connection.execute("select count(*) from artifact where type = 'image'").fetchone()[0] > 0


def test_cards_come_of_what_was_made(made):
    """Of each model and of the dataset, with the hashes of its weights, each score, and nothing of the pictures' metadata."""
    project, _ = made
    for name in ("ruler", "gan", "vae"):
        card = ModelCard(write_card(name, root=project.folder).text)
        report = json.loads((project.folder / f"data/reports/{name}/report.json").read_text())
        weights = [path.read_bytes() for path in (project.folder / f"data/checkpoints/{name}").glob("*.safetensors")]
        compared = {score["name"]: score["value"] for score in report["scores"] if score["better"] != "neither"}
        assert {result.metric_type: result.metric_value for result in card.data.eval_results or ()} == compared
        assert [sha256 for sha256 in map(sha256_bytes, weights) if sha256 not in card.text] == []
        assert f"**{report['verdict']['grade']}**" in card.text
    text = write_card("shapes", root=project.folder).text
    assert "48 inputs were read; 48 were kept, none was set aside." in text
    assert find_marks(text.encode()) == []


def test_changes_reach_what_they_concern(made):
    """Each kind of change makes exactly its stages stale; the plan names parameter, old and new value."""
    project, _ = made
    changes = {
        ("params.yaml", "beta: 1.0", "beta: 2.0"): {"train@vae", "gallery"},
        ("params.yaml", "about: {}", "about: {licence: CC0-1.0}"): {"ingest@shapes", "gallery"},
        ("params.yaml", "title: shapes", "title: forms"): {"gallery"},
        ("code.yaml", "\n    gan: '", "\n    gan: 'changed-"): {"train@gan", "evaluate@gan"},
        ("code.yaml", "\n      plaque: '", "\n      plaque: 'changed-"): {"gallery"},
    }
    for (file, old, new), stale in changes.items():
        before = (project.folder / file).read_text()
        project.edit(file, old, new)
        found = project.stale()
        if "beta" in old:
            plan = json.loads(project.run("artpipe", "plan", "--json").stdout)
        (project.folder / file).write_text(before)
        assert found == stale, file
    assert [stage["stage"] for stage in plan["stages"]] == ["train@vae", "evaluate@vae", "gallery"]
    assert plan["stages"][0]["why"] == ["models.vae.beta: 1.0 -> 2.0"]
    assert all(stage["cost"]["measured"] for stage in plan["stages"])
    assert project.stale() == set()


@pytest.mark.nightly  # test_dvc.py shows the same on stand-ins
def test_beta_there_and_back_trains_once(made):
    """A changed beta trains that VAE alone; changed back, the run cache gives the old one without training."""
    project, _ = made
    checkpoint = project.folder / "data/checkpoints/vae/checkpoint.json"
    before = checkpoint.read_bytes()
    project.edit("params.yaml", "beta: 1.0", "beta: 2.0")
    assert stages_run(project.dvc("repro").stdout) == ["train@vae", "evaluate@vae", "gallery"]
    assert checkpoint.read_bytes() != before
    project.edit("params.yaml", "beta: 2.0", "beta: 1.0")
    assert stages_run(project.dvc("repro").stdout) == ["gallery"]
    assert checkpoint.read_bytes() == before
