"""MLflow as a projection: made from what stands on disk, again and again, and nothing twice."""

import contextlib
import dataclasses
import json
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from artpipe.artifacts.cards import save_card
from artpipe.artifacts.champions import Champion, ChampionHistory, Champions, save_champions
from artpipe.artifacts.checkpoint import CheckpointCard
from artpipe.artifacts.cross_references import find_ingest_record as known_of
from artpipe.artifacts.report import Finding, ReportCard, Score, save_report
from artpipe.artifacts.run import Journal, RunCard, RunRecord, RunStart, save_run
from artpipe.artifacts.shards import ShardCard, Spec
from artpipe.artifacts.works import RecordCard
from artpipe.config.params import About
from artpipe.errors import ArtpipeError
from artpipe.system.atomic_files import write_json
from artpipe.system.locks import hold_lock
from artpipe.tracking.mlflow_store import MlflowStore
from artpipe.tracking.mlflow_sync import sync
from artpipe.tracking.mlflow_sync_signature import is_synced

pytestmark = pytest.mark.filterwarnings("ignore")  # mlflow's and sqlalchemy's own
MACHINE = {"host": "here", "platform": "linux", "versions": {"torch": "2"}, "threads": 1, "device": "cpu"}
MACHINE |= {"precision": "fp32", "commit": "c0ffee", "dirty": False, "flow_run": "flow-1", "sessions": 1}
MACHINE |= {"stage": "train@gan", "model": "gan"}
KID = f"scores/kid.{Score(name='kid', value=0, n=100, extractor='e' * 64).comparison_key}"


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory):
    """A migrated store without runs; copying it saves seconds of migration per test."""
    root = tmp_path_factory.mktemp("store")
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MLFLOW_TRACKING_URI", raising=False)
        MlflowStore(root)
    return root / ".state/mlflow/mlflow.db"


@pytest.fixture
def root(tmp_path, empty_store, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    (tmp_path / ".state/mlflow").mkdir(parents=True)
    shutil.copy(empty_store, tmp_path / ".state/mlflow/mlflow.db")
    return tmp_path


def journal(folder: Path, steps: int, late: float = 0.0) -> None:
    """Rows at every 10th step, one second each; `late` seconds after the hour for a second session."""
    for step in range(10, steps + 1, 10):
        row = {"step": step, "time": 1000.0 + step + late, "losses": {"generator": 1 / step, "critic": 0.5}}
        Journal(folder / "journal.jsonl").append(row)
    (folder / "progress").mkdir(exist_ok=True)
    Image.new("L", (16, 16), steps % 255).save(folder / "progress/step-00000010.png")


def published(root: Path, steps: int = 50, run_id: str = "a" * 32, shards: str = "d" * 64) -> None:
    """A complete training with its checkpoint."""
    spec = Spec(dataset="digits", channels=1, height=8, width=8, classes=(), count=9)
    checkpoint = CheckpointCard(
        name="gan", kind="gan", params={"kind": "gan", "steps": steps, "adam": {"beta1": 0.5}}, seed=1, shards=shards,
        pretrained=None, spec=spec, steps={"final": steps}, selection=None, history=(), files={},
    )  # fmt: skip
    sha256 = save_card(root / "data/checkpoints/gan/checkpoint.json", checkpoint)
    journal(root / "data/runs/gan", steps)
    card = RunCard(
        run_id=run_id, checkpoint=sha256, started=1000.0, ended=1060.0, core_seconds=50.0, steps=steps,
        busy_seconds=60.0, peak_memory=2**30, micro_batch=16,
        params={"kind": "gan", "dataset": "digits"}, **MACHINE,
    )  # fmt: skip
    save_run(root / "data/runs/gan", card)


def judged(
    root: Path, kid: float, verdict: str = "under-trained", sentence: str = "It needs more steps.", n: int = 100
) -> str:
    """The evaluation of the checkpoint that is there; returns the checkpoint's hash."""
    sha256 = (root / "data/checkpoints/gan/checkpoint.json.sha256").read_text().split()[0]
    found = Finding(verdict=verdict, score="kid", value=kid, bound=0.1, sentence=sentence)
    score = Score(name="kid", value=kid, n=n, spread=0.01, decides=True, extractor="e" * 64)
    card = ReportCard(
        model="gan", kind="gan", dataset="digits", checkpoint=sha256, shards="d" * 64, feature_extractor="e" * 64,
        verdict=found, findings=(found,), scores=(score,), exhibits=(),
    )  # fmt: skip
    save_report(root / "data/reports/gan", card)
    return sha256


def unfinished(root: Path, steps: int, late: float = 0.0, run_id: str = "a" * 32) -> Path:
    """The state folder of a training that was stopped."""
    state = root / ".state/train/gan/0123"
    shutil.rmtree(state, ignore_errors=True)
    journal(state, steps, late)
    start = RunStart(
        run_id=run_id, kind="gan", dataset="digits", params={"kind": "gan", "steps": 50}, seed=1, shards="d" * 64,
        pretrained=None, started=1000.0, **MACHINE,
    )  # fmt: skip
    write_json(state / "run-live.json", start.model_dump(mode="json"))
    return state


def ingested(root: Path) -> str:
    """A dataset of which 9 works were kept and 3 inputs were not; returns the hash of its shards."""
    spec = Spec(dataset="digits", channels=1, height=8, width=8, classes=(), count=9)
    shards = ShardCard(spec=spec, works="f" * 64, params={}, counts={}, files={}, mean=(0.5,), std=(0.5,))
    record = RecordCard(
        dataset="digits", works="f" * 64, about=About(), inputs=12, kept=9, quarantined={"duplicate": 2, "empty": 1},
        notes={}, labels={}, unlabelled=9, splits={}, files={},
    )  # fmt: skip
    save_card(root / "data/record/digits/report.json", record)
    return save_card(root / "data/shards/digits/shards.json", shards)


def rows(root: Path) -> list[tuple]:
    with contextlib.closing(sqlite3.connect(root / ".state/mlflow/mlflow.db")) as connection:
        return connection.execute("select key, step, timestamp, value from metrics order by 1, 2, 3, 4").fetchall()


def runs_of(root: Path, tag: str) -> list:
    client = MlflowStore(root).client
    everywhere = [experiment.experiment_id for experiment in client.search_experiments()]
    return [run for run in client.search_runs(everywhere) if tag in run.data.tags]


def the_run(root: Path):
    """The one training there is."""
    runs = runs_of(root, "artpipe.run_id")
    assert len(runs) == 1
    return runs[0]


def the_pipeline_run(root: Path):
    """The run that stands for the pipeline run."""
    runs = runs_of(root, "artpipe.pipeline")
    assert len(runs) == 1
    return runs[0]


def versions(root: Path) -> dict[str, list[str]]:
    """Models of the registry, each version's model and aliases."""
    client = MlflowStore(root).client
    found = {}
    for model in client.search_registered_models():
        all_of_it = sorted(client.search_model_versions(f"name='{model.name}'"), key=lambda one: int(one.version))
        alias = {str(version): name for name, version in model.aliases.items()}
        found[model.name] = [
            " ".join([one.tags["artpipe.checkpoint"][:8], alias.get(str(one.version), "")]).strip() for one in all_of_it
        ]
    return found


def crowned(root: Path, checkpoint: str, *before: str) -> None:
    """champions.json as `artpipe promote` writes it."""
    reigns = [
        Champion(model="gan", run_id="c" * 32, checkpoint=one, report="f" * 64, shards="d" * 64, score=None, dvc={})
        for one in (checkpoint, *before)
    ]
    champions = Champions().with_history("digits", "gan", ChampionHistory(champion=reigns[0], before=tuple(reigns[1:])))
    save_champions(root, champions)


def test_everything_recorded_is_shown(root):
    """Params, metrics by step with their times, picture, input, scores, verdict, tags and times of one training."""
    published(root)
    judged(root, kid=0.25)
    sync(root)
    run = the_run(root)
    assert run.data.params == {"kind": "gan", "steps": "50", "adam.beta1": "0.5", "seed": "1"}
    assert ("losses/generator", 20, 1020000, 0.05) in rows(root)
    assert len(rows(root)) == 2 * 5 + 1 + 5  # the last are those of the pipeline run
    assert run.data.metrics[KID] == 0.25
    tags = run.data.tags
    assert (tags["artpipe.grade"], tags["artpipe.fault"]) == ("weak", "under-trained")
    assert (tags["artpipe.grade.value"], tags["artpipe.micro_batch"]) == ("0.25", "16")
    assert (tags["artpipe.core_seconds"], tags["artpipe.peak_memory_gib"]) == ("50", "1")
    assert json.loads(tags["artpipe.environment"]).keys() == {"platform", "precision", "threads", "versions"}
    assert tags["artpipe.energy_wh"] == "0.173333"  # 50 s at 12 W and 60 s at 0.4 W
    assert (tags["artpipe.commit"], tags["artpipe.data"], tags["artpipe.stage"]) == ("c0ffee", "d" * 64, "train@gan")
    assert (tags["artpipe.flow_run"], tags["artpipe.run_id"]) == ("flow-1", "a" * 32)
    assert tags["artpipe.checkpoint"] == (root / "data/checkpoints/gan/checkpoint.json.sha256").read_text().split()[0]
    assert (run.info.status, run.info.start_time, run.info.end_time) == ("FINISHED", 1000000, 1060000)
    dataset = run.inputs.dataset_inputs[0].dataset
    assert (dataset.name, dataset.digest) == ("digits", "d" * 36)
    client = MlflowStore(root).client
    assert client.get_experiment(run.info.experiment_id).name == "digits"
    assert any("progress+step+10+" in entry.path for entry in client.list_artifacts(run.info.run_id, "images"))


def test_again_adds_nothing(root):
    """A second sync, and one after the markers are lost, leave the same rows and pictures."""
    published(root)
    judged(root, kid=0.25)
    sync(root)
    first, pictures = rows(root), sorted((root / ".state/mlflow/artifacts").rglob("*.png"))
    assert "new: 0 runs, 0 rows, 0 pictures" in sync(root).to_text()
    run = the_run(root)
    for tag in ("artpipe.run_record", "artpipe.report"):
        MlflowStore(root).client.delete_tag(run.info.run_id, tag)
    for former in ("artpipe.kid.interval", "artpipe.threads"):
        MlflowStore(root).client.set_tag(run.info.run_id, former, "1")
    sync(root)
    assert the_run(root).data.tags == run.data.tags
    assert rows(root) == first
    assert sorted((root / ".state/mlflow/artifacts").rglob("*.png")) == pictures


def test_it_is_known_whether_there_is_anything_new(root, monkeypatch):
    """Not before the first sync; then until a report, a champion or the store changes, or another server is named."""
    published(root)
    assert not is_synced(root)
    sync(root)
    assert is_synced(root)
    checkpoint = judged(root, kid=0.25)
    assert not is_synced(root)
    sync(root)
    crowned(root, checkpoint)
    assert not is_synced(root)
    sync(root)
    assert is_synced(root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:1")
    assert not is_synced(root)
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    (root / ".state/mlflow/mlflow.db").unlink()
    assert not is_synced(root)


def test_there_is_always_something_new_of_a_training_that_runs(root):
    """Its next rows come, or its end; once it was told as stopped there is nothing new."""
    unfinished(root, steps=30)
    with hold_lock(root / ".state/train/gan/lock"):
        sync(root)
        assert not is_synced(root)
    assert not is_synced(root)
    sync(root)
    assert is_synced(root)


def test_what_was_left_out_is_asked_for_again(root):
    """A damaged record: every sync says so, and the next is not taken for needless."""
    published(root)
    (root / "data/runs/gan/run.json").write_text("{}")
    for _ in range(2):
        with pytest.raises(ArtpipeError, match="left out"):
            sync(root)
        assert not is_synced(root)


def test_lost_store_is_made_again(root, empty_store):
    """In a clone with the records and no store, sync gives the same rows."""
    published(root)
    judged(root, kid=0.25)
    sync(root)
    clone = root / "clone"
    shutil.copytree(root / "data", clone / "data")
    (clone / ".state/mlflow").mkdir(parents=True)
    shutil.copy(empty_store, clone / ".state/mlflow/mlflow.db")
    sync(clone)
    assert rows(clone) == rows(root)


def test_new_evaluation_is_the_latest(root):
    """A better KID after another evaluation is what MLflow shows, although its step is the same; back again too."""
    published(root)
    for kid in (0.25, 0.125, 0.25):
        judged(root, kid)
        sync(root)
        assert the_run(root).data.metrics[KID] == kid


def test_scores_that_do_not_compare_have_other_names(root):
    """An evaluation with another number of samples has a metric of its own: MLflow compares by name."""
    published(root)
    judged(root, 0.25)
    sync(root)
    judged(root, 0.15, n=50)
    sync(root)
    metrics = {name: value for name, value in the_run(root).data.metrics.items() if name.startswith("scores/kid.")}
    assert (metrics[KID], len(metrics), set(metrics.values())) == (0.25, 2, {0.25, 0.15})


def test_resumed_training_is_one_run_without_doubles(root):
    """Steps that a resumed training repeats (same values, later times) are not logged again; its run is the same."""
    unfinished(root, steps=30)
    sync(root)
    assert the_run(root).info.status == "KILLED"
    unfinished(root, steps=40, late=500.0)
    with hold_lock(root / ".state/train/gan/lock"):
        sync(root)
    assert the_run(root).info.status == "RUNNING"
    shutil.rmtree(root / ".state/train")
    published(root)
    sync(root)
    assert the_run(root).info.status == "FINISHED"
    assert [step for key, step, *_ in rows(root) if key == "losses/generator"] == [10, 20, 30, 40, 50]


def test_dead_training_does_not_run_for_ever(root):
    """A run whose state is gone without a record is shown as killed."""
    unfinished(root, steps=30)
    with hold_lock(root / ".state/train/gan/lock"):
        sync(root)
    shutil.rmtree(root / ".state/train")
    sync(root)
    assert the_run(root).info.status == "KILLED"


def test_another_machine_s_training_goes_on(root, tmp_path, empty_store, monkeypatch):
    """On a shared server a sync ends only the runs that its own folder made."""
    monkeypatch.chdir(tmp_path)  # where this server keeps its pictures
    shutil.copy(empty_store, tmp_path / "shared.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/shared.db")
    for name, run_id in (("here", "a" * 32), ("there", "b" * 32)):
        unfinished(tmp_path / name, steps=10, run_id=run_id)
        with hold_lock(tmp_path / name / ".state/train/gan/lock"):
            sync(tmp_path / name)
    assert set(MlflowStore(tmp_path / "here").find_running()) == {"a" * 32}
    shutil.rmtree(tmp_path / "here/.state/train")
    sync(tmp_path / "here")
    assert MlflowStore(tmp_path / "here").find_running() == {}
    assert set(MlflowStore(tmp_path / "there").find_running()) == {"b" * 32}


def test_one_damaged_record_stops_no_other(root):
    """It is named in one line, at the end, and what comes after it is there."""
    published(root)
    damaged = root / "data/runs/a-first"
    shutil.copytree(root / "data/runs/gan", damaged)
    (damaged / "run.json").write_text("{}")
    torn = root / "data/runs/b-second"
    shutil.copytree(root / "data/runs/gan", torn)
    (torn / "journal.jsonl").write_text('{"step": 1, "time"\n')
    with pytest.raises(ArtpipeError) as said:
        sync(root)
    assert "\n" not in str(said.value)
    assert "left out: " in str(said.value)
    assert "data/runs/a-first/run.json: SHA-256 is" in str(said.value)
    assert "data/runs/b-second/journal.jsonl:1: not a row" in str(said.value)
    assert the_run(root).data.tags["artpipe.run_record"]


@pytest.mark.nightly
def test_checkpoint_may_be_elsewhere(root):
    """Run records and reports are enough; what only the checkpoint knows comes with it."""
    published(root)
    judged(root, kid=0.25)
    checkpoints = (root / "data/checkpoints").rename(root / "elsewhere")
    assert "1 trainings" in sync(root).to_text()
    run = the_run(root)
    assert run.data.metrics[KID] == 0.25
    assert run.data.tags["artpipe.checkpoint"]
    assert "seed" not in run.data.params
    checkpoints.rename(root / "data/checkpoints")
    assert "new: 0 runs, 0 rows" in sync(root).to_text()
    assert the_run(root).data.params["seed"] == "1"


def test_what_was_kept_is_told(root):
    """Works kept and inputs not kept, by reason, stand at the run and at its input; not those of another ingest."""
    published(root, shards=ingested(root))
    sync(root)
    run = the_run(root)
    assert (run.data.tags["artpipe.kept"], run.data.tags["artpipe.quarantined"]) == ("9", "3")
    assert json.loads(run.data.tags["artpipe.quarantined.reasons"]) == {"duplicate": 2, "empty": 1}
    assert json.loads(run.inputs.dataset_inputs[0].dataset.profile)["kept"] == 9
    assert known_of(root, "digits", "d" * 64) == {}


def test_returns_after_divergence_stand_beside_each_other(root):
    """Another value at a known step is a row of its own."""
    run = MlflowStore(root).get_or_create_run("b" * 32, "digits", "gan", 1000.0)
    for value, moment in ((1.0, 1.0), (2.0, 5.0), (1.0, 7.0), (float("nan"), 8.0)):
        run.log_rows([{"step": 10, "time": moment, "losses": {"x": value}}])
    assert rows(root) == [("losses/x", 10, 1000, 1.0), ("losses/x", 10, 5000, 2.0)]


def test_lost_server_is_one_line(root, monkeypatch):
    """A server that does not answer: one sentence that says what to do, no traceback."""
    published(root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    with pytest.raises(ArtpipeError, match=r"^MLflow: .*`artpipe sync` does it later$"):
        sync(root)


def test_tally_counts_what_is_new(root):
    """The sentence counts runs, rows and pictures."""
    published(root, steps=20)
    assert "MLflow: 1 trainings; new: 1 runs, 4 rows, 1 pictures" in sync(root).to_text()
    assert dataclasses.asdict(MlflowStore(root).tally) == {"runs": 0, "rows": 0, "pictures": 0}


def test_trainings_stand_below_their_pipeline_run(root):
    """A run of its own in the experiment, from the first beginning to the last end, with a table of verdicts; once."""
    published(root)
    judged(root, kid=0.25)
    sync(root)
    sync(root)
    above, run = the_pipeline_run(root), the_run(root)
    assert run.data.tags["mlflow.parentRunId"] == above.info.run_id
    assert above.info.run_name == "run of 1970-01-01 00:16: gan"
    assert (above.info.status, above.info.start_time, above.info.end_time) == ("FINISHED", 1000000, 1060000)
    assert "| gan | weak | kid 0.25 |" in above.data.tags["mlflow.note.content"]


@pytest.mark.nightly
def test_the_trainings_of_a_pipeline_run_are_asked_for_page_by_page(root, monkeypatch):
    """More trainings than one answer holds all stand in the table."""
    monkeypatch.setattr("artpipe.tracking.mlflow_store._PAGE_RUNS", 1)
    published(root)
    shutil.copytree(root / "data/runs/gan", root / "data/runs/other")
    other = RunRecord.open(root / "data/runs/other").card.model_copy(update={"model": "other", "run_id": "b" * 32})
    save_run(root / "data/runs/other", other)
    sync(root)
    note = the_pipeline_run(root).data.tags["mlflow.note.content"]
    assert [row.split("|")[1].strip() for row in note.splitlines()[2:]] == ["gan", "other"]


def test_the_start_of_a_pipeline_run_is_looked_for_once(root, monkeypatch):
    """However many trainings it had, or how often they are synced: only as it is made are all records read."""
    reads = []
    monkeypatch.setattr("artpipe.tracking.mlflow_sync._read_json", lambda file: reads.append(file) or {})
    published(root)
    shutil.copytree(root / "data/runs/gan", root / "data/runs/other")
    other = RunRecord.open(root / "data/runs/other").card.model_copy(update={"model": "other", "run_id": "b" * 32})
    save_run(root / "data/runs/other", other)
    sync(root)
    sync(root)
    assert sorted(reads) == [root / f"data/runs/{name}/run.json" for name in ("gan", "other")]


@pytest.mark.nightly
def test_a_pipeline_run_runs_as_long_as_its_trainings(root):
    """Running while one of them does, killed when one was."""
    unfinished(root, steps=10)
    with hold_lock(root / ".state/train/gan/lock"):
        sync(root)
    assert the_pipeline_run(root).info.status == "RUNNING"
    sync(root)
    assert the_pipeline_run(root).info.status == "KILLED"
    shutil.rmtree(root / ".state/train")
    published(root)
    sync(root)
    assert the_pipeline_run(root).info.status == "FINISHED"


@pytest.mark.nightly
def test_every_healthy_checkpoint_is_a_version(root):
    """What is under-trained is none; another checkpoint is another version; a new evaluation is told at its version."""
    published(root)
    judged(root, kid=0.25)
    sync(root)
    assert versions(root) == {}
    first = judged(root, kid=0.2, verdict="healthy")
    sync(root)
    published(root, steps=60, run_id="b" * 32)
    second = judged(root, kid=0.1, verdict="healthy")
    sync(root)
    judged(root, kid=0.15, verdict="memorised")
    sync(root)
    assert versions(root) == {"digits-gan": [first[:8], second[:8]]}
    client = MlflowStore(root).client
    version = client.get_model_version("digits-gan", "2")
    assert (version.tags["kid"], version.tags["artpipe.grade"]) == ("0.15", "failed")
    assert client.get_run(version.run_id).data.tags["artpipe.run_id"] == "b" * 32


def test_a_version_has_few_tags(root):
    """Grade and score to read, three of hashes; what an older artpipe wrote one by one goes, a person's own stay."""
    published(root)
    checkpoint = judged(root, kid=0.2, verdict="healthy")
    sync(root)
    client = MlflowStore(root).client
    tags = client.get_model_version("digits-gan", "1").tags
    assert set(tags) == {"artpipe.grade", "kid", "artpipe.checkpoint", "artpipe.report", "artpipe.origin"}
    assert (tags["kid"], tags["artpipe.checkpoint"]) == ("0.2", checkpoint)
    origin = json.loads(tags["artpipe.origin"])
    assert (origin["run_id"], origin["n"], origin["comparison_key"]) == ("a" * 32, 100, KID.rpartition(".")[2])
    for name in ("artpipe.data", "kid.interval", "mine.n"):
        client.set_model_version_tag("digits-gan", "1", name, "x")
    client.set_tag(the_pipeline_run(root).info.run_id, "score", "")
    sync(root)
    assert client.get_model_version("digits-gan", "1").tags == {**tags, "mine.n": "x"}
    assert "score" not in the_pipeline_run(root).data.tags


def test_the_alias_follows_champions_json(root, empty_store):
    """Forward and back, away where nobody is champion; in a lost store made again it stands, past ones included."""
    published(root)
    first = judged(root, kid=0.2, verdict="healthy")
    crowned(root, first)
    sync(root)
    assert versions(root) == {"digits-gan": [f"{first[:8]} champion"]}
    published(root, steps=60, run_id="b" * 32)
    second = judged(root, kid=0.1, verdict="healthy")
    crowned(root, second, first)
    sync(root)
    both = {"digits-gan": [first[:8], f"{second[:8]} champion"]}
    assert versions(root) == both
    shutil.copy(empty_store, root / ".state/mlflow/mlflow.db")
    sync(root)
    assert versions(root) == both
    crowned(root, first)
    sync(root)
    assert versions(root) == {"digits-gan": [f"{first[:8]} champion", second[:8]]}
    (root / "champions.json").unlink()
    sync(root)
    assert versions(root) == {"digits-gan": [first[:8], second[:8]]}


def test_a_torn_champions_file_is_told_at_the_end(root):
    """Everything else is there, and the alias stays where it was."""
    published(root)
    first = judged(root, kid=0.2, verdict="healthy")
    crowned(root, first)
    sync(root)
    (root / "champions.json").write_text("<<<<<<< HEAD")
    with pytest.raises(ArtpipeError, match=r"left out: champions\.json: "):
        sync(root)
    assert versions(root) == {"digits-gan": [f"{first[:8]} champion"]}


def test_the_last_stage_imports_no_torch():
    """MLflow is brought up to date after the gallery, whose unchanged rebuild shall cost less than a core-second."""
    command = "import sys, artpipe.gallery, artpipe.tracking.mlflow_sync; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", command], check=False).returncode == 0
