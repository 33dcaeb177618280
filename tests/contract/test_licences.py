"""Whatever is installed with artpipe may be used with it."""

import json
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from tests.conftest import load_module

licences = load_module(Path(__file__).parents[1] / "licences.py")
SEPARATE = ("dask", "ray", "postgres", "npm")  # not in what `make test` installs


@pytest.mark.parametrize("extra", [name or "base" for name in licences.extras()])
def test_every_licence_is_known(extra):
    """Each dependency of each extra, and theirs, has a licence of the list, or was looked at."""
    found = licences.closure(*([] if extra == "base" else [extra]))
    assert licences.unknown(found) == {}
    missing = {name for name, one in found.items() if one is None}
    if extra in SEPARATE and missing & {licences.Requirement(line).name for line in licences.extras()[extra]}:
        pytest.skip(f"not installed: {sorted(missing)}")
    assert missing == set()


def test_an_unknown_licence_is_seen(monkeypatch):
    """What is copyleft, or says nothing, is named."""
    found = licences.closure()
    for said in ("GPL-3.0-only", "AGPL-3.0", "Commercial", "unknown"):
        monkeypatch.setattr(licences, "licence", lambda name, said=said: said if name == "torch" else "MIT")
        assert licences.unknown(found) == {"torch": said}


def test_the_sbom_names_every_part():
    """Each has name, version, address and licence, and the whole has the form that CycloneDX 1.6 prescribes."""
    made = licences.sbom(licences.closure("dev"))
    parts = made["components"]
    torch = next(part for part in parts if part["name"] == "torch")
    assert torch["purl"].startswith("pkg:pypi/torch@")
    assert len(parts) > 200
    assert all(part["version"] and part["licenses"][0]["license"]["name"] for part in parts)
    validator = JsonStrictValidator(SchemaVersion.V1_6)
    assert validator.validate_str(json.dumps(made)) is None
    parts[0]["licence"] = parts[0].pop("licenses")
    assert "licence" in str(validator.validate_str(json.dumps(made)))
