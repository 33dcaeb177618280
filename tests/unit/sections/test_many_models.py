"""The entrance of a museum of many models."""

import shutil
from pathlib import Path
from types import SimpleNamespace as Thing

from artpipe.gallery import build_gallery
from artpipe.sections import rooms
from tests.support.museums import find_built_museum


def test_rooms_take_turns_until_enough_models_hang():
    """A small room shows all it has, the large ones share what is left; none is shown twice."""
    sizes = {"large": 300, "small": 5, "middle": 60}
    museum = [
        Thing(name=name, artists=[Thing(name=f"{name}-{n}") for n in range(size)]) for name, size in sizes.items()
    ]
    hanging = rooms._choose_models(museum)
    assert {name: len(artists) for name, artists in hanging.items()} == {"large": 26, "small": 5, "middle": 25}
    assert [artist.name for artist in hanging["large"]] == [f"large-{n}" for n in range(26)]
    assert rooms._choose_models([]) == {}


def test_models_beyond_are_one_line(tmp_path, monkeypatch):
    """How many more there are, linked to the room's page, which shows them all; nothing is said where all hang."""
    root = Path(shutil.copytree(find_built_museum(), tmp_path / "museum"))
    index = root / "data/gallery/index.html"
    assert "in this room" not in index.read_text()
    monkeypatch.setattr(rooms, "_MAXIMUM_MODELS", 2)
    (root / "data/gallery/gallery.json").unlink()
    build_gallery(root)
    assert '<a href="datasets/digits/index.html">One more model hangs in this room</a>' in index.read_text()
    assert "models/digits-vae/index.html" not in index.read_text()
    assert "models/digits-vae/index.html" in (root / "data/gallery/datasets/digits/index.html").read_text()
