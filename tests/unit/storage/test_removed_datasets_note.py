"""What is said of removed datasets."""

from pathlib import Path

from artpipe.storage.dvc_cache import write_object
from artpipe.storage.dvc_command import hash_folder, make_listing
from artpipe.storage.removed_datasets import RemovedDataset, describe_removed, save_removed
from artpipe.system.hashing import md5_bytes


def remove(root: Path, name: str, md5: str = "") -> None:
    """Write the note on a removed dataset."""
    save_removed(RemovedDataset(name=name, removed=0, path="x", has_files=True, md5=md5, entry={}, models={}), root)


def test_removed_datasets_are_named(tmp_path):
    """Each by its name, and nothing where none was removed."""
    assert describe_removed(["0" * 32], tmp_path) == ""
    for name in ("rooma", "roomb"):
        remove(tmp_path, name)
    said = describe_removed(["0" * 32], tmp_path)
    assert said.startswith("removed datasets may hold it in other bytes or in archives: rooma, roomb; ")


def test_who_holds_the_very_file_is_said(tmp_path):
    """In DVC's cache, and beside the note."""
    (tmp_path / ".dvc").mkdir()
    for name, content in (("cached", b"the work"), ("another", b"another")):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "a.png").write_bytes(content)
        write_object(tmp_path / ".dvc/cache", hash_folder(folder), make_listing(folder))
        remove(tmp_path, name, hash_folder(folder))
    remove(tmp_path, "beside")
    (tmp_path / ".state/removed/beside/x.png").write_bytes(b"the work")
    said = describe_removed([md5_bytes(b"the work")], tmp_path)
    assert "still hold it: beside, cached; " in said
    assert "in archives: another; " in said
