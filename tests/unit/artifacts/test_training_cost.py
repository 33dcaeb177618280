"""The cost of a training: an estimate whose assumptions are stated, worked out by hand."""

import pytest

from artpipe.artifacts.run import RunCard
from artpipe.artifacts.training_cost import estimate_cost, load_energy_params
from artpipe.config.energy_params import EnergyParams

MACHINE = {"host": "h", "platform": "p", "versions": {}, "threads": 1, "precision": "fp32", "commit": None}
MACHINE |= {"dirty": False, "flow_run": None, "sessions": 1, "started": 0.0, "ended": 9e9}


def run_card(**more) -> RunCard:
    told = {"run_id": "a" * 32, "model": "gan", "stage": "train@gan", "checkpoint": "c", "steps": 1, "device": "cpu"}
    return RunCard(**{**told, **MACHINE, "core_seconds": 3600.0, **more})


def test_energy_by_hand():
    """One core-hour at 12 W; two hours at work with 2 GiB at 0.4 W each: 12 + 1.6 Wh, times the overhead."""
    run = run_card(busy_seconds=7200.0, peak_memory=2 * 2**30)
    assert estimate_cost(run, EnergyParams()).energy_wh == pytest.approx(13.6)
    assert estimate_cost(run, EnergyParams(overhead=1.5)).energy_wh == pytest.approx(20.4)
    assert estimate_cost(run, EnergyParams(watts_per_core=0, watts_per_gib=0)).energy_wh == 0


def test_each_rank_has_a_gpu():
    """Two ranks on GPUs add 2 x 200 W for the time at work, and none on CPUs."""
    told = {"busy_seconds": 3600.0, "peak_memory": 0, "params": {"ranks": 2}}
    costs = [estimate_cost(run_card(device=device, **told), EnergyParams()).energy_wh for device in ("cuda:0", "cpu")]
    assert costs == [pytest.approx(412), pytest.approx(12)]


def test_a_share_divides_time_and_energy_and_not_memory():
    """Four works share the time and the energy; each of them needed the memory."""
    share = estimate_cost(run_card(busy_seconds=3600.0, peak_memory=2**30), EnergyParams(watts_per_gib=0)).share(4)
    assert (share.core_seconds, share.peak_memory_gib, share.energy_wh) == (900, 1, pytest.approx(3))


def test_a_record_from_before_has_no_energy():
    """Where neither memory nor time at work was recorded, the core time alone is told."""
    cost = estimate_cost(run_card(), EnergyParams())
    assert (cost.core_seconds, cost.peak_memory_gib, cost.energy_wh) == (3600, None, None)


def test_artifacts_without_params_have_the_usual_assumptions(tmp_path):
    """A folder of artifacts alone is described too."""
    assert load_energy_params(tmp_path) == EnergyParams()
