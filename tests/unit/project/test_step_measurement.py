"""The measurement by the real command: one line is said, what it costs is kept, the next plan says so at once."""

import json
import subprocess
from pathlib import Path

import pytest

from artpipe.project.machine_costs import load_costs

ROOM = """\
datasets:
  more: {medium: picture, source: folder, path: datasets/shapes, about: {}, ingest: {}, preprocess: {size: 16}}
models:
  more-vae: {kind: vae, dataset: more, pretrained: data/shards/more, feature_extractor: more-vae, steps: 20}
"""


@pytest.mark.filterwarnings("ignore")  # DVC's own
@pytest.mark.nightly
def test_the_first_plan_measures_and_the_second_does_not(studio, tmp_path, monkeypatch):
    """A model that never ran is measured by its steps; what a stage took is noted by the stage itself."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("ARTPIPE_MEASURE")
    said = [subprocess.run(["artpipe", "plan", "--json"], capture_output=True, text=True, check=True) for _ in range(2)]
    assert [answer.stderr.count("measuring once") for answer in said] == [1, 0]
    assert load_costs().imports > 0
    trained = [stage["cost"] for stage in json.loads(said[1].stdout)["stages"] if stage["stage"].startswith("train@")]
    assert trained
    assert all(cost["core_seconds"] > load_costs().imports for cost in trained)
    subprocess.run(["artpipe", "ingest", "shapes"], check=True, capture_output=True)
    seconds, expected, _ = json.loads((studio / ".state/durations.json").read_text())["ingest@shapes"]
    assert seconds > 0
    assert expected > 0


@pytest.mark.nightly
@pytest.mark.filterwarnings("ignore")  # DVC's own
def test_a_room_that_only_a_preset_brings_is_measured(studio, tmp_path, monkeypatch):
    """Its dataset does not stand in params.yaml while the preset is only planned."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("ARTPIPE_MEASURE")
    Path("presets").mkdir(exist_ok=True)
    Path("presets/room.yaml").write_text(ROOM)
    command = ["artpipe", "plan", "--preset", "room", "--json"]
    said = [subprocess.run(command, capture_output=True, text=True, check=True).stderr for _ in range(2)]
    assert [text.count("measuring once") for text in said] == [1, 0]
