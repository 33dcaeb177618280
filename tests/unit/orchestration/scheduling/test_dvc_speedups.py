"""What makes DVC's answers cheaper changes none of them."""

import gc
import unittest.mock
from types import SimpleNamespace

import dvc.dependency.param as dvc_params
import pytest
from hypothesis import given
from hypothesis import strategies as st

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


WORDS = st.sampled_from(["a", "b", "10", "a.b", "*", 7])  # an empty one ends in an error of dpath
CONTENTS = st.recursive(
    st.integers() | st.none() | st.just({}),
    lambda inner: st.dictionaries(WORDS, inner, max_size=3) | st.lists(inner, max_size=2),
    max_leaves=8,
)
KEYS = st.lists(st.sampled_from(["a", "b", "10", "0", "7", "*", "[ab]", ""]), min_size=1, max_size=3).map(".".join)


@pytest.mark.parametrize("flatten", [True, False])
@given(content=CONTENTS, key=KEYS)
def test_a_key_leads_where_it_led(flatten, content, key):
    """Whatever a file holds and a key is: DVC finds the same, or fails the same."""

    def read():
        try:
            return dvc_params.read_param_file(SimpleNamespace(), "params.yaml", [key], flatten=flatten)
        except Exception as error:  # noqa: BLE001 - DVC's own, of any kind
            return type(error)

    with unittest.mock.patch.object(dvc_params, "load_path", return_value=content):
        as_ever = read()
        with read_params_once(dvc_params):
            assert read() == as_ever


def test_garbage_is_collected_again_afterwards():
    """It is off while the body runs, and then as it was."""
    assert gc.isenabled()
    with pause_garbage_collection():
        assert not gc.isenabled()
    assert gc.isenabled()
