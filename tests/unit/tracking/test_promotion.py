"""Champions: they move only for what is better on the same feature extractor and data, and come back when a person says so."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from artpipe.artifacts import paths
from artpipe.artifacts.cards import save_card
from artpipe.artifacts.champions import Champion, load_champions
from artpipe.artifacts.checkpoint import CheckpointCard
from artpipe.artifacts.cross_references import read_checkpoint_card
from artpipe.artifacts.report import Finding, ReportCard, Score, save_report
from artpipe.artifacts.run import RunCard, save_run
from artpipe.artifacts.shards import Spec
from artpipe.storage.dvc_command import hash_folder
from artpipe.tracking.lineage_trace import trace_lineage
from artpipe.tracking.promotion import find_objection, promote_first

MODELS = ("digits-gan", "digits-wide")
PARAMS = """\
format: 2
seed: 1
datasets:
  digits: {medium: picture, source: folder, path: datasets/digits, about: {}, ingest: {}, preprocess: {}}
models:
  digits-gan: {kind: gan, dataset: digits, pretrained: data/shards/digits, feature_extractor: digits-gan}
  digits-wide: {kind: gan, dataset: digits, pretrained: data/shards/digits, feature_extractor: digits-gan}
evaluation: {metrics: [kid]}
gallery: {title: t, sections: []}
"""
DVC = """\
stages:
  keep:
    foreach: [digits-gan, digits-wide]
    do:
      cmd: "true"
      outs: ["data/checkpoints/${item}", "data/runs/${item}", "data/reports/${item}"]
"""


def kid(value: float, spread: float | None = 0.01, feature_extractor: str | None = "r1", **more) -> Score:
    told = {"name": "kid", "better": "lower", "decides": True, "basis": "b1", **more}
    return Score(value=value, spread=spread, extractor=feature_extractor, explanation="How far.", **{"n": 100, **told})


def made(model: str, value: float, *, seed: int = 1, verdict: str = "healthy", shards: str = "d" * 64, **more) -> str:
    """A training with its evaluation; another seed is another checkpoint. Returns the checkpoint's hash."""
    for folder in (paths.checkpoint(model), paths.run(model), paths.report(model)):
        shutil.rmtree(folder, ignore_errors=True)
    spec = Spec(dataset="digits", channels=1, height=8, width=8, classes=(), count=9)
    checkpoint = CheckpointCard(
        name=model, kind="gan", params={"kind": "gan", "dataset": "digits"}, seed=seed, shards=shards, pretrained=None,
        spec=spec, steps={"best": 5}, selection=None, history=(), files={},
    )  # fmt: skip
    sha256 = save_card(paths.checkpoint(model) / "checkpoint.json", checkpoint)
    card = RunCard(
        run_id=f"{seed:032x}", model=model, stage=f"train@{model}", params={"kind": "gan", "dataset": "digits"},
        started=1000.0 + seed, ended=1060.0, sessions=1, host="h", platform="p", versions={}, threads=1, device="cpu",
        precision="fp32", commit=None, dirty=False, flow_run=None, checkpoint=sha256, core_seconds=5.0, steps=5,
    )  # fmt: skip
    save_run(paths.run(model), card)
    finding = Finding(verdict=verdict, score="coverage", value=0.5, bound=0.3, sentence="So it is.")
    score = kid(value, **more)
    report = ReportCard(
        model=model, kind="gan", dataset="digits", checkpoint=sha256, shards=shards, feature_extractor="r1", verdict=finding,
        findings=(), scores=(Score(name="fid", value=3.0, n=9), score), exhibits=(),
    )  # fmt: skip
    save_report(paths.report(model), report)
    return sha256


@pytest.fixture(scope="module")
def empty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("champions")
    (folder / "params.yaml").write_text(PARAMS)
    (folder / "dvc.yaml").write_text(DVC)
    (folder / ".gitignore").write_text("/data\n/.state\n")
    subprocess.run(["git", "init", "-q", folder], check=True)
    subprocess.run(["dvc", "init", "-q"], cwd=folder, check=True)
    return folder


@pytest.fixture
def project(empty, tmp_path, monkeypatch):
    shutil.copytree(empty, tmp_path / "project")
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


def keep(*models: str) -> None:
    """What DVC would note after the stages of a model ran; its cache is not asked by `promote`."""
    outs = [Path("data") / kind / model for kind in ("checkpoints", "runs", "reports") for model in models]
    rows = [{"path": str(path), "hash": "md5", "md5": hash_folder(path)} for path in outs if path.is_dir()]
    Path("dvc.lock").write_text(json.dumps({"schema": "2.0", "stages": {"keep": {"cmd": "true", "outs": rows}}}))


def test_programs_get_champions_and_reasons(project, artpipe):
    """Each model with its outcome; an error is one line, and then there is no document."""
    made("digits-gan", 0.1)
    made("digits-wide", 0.3, seed=2)
    keep(*MODELS)
    first, second = json.loads(artpipe("promote", "--json")[1])["promotions"]
    assert (first["model"], first["outcome"], first["champion"]["score"]["value"]) == ("digits-gan", "promoted", 0.1)
    assert (second["outcome"], second["champion"], second["kind"]) == ("refused", None, "gan")
    assert second["reason"].startswith("digits-wide: stays behind the champion digits-gan (kid 0.1")
    (again,) = json.loads(artpipe("promote", "digits-gan", "--json")[1])["promotions"]
    assert (again["outcome"], again["champion"], again["before"]) == ("unchanged", first["champion"], None)
    code, out, err = artpipe("promote", "digits-wide", "--json")
    assert (code, out, err) == (2, "", f"artpipe: {second['reason']}\n")


def test_the_first_fair_one_is_champion(project, artpipe):
    """It stands in champions.json with its number and with what DVC keeps it by."""
    sha256 = made("digits-gan", 0.1)
    keep(*MODELS)
    code, out, _ = artpipe("promote", "digits-gan")
    assert (code, out) == (0, f"digits gan: the champion is digits-gan (kid 0.1, {sha256[:12]})\n")
    champion = load_champions().find("digits", "gan").champion
    assert (champion.checkpoint, champion.score.value, champion.score.name) == (sha256, 0.1, "kid")
    assert champion.dvc["data/checkpoints/digits-gan"] == hash_folder(paths.checkpoint("digits-gan"))
    assert artpipe("promote", "digits-gan")[1].endswith("is the champion already\n")
    listing = artpipe("runs")[1]
    assert listing.splitlines()[0].split("  ")[0] == "model"
    assert "core time" in listing.splitlines()[0]
    assert "coverage 0.5" in listing
    assert listing.rstrip().endswith("  champion")
    assert "the champion of digits and its kind" in artpipe("lineage", "digits-gan")[1]
    assert load_champions().find("digits", "gan").before == ()


def test_a_run_names_first_champions_and_moves_none(project):
    """Of two new ones the better counts, if it is shown to be; a later one does not displace it."""
    made("digits-gan", 0.1, seed=1, verdict="collapsed")
    made("digits-wide", 0.3, seed=2)
    keep(*MODELS)
    assert [line.split()[5] for line in promote_first()] == ["digits-wide"]
    made("digits-gan", 0.01, seed=3)
    keep(*MODELS)
    assert promote_first() == []
    assert load_champions().find("digits", "gan").champion.model == "digits-wide"
    Path("champions.json").unlink()
    assert [line.split()[5] for line in promote_first()] == ["digits-gan"]


def test_a_worse_one_is_refused(project, artpipe):
    """One line with the two numbers, exit 2, and nothing is changed."""
    made("digits-gan", 0.1)
    made("digits-wide", 0.3, seed=2)
    keep(*MODELS)
    artpipe("promote", "digits-gan")
    before = Path("champions.json").read_bytes()
    code, out, err = artpipe("promote", "digits-wide")
    assert (code, out, err.count("\n")) == (2, "", 1)
    assert "kid 0.3 is not shown to be better than 0.1: the difference is 0.17 to 0.23" in err
    assert Path("champions.json").read_bytes() == before
    assert artpipe("promote", "digits-wide", "--force")[0] == 0
    assert load_champions().find("digits", "gan").champion.forced


def test_a_better_one_takes_its_place(project, artpipe):
    """The one before is remembered, the latest first."""
    first, second = made("digits-gan", 0.1), made("digits-wide", 0.05, seed=2)
    keep(*MODELS)
    assert artpipe("promote")[1].count("the champion is") == 2
    reign = load_champions().find("digits", "gan")
    assert (reign.champion.checkpoint, reign.before[0].checkpoint) == (second, first)
    third = made("digits-gan", 0.01, seed=3)
    keep(*MODELS)
    code, out, _ = artpipe("promote")
    assert code == 0
    assert "digits-wide: stays behind" in out
    assert [one.checkpoint for one in load_champions().find("digits", "gan").before] == [second, first]
    assert load_champions().find("digits", "gan").champion.checkpoint == third


@pytest.mark.parametrize(
    ("challenger", "shards", "why"),
    [
        (kid(0.05), "d", ""),
        (kid(0.099), "d", "not shown to be better than 0.1"),
        (kid(0.05, spread=0.2), "d", "the difference is -0.44 to 0.34"),
        (kid(0.05), "e", "other data"),
        (kid(0.05, feature_extractor="r2"), "d", "another feature extractor"),
        (kid(0.05, spread=None), "d", "no interval"),
        (kid(0.05, n=200), "d", "another number of works (200, not 100)"),
        (kid(0.05, basis=""), "d", "only one of both says which works"),
        (kid(0.05, settings="samples=9"), "d", "only one of both says with which settings"),
        (kid(0.05, basis="b2"), "d", "other held-out works, or in another size (b2, not b1)"),
        (kid(0.05, low=0.04, high=0.099), "d", "the difference is"),
        (None, "d", "no number decides"),
        (kid(0.05, name="accuracy"), "d", "no number decides"),
        (kid(0.5, better="higher"), "d", ""),
    ],
)
def test_only_like_is_compared_with_like(challenger, shards, why):
    """The same measure on the same feature extractor and data, and a difference that is no luck."""
    theirs = kid(0.1, better=challenger.better if challenger else "lower")
    champion = Champion(model="m", run_id="r", checkpoint="c", report="p", shards="d", score=theirs, dvc={})
    said = find_objection(challenger, shards, champion)
    assert why in said if why else said == ""


def test_what_is_not_fair_never_counts(project, artpipe):
    """Not even by force; the number that decided the grade is named."""
    made("digits-gan", 0.1, verdict="memorised")
    keep(*MODELS)
    code, _, err = artpipe("promote", "digits-gan", "--force")
    assert (code, err) == (
        2,
        "artpipe: digits-gan: failed, memorised (coverage 0.5, at most 0.3 allowed); only what is fair or good counts\n",
    )


def test_a_champion_measured_anew_is_compared_anew(project, artpipe):
    """With a new feature extractor everything here is evaluated again, and the champion's new number is the one that counts."""
    made("digits-gan", 0.1)
    keep(*MODELS)
    artpipe("promote", "digits-gan")
    made("digits-gan", 0.5, feature_extractor="r2")
    made("digits-wide", 0.3, seed=2, feature_extractor="r2")
    keep(*MODELS)
    assert artpipe("promote", "digits-wide")[0] == 0


@pytest.mark.parametrize("spoil", ["lock", "report", "model"])
def test_what_does_not_stand_is_not_promoted(project, artpipe, spoil):
    """What DVC does not keep could not come back; a report of another checkpoint proves nothing; a slip is named."""
    made("digits-gan", 0.1)
    keep(*MODELS)
    name = "digits-gna" if spoil == "model" else "digits-gan"
    if spoil == "lock":
        Path("dvc.lock").unlink()
    if spoil == "report":
        path = paths.checkpoint("digits-gan") / "checkpoint.json"
        path.write_text(path.read_text().replace('"seed": 1', '"seed": 2'))
    code, _, err = artpipe("promote", name)
    said = {"lock": "DVC does not keep it", "report": "not of one training", "model": "did you mean `digits-gan`"}
    assert (code, err.count("\n")) == (2, 1)
    assert said[spoil] in err
    assert not Path("champions.json").exists()


def test_a_torn_file_is_one_line(project, artpipe):
    """After a merge with conflicts nothing is guessed."""
    made("digits-gan", 0.1)
    keep(*MODELS)
    Path("champions.json").write_text('{"format": 1,\n<<<<<<< HEAD\n')
    for words in (["promote", "digits-gan"], ["promote"], ["rollback", "digits", "gan"]):
        code, _, err = artpipe(*words)
        assert (code, err.count("\n")) == (2, 1)
        assert err.startswith("artpipe: champions.json: ")


def test_rollback_brings_the_one_before_back(project, artpipe):
    """Its checkpoint and report come out of DVC's cache, bit for bit; what was taken back needs force to come again."""
    first = made("digits-gan", 0.1)
    subprocess.run(["dvc", "commit", "-q", "-f", "keep@digits-gan"], check=True)
    artpipe("promote", "digits-gan")
    old = (paths.checkpoint("digits-gan") / "checkpoint.json").read_bytes()
    second = made("digits-gan", 0.01, seed=2)
    subprocess.run(["dvc", "commit", "-q", "-f", "keep@digits-gan"], check=True)
    assert artpipe("promote", "digits-gan")[0] == 0
    code, out, err = artpipe("rollback", "digits", "gan", "--json")
    assert (code, err) == (0, "")
    told = json.loads(out)
    assert (told["champion"]["checkpoint"], told["taken_back"]["checkpoint"]) == (first, second)
    assert told["folder"] == str(paths.champion("digits", "gan") / "checkpoints")
    assert load_champions().find("digits", "gan").champion.checkpoint == first
    back = paths.champion("digits", "gan")
    assert (back / "checkpoints/checkpoint.json").read_bytes() == old
    assert (back / "reports/report.json").is_file()
    assert read_checkpoint_card(paths.checkpoint("digits-gan"))[1] == second
    assert not list(Path().glob("bringing-*"))
    found = trace_lineage(str(back / "checkpoints"))
    assert (found.checkpoint.sha256, found.run.run_id, found.champion) == (first, f"{1:032x}", True)
    assert found.verdict.grade == "fair"
    code, _, err = artpipe("promote", "digits-gan")
    assert code == 2
    assert "taken back" in err
    assert artpipe("promote", "digits-gan", "--force")[0] == 0
    assert load_champions().find("digits", "gan").withdrawn == ()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["digits", "gan"], "was no champion before digits-gan"),
        (["digit", "gan"], "did you mean `digits`"),
        (["digits", "vae"], "there are: gan"),
    ],
)
def test_a_rollback_without_a_past_is_refused(project, artpipe, words, said):
    """One line that says what there is."""
    made("digits-gan", 0.1)
    keep(*MODELS)
    artpipe("promote", "digits-gan")
    code, _, err = artpipe("rollback", *words)
    assert (code, err.count("\n")) == (2, 1)
    assert said in err


@pytest.mark.nightly
def test_a_champion_that_is_gone_stays_where_it_is(project, artpipe):
    """What DVC has no more cannot come back: one line, and champions.json is as it was."""
    made("digits-gan", 0.1)
    keep("digits-gan")
    artpipe("promote", "digits-gan")
    made("digits-gan", 0.01, seed=2)
    keep("digits-gan")
    artpipe("promote", "digits-gan")
    before = Path("champions.json").read_bytes()
    code, _, err = artpipe("rollback", "digits", "gan")
    assert (code, err.count("\n")) == (1, 1)
    assert "cannot be brought back, so champions.json stays as it is" in err
    assert Path("champions.json").read_bytes() == before
