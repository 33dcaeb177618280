"""Tables lose the rows of some works, and keep every other byte."""

import json

import pytest

from artpipe.errors import UserError
from artpipe.layout.table_editing import drop_table_rows

ROWS = 'a/one.png,First,"two\nlines"\r\na/two.png,"Second, with a comma",x\r\nb/three.png,Third,y\r\n'


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_csv_keeps_its_other_bytes(mark):
    """Quotes, line ends, lines within a field and the byte order mark stay."""
    data = mark + f"file_name,title,note\r\n{ROWS}".encode()
    kept = data.replace(b'a/two.png,"Second, with a comma",x\r\n', b"")
    assert drop_table_rows("metadata.csv", data, {"a/two.png"}) == kept
    assert drop_table_rows("metadata.csv", kept, {"a/two.png"}) == kept
    first = data.replace(b'a/one.png,First,"two\nlines"\r\n', b"")
    assert drop_table_rows("metadata.csv", data, {"a/one.png"}) == first


def test_a_table_in_a_folder_names_files_from_there():
    """In `a/metadata.csv` the file `two.png` is `a/two.png`; UTF-16 stays UTF-16."""
    text = "file_name\ttitle\none.png\t一\ntwo.png\t二\n"
    data = drop_table_rows("a/metadata.tsv", text.encode("utf-16"), {"a/two.png"})
    assert data.decode("utf-16") == "file_name\ttitle\none.png\t一\n"
    assert drop_table_rows("b/metadata.tsv", text.encode("utf-16"), {"a/two.png"}).decode("utf-16") == text


def test_json_lines_lose_a_line():
    """The others are the same lines; blank ones behind it go with it."""
    data = b'{"file_name": "one.png", "title": "A"}\n\n{"file_name": "two.png"}\n'
    assert drop_table_rows("metadata.jsonl", data, {"one.png"}) == b'{"file_name": "two.png"}\n'


def test_pairs_captions_and_lists_lose_theirs():
    """StyleGAN's labels, COCO's pictures with their annotations, VOC's lists."""
    labels = json.dumps({"labels": [["0/one.png", 3], ["0/two.png", 4]]}).encode()
    assert json.loads(drop_table_rows("dataset.json", labels, {"0/one.png"})) == {"labels": [["0/two.png", 4]]}
    coco = {
        "images": [{"id": 7, "file_name": "one.png"}, {"id": 8, "file_name": "two.png"}],
        "annotations": [{"image_id": 7, "caption": "A"}, {"image_id": 8, "caption": "B"}],
    }
    edited = json.loads(drop_table_rows("captions_train.json", json.dumps(coco).encode(), {"train/one.png"}))
    assert edited == {"images": coco["images"][1:], "annotations": coco["annotations"][1:]}
    assert drop_table_rows("ImageSets/Main/train.txt", b"one 1\ntwo -1\n", {"JPEGImages/one.jpg"}) == b"two -1\n"


def test_rows_of_namesakes_stay():
    """Whole paths are compared, from the table's folder; a name alone counts where no other work has it."""
    coco = {"images": [{"id": 7, "file_name": "w.png"}], "annotations": [{"image_id": 7, "caption": "A"}]}
    data = json.dumps(coco).encode()
    works: dict = {"dropped": {"train/w.png"}, "staying": {"valid/w.png"}}
    for table, stays in {
        "train/_annotations.coco.json": False, "valid/_annotations.coco.json": True,
        "annotations/captions_train.json": False, "annotations/captions_valid.json": True,
        "captions_train.json": False, "x/captions_train.json": True,
    }.items():  # fmt: skip
        assert (drop_table_rows(table, data, **works) == data) == stays
    pairs = {"labels": [["anna/w.png", 3], ["w.png", 4]]}
    for dropped, staying, left in (("anna/w.png", "w.png", 1), ("w.png", "anna/w.png", 0)):
        edited = json.loads(drop_table_rows("dataset.json", json.dumps(pairs).encode(), {dropped}, staying={staying}))
        assert edited == {"labels": [pairs["labels"][left]]}
    lists: dict = {"dropped": {"a/JPEGImages/w.jpg"}, "staying": {"b/JPEGImages/w.jpg"}}
    assert drop_table_rows("a/ImageSets/Main/train.txt", b"w 1\nx 1\n", **lists) == b"x 1\n"
    assert drop_table_rows("b/ImageSets/Main/train.txt", b"w 1\nx 1\n", **lists) == b"w 1\nx 1\n"


def test_other_files_stay():
    """What is no table is not touched, and a table that names none of them is the same bytes."""
    assert drop_table_rows("notes.txt", b"one.png", {"one.png"}) == b"one.png"
    assert drop_table_rows("dataset.json", b"{ }", {"one.png"}) == b"{ }"


def test_a_broken_table_is_one_line():
    """It has its place, and nothing is taken for a row."""
    with pytest.raises(UserError, match=r"metadata\.csv"):
        drop_table_rows("metadata.csv", b'file_name\n"one.png\n', {"one.png"})
