"""Captions of a dataset reach its shards, from wherever people keep them; other datasets are as they were."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from artpipe.artifacts import paths
from artpipe.artifacts.caption_columns import decode_texts
from artpipe.artifacts.shards import SPLITS, ShardSet
from artpipe.artifacts.works import Works
from artpipe.ingest import ingest_dataset
from artpipe.numerics.caption_tokens import tokenise_caption
from artpipe.preprocess import preprocess_dataset
from artpipe.project.detection import choose_ingest, describe_summary, inspect_input

ENTRY = """
format: 2
seed: 1
datasets:
  mine: {{medium: picture, source: folder, path: datasets/mine, about: {{}}, ingest: {ingest}, preprocess: {preprocess}}}
models: {{}}
evaluation: {{metrics: []}}
gallery: {{sections: []}}
"""


def make_picture(seed: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 256, (16, 16, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def read_captions(tmp_path, monkeypatch):
    """Ingest and preprocess 9 pictures with further files; return the texts by place, None without a column."""
    monkeypatch.chdir(tmp_path)

    def run(files: dict[str, str], ingest: str = "{}", preprocess: str = "{size: 8}") -> dict[int, str] | None:
        folder = Path("datasets/mine")
        folder.mkdir(parents=True, exist_ok=True)
        digests = {}
        for number in range(9):
            (folder / f"{number}.png").write_bytes(make_picture(number))
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        Path("params.yaml").write_text(ENTRY.format(ingest=ingest, preprocess=preprocess))
        ingest_dataset("mine")
        preprocess_dataset("mine")
        digests = {work.sha256: place for place, work in enumerate(Works.open(paths.works("mine")).rows())}
        shards, texts = ShardSet.open(paths.shards("mine")), {}
        if "captions" not in shards.spec.columns:
            return None
        for split in SPLITS:
            columns = shards.load(split)
            rows = zip(columns["digests"], columns["captions"], decode_texts(columns["caption_texts"]), strict=True)
            for digest, tokens, text in rows:
                assert (tokens.numpy() == tokenise_caption(text)).all()
                texts[digests[bytes(digest.tolist()).hex()]] = text
        return texts

    return run


def test_a_table_has_captions(read_captions):
    """Its column `text`; a work without one goes by its label, then by its title, then by nothing."""
    rows = ["file_name,text,label,title", "0.png,a red hat,hat,", "1.png,,shoe,Shoes", "2.png,,,Une botte"]
    texts = read_captions({"metadata.csv": "\n".join(rows)})
    assert texts == {0: "a red hat", 1: "shoe", 2: "Une botte", **dict.fromkeys(range(3, 9), "")}


def test_files_beside_pictures_have_captions(read_captions):
    """`NAME.txt` beside `NAME.png`; a Chinese caption too."""
    texts = read_captions({f"{number}.txt": f"a hat, number {number} 红心\n" for number in range(9)})
    assert texts == {number: f"a hat, number {number} 红心" for number in range(9)}


def test_tiles_have_the_caption_of_their_work(read_captions):
    """Each of four."""
    texts = read_captions({"0.txt": "a hat", "1.txt": "a shoe", "2.txt": "a boot"}, preprocess="{size: 8, tiles: 4}")
    assert texts is not None
    assert (texts[0], texts[2], texts[3]) == ("a hat", "a boot", "")


@pytest.mark.nightly
def test_without_captions_there_is_no_column(read_captions):
    """Titles and labels make none, unless `ingest.captions: titles` says so; `ignore` makes none of any."""
    table = {"metadata.csv": "file_name,label,title\n0.png,hat,A hat\n1.png,shoe,\n"}
    assert read_captions(table) is None
    assert [file.name for file in sorted(paths.works("mine").iterdir())] == [
        *("works-00000.tar", "works.json", "works.json.sha256", "works.parquet"),
    ]
    texts = read_captions(table, ingest="{captions: titles}")
    assert texts is not None
    assert (texts[0], texts[1], texts[2]) == ("A hat", "shoe", "")
    assert read_captions({"0.txt": "a hat", "1.txt": "a shoe"}, ingest="{captions: ignore}") is None


@pytest.mark.parametrize(
    ("columns", "words", "ingest"),
    [
        ("title", "9 pictures with titles", {"captions": "titles"}),
        ("title,text", "9 pictures with captions", {}),
        ("title,label", "9 pictures; 9 classes", {}),
    ],
)
def test_a_new_dataset_goes_by_titles_where_it_has_nothing_else(tmp_path, columns, words, ingest):
    """What was said goes before it."""
    names = columns.split(",")
    rows = [",".join([f"{number}.png", *(f"{name} {number}" for name in names)]) for number in range(9)]
    (tmp_path / "metadata.csv").write_text("\n".join([f"file_name,{columns}", *rows]))
    for number in range(9):
        (tmp_path / f"{number}.png").write_bytes(make_picture(number))
    summary = inspect_input(tmp_path)
    assert describe_summary(summary).startswith(f"understood as {words}")
    assert choose_ingest(summary, None) == ingest
    assert choose_ingest(summary, {"captions": "ignore"}) == {"captions": "ignore"}
