"""Works are taken out of a dataset's own files, of whatever form; a second time changes nothing."""

import io
import json
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artpipe.artifacts.works import Provenance, Work
from artpipe.config.params import DatasetEntry
from artpipe.errors import UserError
from artpipe.modalities.picture.decoder import perceptual_hash
from artpipe.project.forgetting.held_works import HeldWork
from artpipe.project.forgetting.plan_source_removal import plan_source_removal
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


def test_works_go_by_their_bytes_alone(folder):
    """A file of the name with other bytes is another work, and stays."""
    write(folder, {"a.png": b"another", "b.png": b"one"})
    assert remove_from_source(entry("datasets/mine"), {sha256_bytes(b"one")}, {"a.png"}) == 1
    assert names(folder) == {"a.png"}


def test_notes_of_a_namesake_stay(folder):
    """A note goes where no other work has its stem in the folder; one in a folder of notes, where none has it at all."""
    write(folder, {
        "a.png": b"one", "a.jpg": b"two", "a.txt": b"of both", "a.png.json": b"{}", "x/b.png": b"one",
        "x/b.txt": b"x", "y/b.png": b"two", "y/b.txt": b"y",
    })  # fmt: skip
    going, staying = {"a.png", "x/b.png"}, {"a.jpg", "y/b.png"}
    assert remove_from_source(entry("datasets/mine"), {sha256_bytes(b"one")}, going, staying) == 4
    assert names(folder) == {"a.jpg", "a.txt", "y/b.png", "y/b.txt"}


def test_namesakes_are_listed_and_notes_and_masks_are_none(folder):
    """They are works of the name or stem in other folders or formats."""
    picture = draw_picture(1)
    masks = {f"masks/w{number}.png": draw_picture(9 + number) for number in range(3)}
    works = {f"images/w{number}.png": draw_picture(2 + number) for number in range(3)}
    write(folder, {**works, **masks, "images/w1.jpg": picture, "other/W1.png": picture, "labels/w1.txt": b"x"})
    removal = plan_source_removal("mine", entry("datasets/mine"), [hold("images/w1.png", works["images/w1.png"])], [])
    assert set(removal.staying) == {"images/w1.jpg", "other/W1.png"}
    assert removal.names == ("images/w1.png",)


def test_a_changed_file_is_refused_in_one_line(folder):
    """A work's bytes, a copy's bytes, and a near copy's look are compared with what was ingested."""
    work, other = draw_picture(1), draw_picture(2)
    with Image.open(io.BytesIO(work)) as image:
        image.save(buffer := io.BytesIO(), "BMP")
    write(folder, {"a.png": work, "copy.png": work, "near.bmp": buffer.getvalue(), "z.png": other})
    held = [hold("a.png", work, phash=perceptual_hash(Image.open(io.BytesIO(work))))]
    copies = ["copy.png", "near.bmp", "gone.png"]
    removal = plan_source_removal("mine", entry("datasets/mine"), held, copies)
    assert set(removal.digests) == {sha256_bytes(work), sha256_bytes(buffer.getvalue())}
    for name in ("a.png", "copy.png", "near.bmp"):
        before = (folder / name).read_bytes()
        (folder / name).write_bytes(other)
        line = f"datasets/mine/{name} changed since it was ingested; run `artpipe run ingest@mine` first"
        with pytest.raises(UserError, match=f"^{re.escape(line)}$"):
            plan_source_removal("mine", entry("datasets/mine"), held, copies)
        (folder / name).write_bytes(before)


def draw_picture(seed: int) -> bytes:
    """Return noise as a PNG."""
    pixels = np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    Image.fromarray(pixels).resize((48, 48), Image.Resampling.NEAREST).save(buffer := io.BytesIO(), "PNG")
    return buffer.getvalue()


def hold(name: str, data: bytes, phash: int = 0) -> HeldWork:
    """Return a work of the dataset as its record has it."""
    sha256 = sha256_bytes(data)
    work = Work(**dict.fromkeys(Work._fields) | {"sha256": sha256, "phash": f"{phash:016x}" if phash else ""})
    return HeldWork("mine", work, Provenance(**dict.fromkeys(Provenance._fields) | {"name": name}), sha256)


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
