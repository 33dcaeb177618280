"""Every kind's steps can be measured on random rows of a medium, with what its entries may say of the cost."""

import pytest

from artpipe import plugins
from artpipe.config.params import parse_params
from artpipe.contracts.modality import parse_preprocess_params
from artpipe.contracts.plugin_info import medium_info, model_info
from artpipe.contracts.sample_rows import RowsRequest
from artpipe.project.step_costs import StepCosts
from artpipe.project.step_measurement import measure_model

PARAMS = """\
format: 2
seed: 1
datasets:
  picture: {medium: picture, source: folder, path: works, about: {}, ingest: {}, preprocess: {size: 32, channels: 3}}
  text: {medium: text, source: folder, path: works, about: {}, ingest: {}, preprocess: {length: 16}}
  music: {medium: music, source: folder, path: works, about: {}, ingest: {}, preprocess: {length: 40}}
models: {}
evaluation: {metrics: []}
gallery: {sections: []}
"""
SMALL = {  # by kind, so that a step takes milliseconds; beside it what makes a cost depend on the step
    "gan": {
        "generator_width": 8,
        "discriminator_width": 8,
        "least_width": 8,
        "batch_size": 4,
        "penalty_every_steps": 2,
    },
    "flow": {"batch_size": 2, "width": 8, "inner_width": 8, "inner_blocks": 1, "sampling_steps": 1},
    "superres": {"batch_size": 2, "width": 4, "blocks": 1, "crop": 16, "adversarial_from_step": 5, "show": 32},
    "inpaint": {"batch_size": 2, "width": 4, "levels": 1, "crop": 16, "brush": 4},
    "style": {"paint": {"house": ["dots", "lines"]}},
    "faststyle": {"styles": ["dots"], "crop": 32, "width": 4, "blocks": 1},
    "rnn": {"batch_size": 2, "width": 16, "embedding": 16, "max_tokens": 12},
}


@pytest.mark.parametrize("medium", plugins.list_plugins("modalities"))
def test_a_medium_s_rows_are_as_its_own_shards(medium):
    """Columns, their type and the specification; as many as were asked for."""
    params = parse_params(PARAMS)
    asked = RowsRequest(
        medium, parse_preprocess_params(medium, params.dataset(medium)), 4, classes=("a", "b"), works=100, rows=6
    )
    spec, columns = plugins.load_function(medium_info(medium).sample_rows)(asked)
    assert {*columns} == {*spec.columns} <= plugins.load_plugin("modalities", medium).columns
    assert {len(column) for column in columns.values()} == {6}
    assert columns["labels"].tolist() == [0, 1, 0, 1, 0, 1]
    assert (spec.medium, spec.count, spec.classes) == (medium, 100, ("a", "b"))
    if "tokens" in columns:
        assert columns["tokens"].shape[1] == spec.length + 1
        assert 0 <= int(columns["tokens"].min()) <= int(columns["tokens"].max()) < len(spec.vocabulary)
    else:
        assert columns["images"].shape[1:] == (spec.channels, spec.height, spec.width)


@pytest.mark.parametrize("kind", plugins.list_plugins("models"))
@pytest.mark.nightly
def test_every_kind_can_be_measured(kind, monkeypatch, tmp_path):
    """Without shards, weights or a checkpoint: a plan comes before all of them."""
    monkeypatch.chdir(tmp_path)
    params = parse_params(PARAMS)
    reads = plugins.load_plugin("models", kind).reads
    dataset = next(name for name in ("picture", "text") if reads <= plugins.load_plugin("modalities", name).columns)
    pretrained = {"weights": "data/weights/vgg16"}.get(model_info(kind).pretrained, f"data/shards/{dataset}")
    entry = {"kind": kind, "dataset": dataset, "pretrained": pretrained, "feature_extractor": "m", "steps": 10}
    request = StepCosts(tmp_path, params).request("m", {**entry, **SMALL.get(kind, {"batch_size": 4})})
    assert request is not None
    cost = measure_model(request, params)
    assert cost.step > 0
    assert cost.device in {"cpu", "cuda"}
