"""Defaults belong to a format."""

import json
from pathlib import Path

from tests.conftest import load_module

SCRIPT = Path(__file__).parents[2] / "golden" / "make_defaults.py"


def test_a_changed_default_is_a_changed_format():
    """DVC sees params.yaml only: a default that changes under the same format would leave old results standing."""
    script = load_module(SCRIPT)
    known = json.loads(script.GOLDEN.read_text())
    now = script.defaults()
    assert now == known, f"raise FORMAT, then run {SCRIPT.name}"
