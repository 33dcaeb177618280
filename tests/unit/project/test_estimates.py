"""Estimates by hand-known numbers: what ran before, what was measured, and what the plugins bring."""

import platform
from pathlib import Path

import pytest

from artpipe.artifacts.run import RunCard, save_run
from artpipe.config.params import parse_params
from artpipe.project.estimates import CostEstimator, save_duration
from artpipe.project.machine_costs import MachineCosts, StepCost, load_shipped_costs
from artpipe.project.presets import plan_switch
from artpipe.project.step_costs import StepCosts
from artpipe.system.machine import torch_version

ROOT = Path(__file__).parents[3]
PARAMS = """\
format: 2
seed: 1
datasets:
  own: {medium: picture, source: folder, path: works, about: {}, ingest: {}, preprocess: {size: 28, validation: 0}}
models:
  vae: {kind: vae, dataset: own, pretrained: data/shards/own, feature_extractor: vae, steps: 200, evaluate_every_steps: 1000}
evaluation: {metrics: [], samples: 1000}
gallery: {sections: []}
"""
COST = StepCost(start=1.0, step=0.5, sheet=0.0, shown=0.0, measures=0.0, held_out=0.0, precision="fp32", device="cpu")


IMPORTS = load_shipped_costs().imports


@pytest.fixture
def params():
    return parse_params(PARAMS)


def estimator(root, params, *, measured: bool = False, slowness: float = 1.0, shipped=None) -> CostEstimator:
    """Return the estimator of a machine so slow beside the shipped figures', which may have measured the model's steps."""
    imports = slowness * IMPORTS
    steps = {StepCosts(root, params, MachineCosts()).request("vae", params.models["vae"]).key: COST} if measured else {}
    return CostEstimator(root, params, {}, StepCosts(root, params, MachineCosts(imports=imports, steps=steps), shipped))


def record(root, params, *, seconds: float, steps: int, host: str, **changed: object) -> None:
    """Write the record of a training of this model."""
    card = RunCard(
        run_id="a" * 32, model="vae", stage="train@vae", checkpoint="c", started=0.0, ended=1.0, core_seconds=seconds,
        sessions=1, steps=steps, host=host, platform="p", versions={"torch": torch_version()}, threads=1, device="cpu",
        precision="fp32", commit=None, dirty=False, flow_run=None, params={**params.models["vae"], **changed},
    )  # fmt: skip
    save_run(root / "data/runs/vae", card)


def test_a_new_training_is_what_its_steps_cost_here(tmp_path, params):
    """The imports, 1 s of start, 200 steps of 0.5 s, 1.5 s of its own code."""
    cost = estimator(tmp_path, params, measured=True).estimate("train@vae")
    assert (cost.core_seconds, cost.measured) == (pytest.approx(IMPORTS + 102.5), False)


def test_without_a_measurement_the_kind_s_own_rate_stands_in(tmp_path, params):
    """200 steps * 128 pictures * 784 pixels * 350 ns."""
    cost = estimator(tmp_path, params).estimate("train@vae")
    assert cost.core_seconds == pytest.approx(200 * 128 * 784 * 350e-9)


def test_what_is_shipped_counts_more_than_the_rate(tmp_path, params):
    """On a machine half as fast: 2 s of imports, 1 s of start, 200 steps of 0.5 s, 1.5 s of its own code, twice."""
    key = StepCosts(tmp_path, params, MachineCosts()).request("vae", params.models["vae"]).key
    shipped = MachineCosts(imports=2.0, steps={key: COST})
    assert estimator(tmp_path, params, slowness=2.0, shipped=shipped).estimate(
        "train@vae"
    ).core_seconds == pytest.approx(209)
    record(tmp_path, params, seconds=152.0, steps=200, host=platform.node())
    assert estimator(tmp_path, params, shipped=shipped).estimate("train@vae").core_seconds == pytest.approx(152.0)


@pytest.mark.parametrize("preset", [None, "long"])
def test_the_museum_s_trainings_have_shipped_costs(preset, monkeypatch):
    """Else a first run is ordered by guesses: `python benchmarks/step_costs.py --write` measures them."""
    monkeypatch.chdir(ROOT)
    entries = parse_params(plan_switch(preset).text if preset else (ROOT / "params.yaml").read_text())
    costs = StepCosts(ROOT / "nowhere", entries, MachineCosts())
    lacking = [name for name, entry in entries.models.items() if costs.shipped_seconds(entry, 1) is None]
    assert lacking == []


def test_the_last_run_here_counts_most(tmp_path, params):
    """It took 152 s for 100 steps where 51 and the imports were expected; 101 and these are expected now."""
    record(tmp_path, params, seconds=152.0, steps=100, host=platform.node())
    cost = estimator(tmp_path, params, measured=True).estimate("train@vae")
    assert (cost.core_seconds, cost.measured) == (pytest.approx(152.0 * (IMPORTS + 101.0) / (IMPORTS + 51.0)), True)


def test_a_run_s_defaults_and_types_are_no_change(tmp_path, params):
    """Its record has all parameters, numbers as the kind types them; what ran here is not measured."""
    entry = {**params.models["vae"], "beta": 2}
    params = params.model_copy(update={"models": {"vae": entry}})
    record(tmp_path, params, seconds=152.0, steps=200, host=platform.node(), beta=2.0, width=32, free_nats=0.0)
    assert estimator(tmp_path, params, measured=True).estimate("train@vae").core_seconds == pytest.approx(152.0)
    assert StepCosts(tmp_path, params, MachineCosts()).find_missing(["vae"]) == []
    record(tmp_path, params, seconds=152.0, steps=200, host=platform.node(), beta=3.0)
    assert len(StepCosts(tmp_path, params, MachineCosts()).find_missing(["vae"])) == 1


def test_a_run_elsewhere_is_used_only_where_nothing_was_measured_here(tmp_path, params):
    """What another machine took says little of this one."""
    record(tmp_path, params, seconds=999.0, steps=200, host="elsewhere")
    assert estimator(tmp_path, params, measured=True).estimate("train@vae").core_seconds == pytest.approx(
        IMPORTS + 102.5
    )
    assert estimator(tmp_path, params).estimate("train@vae").core_seconds == pytest.approx(999.0)


def test_ingest_and_preprocess_go_by_number_and_size(tmp_path, params):
    """A thousand files of a kilobyte: 2.5 s and 0.3 ms each and 90 ms a megabyte; 1.8 s, 0.4 ms and 280 ms."""
    (tmp_path / "works").mkdir()
    for number in range(1000):
        (tmp_path / f"works/{number}.png").write_bytes(b"x" * 1000)
    estimates = estimator(tmp_path, params)
    assert estimates.estimate("ingest@own").core_seconds == pytest.approx(2.5 + 0.3 + 0.09)
    assert estimates.estimate("preprocess@own").core_seconds == pytest.approx(1.8 + 0.4 + 0.28)
    slow = estimator(tmp_path, params, slowness=2.0)
    assert slow.estimate("ingest@own").core_seconds == pytest.approx(2 * (2.5 + 0.3 + 0.09))


def test_a_stage_that_ran_is_scaled_to_its_present_size(tmp_path, params):
    """Five seconds where two were expected, so 2.5 times what is expected now."""
    (tmp_path / "works").mkdir()
    (tmp_path / "works/1.png").write_bytes(b"x")
    save_duration("ingest@own", 5.0, 2.0, root=tmp_path)
    estimates = estimator(tmp_path, params)
    cost = estimates.estimate("ingest@own")
    assert (cost.core_seconds, cost.measured) == (pytest.approx(2.5 * estimates.expect("ingest@own")), True)


@pytest.mark.parametrize(
    "content", ["{", "[]", '{"ingest@own": 3}', '{"ingest@own": ["x", 1, ""]}', '{"ingest@own": [5, 2, "other"]}']
)
def test_durations_that_cannot_be_read_or_are_of_elsewhere_are_none(tmp_path, params, content):
    """A torn file, one of an earlier version, another machine's: the stage is estimated."""
    (tmp_path / ".state").mkdir()
    (tmp_path / ".state/durations.json").write_text(content)
    assert not estimator(tmp_path, params).estimate("ingest@own").measured
