"""What is said of removed datasets."""

from artpipe.storage.removed_datasets import RemovedDataset, describe_removed, save_removed


def test_removed_datasets_are_named(tmp_path):
    """Each by its name, and nothing where none was removed."""
    assert describe_removed(tmp_path) == ""
    for name in ("rooma", "roomb"):
        save_removed(
            RemovedDataset(name=name, removed=0, path="x", has_files=True, md5="", entry={}, models={}), tmp_path
        )
    assert describe_removed(tmp_path).startswith("removed datasets were not looked into (rooma, roomb); ")
