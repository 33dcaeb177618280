"""What makes DVC's answers cheaper changes none of them."""

import gc
from types import SimpleNamespace

import dvc.dependency.param as dvc_params

from artpipe.orchestration.scheduling.dvc_speedups import pause_garbage_collection, read_params_once


def test_a_file_of_parameters_is_parsed_once(monkeypatch):
    """Once for all stages while the body runs, and again each time after it, also where it failed."""
    parsed = []
    monkeypatch.setattr(
        dvc_params, "load_path", lambda path, _fs: parsed.append(path) or {"models": {"a": len(parsed)}}
    )

    def read(path):
        return dvc_params.read_param_file(SimpleNamespace(), path, ["models.a"], flatten=True)

    with read_params_once(dvc_params):
        assert [read("params.yaml"), read("params.yaml"), read("code.yaml")] == [
            {"models.a": 1},
            {"models.a": 1},
            {"models.a": 2},
        ]
    assert parsed == ["params.yaml", "code.yaml"]
    assert read("params.yaml") == {"models.a": 3}


def test_garbage_is_collected_again_afterwards():
    """It is off while the body runs, and then as it was."""
    assert gc.isenabled()
    with pause_garbage_collection():
        assert not gc.isenabled()
    assert gc.isenabled()
