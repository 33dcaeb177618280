"""Works are taken out of a dataset's own files, of whatever form; a second time changes nothing."""

import io
import json
import tarfile
from pathlib import Path

import pytest

from artpipe.config.params import DatasetEntry
from artpipe.project.forgetting.source_removal import is_own_source, remove_from_source
from artpipe.system.hashing import sha256_bytes


def entry(path: str, medium: str = "picture", source: str = "folder", **ingest) -> DatasetEntry:
    fields = {"medium": medium, "source": source, "path": path, "about": {}, "ingest": ingest, "preprocess": {}}
    return DatasetEntry.model_validate(fields)


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    monkeypatch.chdir(tmp_path)
    path = Path("datasets/mine")
    path.mkdir(parents=True)
    return path


def write(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


def names(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_notes_beside_a_work_go_with_it(folder):
    """Captions, labels in a folder of their own, JSON by the whole name; those of others stay, and no empty folder is left."""
    write(folder, {
        "images/one.png": b"one", "images/two.png": b"two", "labels/one.txt": b"x", "labels/two.txt": b"y",
        "images/one.png.json": b"{}", "images/one.xml": b"<a/>", "alone/copy.png": b"one",
    })  # fmt: skip
    assert remove_from_source(entry("datasets/mine"), {sha256_bytes(b"one")}, {"images/one.png"}) == 5
    assert names(folder) == {"images/two.png", "labels/two.txt"}
    assert not (folder / "alone").exists()
    assert remove_from_source(entry("datasets/mine"), {sha256_bytes(b"one")}, {"images/one.png"}) == 0


def test_a_file_of_many_works_loses_some(folder):
    """By content, whatever the number: after a first try numbers are others', and no other work may go."""
    lines = [json.dumps({"text": f"poem {number}", "title": f"t{number}"}) + "\n" for number in range(5)]
    write(folder, {"poems.jsonl": "".join(lines).encode(), "more.txt": b"one\n\n\ntwo\n\n\nthree"})
    texts = entry("datasets/mine", "text", separator="\n\n\n")
    digests = {sha256_bytes(b"poem 2"), sha256_bytes(b"two")}
    for _ in range(2):
        remove_from_source(texts, digests, {"poems.jsonl#00002", "more.txt#00001"})
        assert (folder / "poems.jsonl").read_text() == "".join(lines[:2] + lines[3:])
        assert (folder / "more.txt").read_bytes() == b"one\n\n\nthree"
    remove_from_source(texts, {sha256_bytes(b"one"), sha256_bytes(b"three")}, set())
    assert names(folder) == {"poems.jsonl"}


def test_an_archive_in_a_folder_of_archives(folder):
    """A shard is written anew without the work and its note."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in (("a.png", b"a"), ("a.txt", b"about a"), ("b.png", b"b"), ("b.txt", b"about b")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    write(folder, {"000.tar": buffer.getvalue(), "001.tar": buffer.getvalue().replace(b"about a", b"ABOUT A")})
    removed = remove_from_source(entry("datasets/mine"), {sha256_bytes(b"a")}, {"000.tar/a.png", "001.tar/a.png"})
    assert removed == 4
    for shard in folder.iterdir():
        with tarfile.open(shard) as archive:
            assert archive.getnames() == ["b.png", "b.txt"]
        assert b"bout a" not in shard.read_bytes().lower()


def test_what_is_not_the_project_s_is_left_alone(folder, tmp_path):
    """A package's card, and a folder outside of datasets/, are not changed."""
    assert is_own_source(entry("datasets/mine"))
    assert is_own_source(entry("datasets/mine.zip", source="archive"))
    assert not is_own_source(entry("datasets/mine.yaml", source="package"))
    assert not is_own_source(entry(str(tmp_path / "elsewhere")))
