"""What steps cost here: the sum of a training by hand, the file in the user's cache folder, when it is measured."""

import json
from pathlib import Path

import pytest

from artpipe.config.params import parse_params
from artpipe.contracts.plugin_info import ModelInfo
from artpipe.project import step_costs
from artpipe.project.machine_costs import MachineCosts, StepCost, load_costs
from artpipe.project.step_costs import StepCosts, count_multipliers, measure_missing
from artpipe.system.machine import machine_key

PARAMS = """\
format: 2
seed: 1
datasets:
  digits: {medium: picture, source: package, path: x.yaml, about: {}, ingest: {}, preprocess: {size: 28, validation: 0.02}}
models:
  vae: {kind: vae, dataset: digits, pretrained: data/shards/digits, feature_extractor: vae, steps: 200, evaluate_every_steps: 100}
  wide: {kind: vae, dataset: digits, pretrained: data/shards/digits, feature_extractor: wide, steps: 300, width: 64}
evaluation: {metrics: []}
gallery: {sections: []}
"""
COST = StepCost(start=1.0, step=0.5, sheet=2.0, shown=0.25, measures=0.5, held_out=0.1, precision="fp32", device="cpu")


@pytest.fixture
def params():
    return parse_params(PARAMS)


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """Return the file of this user's cache, with measuring switched on."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("ARTPIPE_MEASURE")
    return tmp_path / "cache/artpipe/step-costs.json"


def known(root, params, *models: str) -> StepCosts:
    """Return the costs of a machine that imports for 3 s and has measured these models."""
    costs = StepCosts(root, params, MachineCosts())
    keys = {costs.request(model, params.models[model]).key: COST for model in models}
    return StepCosts(root, params, MachineCosts(imports=3.0, steps=keys))


def test_a_training_is_imports_start_steps_and_points(tmp_path, params):
    """3 + 1 + 200 * 0.5 + 3 points * (2 + 10 * 0.25 + 0.5 + 10 * 0.1) = 122 s: of 500 works ten are held out."""
    assert known(tmp_path, params, "vae").training_seconds(params.models["vae"], 200) == pytest.approx(122.0)


def test_parameters_that_decide_the_cost_are_told_apart(tmp_path, params):
    """Another width is measured anew, other steps or another learning rate are not."""
    costs, entry = known(tmp_path, params, "vae"), params.models["vae"]
    assert costs.training_seconds(params.models["wide"], 300) is None
    assert costs.training_seconds({**entry, "steps": 9, "learning_rate_": 1}, 9) is None
    assert costs.training_seconds({**entry, "steps": 9, "patience": 3}, 9) is not None
    assert [request.model for request in costs.find_missing(["vae", "wide", "gone"])] == ["wide"]


def test_a_phase_makes_the_steps_count(tmp_path, params):
    """Where a parameter says from which step on more is done, the mean depends on the steps."""
    costs, entry = StepCosts(tmp_path, params, MachineCosts()), {**params.models["vae"], "kind": "any"}
    keys = {costs.request("", {**entry, "judge_from_step": 50, "steps": steps}).key for steps in (100, 200)}
    assert len(keys) == 2
    assert costs.request("", {**entry, "steps": 100}).key == costs.request("", {**entry, "steps": 200}).key


def test_multipliers_multiply():
    """Two contents in three styles each, twice: twelve times the step of one."""
    info = ModelInfo(multipliers=("paint", "each"))
    assert count_multipliers({"paint": {"a": ["x", "y", "z"], "b": ["x", "y", "z"]}, "each": 2}, info) == 12
    assert count_multipliers({}, info) == 1


def measuring(monkeypatch, answers: list[dict[str, object]]) -> list[object]:
    """Have the measuring process answer so; return the requests that it gets."""
    asked: list[object] = []

    def run_child(command, on_line, **_options):
        asked.append(json.loads(Path(command[-1]).read_text())["requests"])
        for answer in answers:
            on_line(json.dumps(answer) if isinstance(answer, dict) else str(answer))
        return 0

    monkeypatch.setattr(step_costs, "run_child", run_child)
    return asked


def test_what_is_missing_is_measured_once_and_kept(tmp_path, params, cache, monkeypatch, capsys):
    """A second plan asks for nothing; one line says that something is measured."""
    key = StepCosts(tmp_path, params).request("vae", params.models["vae"]).key
    asked = measuring(monkeypatch, ["loading", {"imports": 2.0}, {"key": key, "cost": COST.model_dump()}])
    for _ in range(2):
        measure_missing(tmp_path, params, ["vae"])
    assert [[request["model"] for request in requests] for requests in asked] == [["vae"]]
    assert capsys.readouterr().err == "measuring once what one training will cost on this machine ...\n"
    assert load_costs() == MachineCosts(imports=2.0, steps={key: COST})
    assert [*json.loads(cache.read_text())] == [machine_key()]


def test_imports_that_had_to_be_compiled_are_measured_again(tmp_path, params, cache, monkeypatch):
    """The first import of torch compiles it; the second says what every training pays."""
    key = StepCosts(tmp_path, params).request("vae", params.models["vae"]).key
    asked = measuring(monkeypatch, [{"imports": 7.0}, {"key": key, "cost": COST.model_dump()}])
    measure_missing(tmp_path, params, ["vae"])
    assert [len(requests) for requests in asked] == [1, 0]


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"KEY": 1}', '{"KEY": {"imports": "x"}}', '{"KEY": {"steps": {"a": {}}}}']
)
def test_a_broken_file_is_made_again(tmp_path, params, cache, monkeypatch, content):
    """Whatever stands in it, nothing is known then, and what is measured replaces it."""
    cache.parent.mkdir(parents=True)
    cache.write_text(content.replace("KEY", machine_key()))
    assert load_costs() == MachineCosts()
    key = StepCosts(tmp_path, params).request("vae", params.models["vae"]).key
    measuring(monkeypatch, [{"imports": 2.0}, {"key": key, "cost": COST.model_dump()}])
    measure_missing(tmp_path, params, ["vae"])
    assert load_costs().steps == {key: COST}


def test_another_machine_s_costs_stay_and_are_not_used(tmp_path, params, cache, monkeypatch):
    """A home may be shared by machines."""
    cache.parent.mkdir(parents=True)
    cache.write_text(json.dumps({"other": MachineCosts(imports=9.0, steps={"k": COST}).model_dump()}))
    assert load_costs() == MachineCosts()
    key = StepCosts(tmp_path, params).request("vae", params.models["vae"]).key
    measuring(monkeypatch, [{"imports": 2.0}, {"key": key, "cost": COST.model_dump()}])
    measure_missing(tmp_path, params, ["vae"])
    assert {*json.loads(cache.read_text())} == {"other", machine_key()}


def test_a_measurement_that_fails_is_no_error(tmp_path, params, cache, monkeypatch):
    """Without torch's kernels, or with answers that are none, the shipped rates stand in."""
    measuring(monkeypatch, [{"key": "k"}])
    measure_missing(tmp_path, params, ["vae"])
    monkeypatch.setattr(step_costs, "run_child", lambda *_, **__: (_ for _ in ()).throw(OSError("no memory")))
    measure_missing(tmp_path, params, ["vae"])
    assert load_costs() == MachineCosts()


def test_switched_off_nothing_is_measured_or_read(tmp_path, params, cache, monkeypatch):
    """`ARTPIPE_MEASURE=off` is for machines on which a plan must not wait."""
    monkeypatch.setenv("ARTPIPE_MEASURE", "off")
    asked = measuring(monkeypatch, [])
    measure_missing(tmp_path, params, ["vae"])
    assert asked == []
    assert load_costs() == MachineCosts()
