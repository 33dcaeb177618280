"""The script of three.js in the museum is what its maker makes of the pinned version."""

import importlib.util
import json
import re
import shutil
from pathlib import Path

import pytest

MAKER = Path(__file__).parents[2] / "golden/make_three.py"


@pytest.fixture(scope="module")
def maker():
    spec = importlib.util.spec_from_file_location("make_three", MAKER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_says_its_version_and_licence(maker):
    """Those of package.json and of the MIT License, before the first line of code."""
    head = maker.SCRIPT.read_text()[:1500]
    pinned = json.loads((maker.SOURCE / "package.json").read_text())["dependencies"]["three"]
    assert head.startswith(f"/* three.js {pinned}\n\nThe MIT License\n")
    assert "var artpipeThree=" in head


def test_it_exports_what_the_walkthrough_uses(maker):
    """Every name that walkthrough_scene.js and walkthrough.js take of it is named in entry.mjs, and nothing else is."""
    scripts = "".join(
        (maker.THEME / "assets" / name).read_text() for name in ("walkthrough_scene.js", "walkthrough.js")
    )
    used = {*re.findall(r"\bT\.([A-Z]\w+)", scripts), *re.findall(r"\bartpipeThree\.(\w+)", scripts)}
    exported = re.search(r"export \{(.*?)\}", (maker.SOURCE / "entry.mjs").read_text(), re.DOTALL)[1]
    assert used == {*re.findall(r"\w+", exported)}


@pytest.mark.nightly
@pytest.mark.skipif(shutil.which("npm") is None, reason="npm makes it")
def test_npm_makes_the_same_bytes(maker):
    """Bundled again from npm, it is the file that is here."""
    assert maker.bundle() == maker.SCRIPT.read_bytes()
