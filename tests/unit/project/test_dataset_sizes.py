"""The size of a dataset, as it is known before its works are read."""

import json

import pytest

from artpipe.config.params import DatasetEntry
from artpipe.project.dataset_sizes import measure_dataset


@pytest.fixture
def entry():
    """Return the entry of a folder of which a tenth is for validation and a fifth for tests."""
    preprocess = {"validation": 0.1, "test": 0.2}
    return DatasetEntry(medium="picture", source="folder", path="works", about={}, ingest={}, preprocess=preprocess)


def write(path, content) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def test_files_of_a_folder_are_its_works(tmp_path, entry):
    """Ten files of 100 kB: ten works, one megabyte, seven to train on, one held out."""
    for number in range(10):
        write(tmp_path / "works" / f"{number}.png", "x" * 100_000)
    assert measure_dataset(tmp_path, "own", entry) == (10, 1.0, 7, 1, ())


def test_a_package_has_the_works_that_ingest_found(tmp_path, entry):
    """A pin card says nothing of its works; after an ingest they are known."""
    write(tmp_path / "works.yaml", "about: {}")
    card = entry.model_copy(update={"path": "works.yaml"})
    assert measure_dataset(tmp_path, "own", card)[:2] == (500, 0.0)
    write(tmp_path / "data/works/own/works.json", {"count": 70_000})
    assert measure_dataset(tmp_path, "own", card)[:2] == (70_000, 0.0)


def test_shards_say_rows_and_classes(tmp_path, entry):
    """What preprocess wrote counts more than shares of the works."""
    shards = {"counts": {"train": 30, "validation": 4}, "spec": {"classes": ["a", "b"]}}
    write(tmp_path / "data/shards/own/shards.json", shards)
    assert measure_dataset(tmp_path, "own", entry)[2:] == (30, 4, ("a", "b"))


def test_a_broken_card_is_none(tmp_path, entry):
    """It is as if nothing were known."""
    write(tmp_path / "data/works/own/works.json", "{")
    write(tmp_path / "data/shards/own/shards.json", "[]")
    assert measure_dataset(tmp_path, "own", entry) == (500, 0.0, 350, 50, ())
