"""The plan: reasons by name, costs from earlier runs or said to be estimates. DVC's answers are given."""

from types import SimpleNamespace

import pytest

from artpipe.artifacts.run import RunCard, save_run
from artpipe.project import plan
from artpipe.project.estimates import save_duration

PARAMS = """\
format: 2
seed: 1
datasets:
  digits: {medium: picture, source: package, path: x.yaml, about: {}, ingest: {}, preprocess: {size: 28}}
models:
  vae: {kind: vae, dataset: digits, pretrained: data/shards/digits, feature_extractor: vae, steps: 200, batch_size: 32, beta: 2.0}
  big: {kind: vae, dataset: digits, pretrained: data/shards/digits, feature_extractor: big, steps: 200, batch_size: 64}
evaluation: {metrics: []}
gallery: {sections: []}
"""
LOCK = """\
schema: '2.0'
stages:
  train@vae:
    cmd: artpipe train vae
    params:
      params.yaml:
        models.vae: {kind: vae, dataset: digits, pretrained: data/shards/digits, feature_extractor: vae, steps: 100, batch_size: 32, old: 1}
    outs:
    - {path: data/checkpoints/vae, size: 2000}
    - {path: data/runs/vae, size: 500}
"""
UPSTREAM = {
    "ingest@digits": (),
    "preprocess@digits": ("ingest@digits",),
    "train@vae": ("preprocess@digits",),
    "evaluate@vae": ("train@vae",),
    "train@big": ("preprocess@digits",),
    "evaluate@big": ("train@big",),
    "gallery": ("evaluate@big", "evaluate@vae"),
}


@pytest.fixture
def make(tmp_path):
    """Return a function that plans for what DVC is made to say."""
    (tmp_path / "params.yaml").write_text(PARAMS)
    (tmp_path / "dvc.lock").write_text(LOCK)
    return lambda changes: plan.make_plan(SimpleNamespace(upstream=UPSTREAM, changes=changes), tmp_path)


def recorded(root, seconds: float, steps: int) -> None:
    card = RunCard(
        run_id="a" * 32, model="vae", stage="train@vae", checkpoint="c", started=0.0, ended=1.0, core_seconds=seconds,
        sessions=1, steps=steps, host="h", platform="p", versions={}, threads=1, device="cpu", precision="fp32",
        commit=None, dirty=False, flow_run=None,
    )  # fmt: skip
    save_run(root / "data/runs/vae", card)


def changed(what: object) -> list[object]:
    return [{"changed deps": what}]


def test_nothing_stale_plans_nothing(make):
    """An up-to-date project has an empty plan that takes no time."""
    made = make({})
    assert (made.stages, made.seconds, made.bytes) == ((), 0, 0)


def test_changed_parameters_are_named_with_both_values(make):
    """Each leaf that differs from dvc.lock is a reason; what lies below follows without one."""
    made = make({"train@vae": changed({"params.yaml": {"models.vae": "modified"}})})
    assert [planned.stage for planned in made.stages] == ["train@vae", "evaluate@vae", "gallery"]
    why = ("models.vae.steps: 100 -> 200", "models.vae.old: 1 -> none", "models.vae.beta: none -> 2.0")
    assert made.stages[0].why == why
    assert made.stages[1].why == made.stages[2].why == ()


def test_files_and_code_are_named(make):
    """A file, code, a missing output and a changed command are each a reason of their own."""
    changes = [
        {"changed deps": {"x.yaml": "modified", "code.yaml": {"code.ingest": "modified"}}},
        {"changed outs": {"data/works/digits": "deleted"}},
        "changed command",
    ]
    first = make({"ingest@digits": changes}).stages[0]
    assert first.why[:2] == ("x.yaml changed", "the code of ingest changed")
    assert first.why[2:] == ("data/works/digits is missing", "its command changed")


def test_new_stage_is_new(make):
    """A stage that dvc.lock does not know has one reason."""
    made = make({"train@big": changed({"params.yaml": {"models.big": "new"}, "code.yaml": {"code.train": "new"}})})
    assert made.stages[0].why == ("new",)


def test_the_gallery_of_a_fresh_project_is_new(make):
    """Like any other stage that dvc.lock does not know; a dataset's file, which dvc.lock never knows, says what changed."""
    made = make({"gallery": changed({"params.yaml": {"gallery": "new", "models": "new"}})})
    assert made.stages[0].why == ("new",)
    reasons = plan._explain_stale("datasets/own.dvc", [{"changed outs": {"datasets/own": "modified"}}], None, {})
    assert list(reasons) == ["datasets/own changed"]


def test_a_list_that_changed_is_told_by_what_came_and_went():
    """A page has two dozen sections; the one that was taken out is named alone, and no reason is longer than a line."""
    names = [f"section-{number}" for number in range(24)]
    assert list(plan._describe_differences("gallery.sections", names, names[1:])) == [
        "gallery.sections: without section-0"
    ]
    assert list(plan._describe_differences("k", ["a"], ["b", "a"])) == ["k: with b"]
    assert list(plan._describe_differences("k", ["a", "b"], ["b", "a"])) == ["k: in another order"]
    assert all(len(reason) < 90 for reason in plan._describe_differences("k", names, []))


def test_too_few_held_out_works_are_told_beforehand(tmp_path, monkeypatch, capsys):
    """A note with the number of works that would do, for models that make pictures, and only before they are made."""
    text = PARAMS.replace("source: package, path: x.yaml", "source: folder, path: works")
    (tmp_path / "params.yaml").write_text(text)
    (tmp_path / "works").mkdir()
    for number in range(120):
        (tmp_path / f"works/{number}.png").touch()
    graph = SimpleNamespace(upstream=UPSTREAM, changes={"train@vae": []})
    note = "digits: about 12 works will be held out, too few to judge likeness by (50); 500 works in all would do or, with these, `test: 0.45`"
    assert plan.make_plan(graph, tmp_path).notes == (note,)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(plan, "check_project", lambda: None)
    plan.plan_project(lambda: graph).print_text()
    assert f"Note: {note}\n" in capsys.readouterr().out
    assert plan.make_plan(SimpleNamespace(upstream=UPSTREAM, changes={"gallery": []}), tmp_path).notes == ()
    (tmp_path / "params.yaml").write_text(text.replace("size: 28", "size: 28, test: 0.5"))
    assert plan.make_plan(graph, tmp_path).notes == ()
    (tmp_path / "works/test").mkdir()
    for number in range(9):
        (tmp_path / f"works/test/{number}.png").touch()
    (given,) = plan.make_plan(graph, tmp_path).notes
    assert given.startswith("digits: about 9 works will be held out")
    assert "splits: ignore" in given


def test_training_is_reckoned_from_its_last_run(make, tmp_path):
    """100 steps took 50 core-seconds, so 200 take 100; a model of the same kind with twice the batch takes 200."""
    recorded(tmp_path, seconds=50.0, steps=100)
    made = make(
        {
            "train@vae": changed({"code.yaml": {"code.train": "modified"}}),
            "train@big": changed({"code.yaml": {"code.train": "new"}}),
        }
    )
    costs = {planned.stage: planned.cost for planned in made.stages}
    assert (costs["train@vae"].core_seconds, costs["train@vae"].measured) == (100.0, True)
    assert (costs["train@big"].core_seconds, costs["train@big"].measured) == (pytest.approx(200.0), False)
    assert costs["train@vae"].bytes == 2500


def test_waiting_is_the_longest_chain_or_the_shared_work(make, tmp_path):
    """Two trainings of 100 and 200 s with what follows: the longer chain where there are cores for both."""
    recorded(tmp_path, seconds=50.0, steps=100)
    for stage in ("evaluate@vae", "evaluate@big", "gallery"):
        save_duration(stage, 10.0, root=tmp_path)
    made = make(
        {
            "train@vae": changed({"code.yaml": {"code.train": "modified"}}),
            "train@big": changed({"code.yaml": {"code.train": "new"}}),
        }
    )
    start = made.stages[0].cost.start_seconds
    assert made.seconds == pytest.approx(max(220.0 + 3 * start, (330.0 + 5 * start) / made.cores))


@pytest.mark.parametrize(("seconds", "text"), [(0.2, "1 s"), (40, "40 s"), (720, "12 min"), (12600, "3.5 h")])
def test_spans_read_well(seconds, text):
    """Durations are told in the unit a person would use."""
    assert plan.format_duration(seconds) == text


@pytest.mark.parametrize(("count", "text"), [(0, "0 B"), (999, "999 B"), (12_345_678, "12 MB"), (5e15, "5000 TB")])
def test_sizes_read_well(count, text):
    """So are sizes."""
    assert plan.format_size(count) == text
