"""Whatever is installed with artpipe may be used with it."""

from pathlib import Path

from tests.conftest import loaded

licences = loaded(Path(__file__).parents[1] / "licences.py")


def test_every_licence_is_known():
    """Each dependency, and theirs, has a licence of the list, or was looked at."""
    found = licences.closure()
    assert len(found) > 100
    assert licences.unknown(found) == {}


def test_the_sbom_names_every_part():
    """Each has name, version, address and licence, as CycloneDX calls them."""
    parts = licences.sbom(licences.closure())["components"]
    torch = next(part for part in parts if part["name"] == "torch")
    assert torch["purl"].startswith("pkg:pypi/torch@")
    assert all(part["version"] and part["licenses"][0]["license"]["name"] for part in parts)
