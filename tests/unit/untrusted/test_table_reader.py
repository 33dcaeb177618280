"""Tables as spreadsheets and other programs save them: each is read, or one line says which row and what to do."""

import csv
import io
from contextlib import closing

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from artpipe.config.params import DatasetEntry
from artpipe.errors import UserError
from artpipe.sources import archive, folder
from artpipe.untrusted.metadata import METADATA_FILES, UNREAD_TABLES, Metadata, read_metadata
from tests.conftest import scale_examples
from tests.unit.untrusted.archives.test_archive_formats import placed, zipped

TABLE = "file_name,title,creator\r\na.png,Square 1,Zoë\r\nb.png,Café au lait,André\r\n"
ROWS = [("a.png", {"title": "Square 1", "creator": "Zoë"}), ("b.png", {"title": "Café au lait", "creator": "André"})]
SAVED = {
    "a mark": TABLE.encode("utf-8-sig"),
    "UTF-16 with tabs": TABLE.replace(",", "\t").encode("utf-16"),
    "UTF-16, the other end first": b"\xfe\xff" + TABLE.encode("utf-16-be"),
    "UTF-16 without a mark": TABLE.encode("utf-16-le"),
    "semicolons": TABLE.replace(",", ";").encode(),
    "tabs": TABLE.replace(",", "\t").encode(),
    "bars": TABLE.replace(",", "|").encode(),
    "Excel's own first line": b"sep=;\r\n" + TABLE.replace(",", ";").encode(),
    "the same with a comma, marked": b"\xef\xbb\xbf" + b"sep=,\n" + TABLE.encode(),
    "line ends of an old Mac": TABLE.replace("\r\n", "\r").encode(),
    "line ends of Unix": TABLE.replace("\r\n", "\n").encode(),
    "blank rows": ("\r\n,,\r\n" + TABLE.replace("\r\n", "\r\n\r\n") + ",,\r\n  , ,\r\n\r\n").encode(),
    "separators at the end": TABLE.replace("\r\n", ",,,\r\n").encode(),
    "columns in capitals and blanks": TABLE.replace("file_name,title,creator", " FILE_NAME , Title,CREATOR ").encode(),
    "columns in quotes": TABLE.replace("file_name,title,creator", '"file_name" , "title",\'creator\'').encode(),
    "everything in quotes": ('"' + TABLE.strip().replace(",", '","').replace("\r\n", '"\r\n"') + '"').encode(),
}


def read(data, name="metadata.csv", **said):
    return list(read_metadata(data, name, **said))


@pytest.mark.parametrize("how", SAVED)
def test_a_table_is_read_however_it_was_saved(how):
    """The rows are the same."""
    assert read(SAVED[how]) == ROWS


WORDS = {
    "cp1252": ("Café au lait", "Søren Ångström", "Zoë"),
    "gbk": ("山水画", "张大千", "齐白石"),
    "big5": ("山水畫", "臺灣風景", "張大千"),
    "shift_jis": ("富嶽三十六景", "猫のえ", "北斎"),
    "euc_kr": ("고양이 사진", "강아지", "김홍도"),
    "cp1251": ("Утро в лесу", "Девятый вал", "Шишкин"),
}


@pytest.mark.parametrize("encoding", WORDS)
@pytest.mark.parametrize("how", ["guessed", "named"])
def test_a_table_in_a_code_page_is_read_and_noted(encoding, how):
    """Where it is beyond doubt, or said."""
    lines = "file_name;title\n" + "".join(f"{n}.png;{word}\n" for n, word in enumerate(WORDS[encoding]))
    rows = read(lines.encode(encoding), names=encoding if how == "named" else "")
    notes = [f"metadata.csv read as {encoding}"]
    assert rows == [(f"{n}.png", {"title": word, "notes": notes}) for n, word in enumerate(WORDS[encoding])]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"file_name,title\na.png,x\nb.png,\xe9\n", r"metadata.csv: not UTF-8 \(byte 30\), in line 3; save it as `CSV UTF-8`, or name its"),
        ("file_name,title\na.png,Zoë Zoë Zoë\nb.png,".encode() + b"\xe9\n", "in line 3"),
        (b'file_name,title\na.png,"two\r\nlines"\n,oops\n', "metadata.csv:4: no `file_name`"),
        (b"\n\nfile_name,title\na.png,Hello, world\n", "metadata.csv:4: 2 columns, and a field ` ?world` beyond them"),
        (b'sep=;\nfile_name;title\na.png;x\nb.png;"open\nc.png;y\n', "metadata.csv:4: not CSV: a quote opens in this row"),
        (b"PK\x03\x04\x14\0", "an Excel or OpenDocument workbook under another name; save it as `CSV UTF-8`"),
        (b"PAR1\x15\x04", "a Parquet file under another name"),
        (b"\xff\xfea\0b", "damaged as UTF-16"),
    ],
)  # fmt: skip
def test_what_is_not_understood_is_one_line_with_its_row(data, message):
    """The row is that of the file, blank lines, line ends in quotes and Excel's first line counted."""
    with pytest.raises(UserError, match=message) as raised:
        read(data)
    assert "\n" not in str(raised.value)


def test_an_encoding_that_does_not_fit_is_said():
    """Named, but the bytes are no such text."""
    with pytest.raises(UserError, match=r"not UTF-8 \(byte 16\) nor euc_jp, in line 3"):
        read(b"file_name\n1.png\n\xff\xff.png\n", names="euc_jp")


@pytest.mark.parametrize("column", ["filename", "File", "IMAGE", "path", "image_path", "image_file_name", "File Name"])
def test_other_names_of_the_column_are_understood_and_noted(column):
    """The convention's own goes before them."""
    notes = [f"file name from column `{column}` of metadata.csv"]
    assert read(f"title,{column}\nA,a.png\n".encode()) == [("a.png", {"title": "A", "notes": notes})]
    assert read(f"{column},file_name\nx,a.png\n".encode()) == [("a.png", {})]


@pytest.mark.parametrize("column", ["caption", "text", "Prompt"])
def test_words_on_a_picture_are_its_caption(column):
    """The usual three names of the column; the first of them counts where more are there."""
    assert read(f"file_name,{column}\na.png,a cat\n".encode()) == [("a.png", {"caption": "a cat"})]
    assert read(b"text,caption,prompt,file_name\nx,a cat,y,a.png\n") == [("a.png", {"caption": "a cat"})]


def test_years_are_whole_and_formulas_are_text():
    """A spreadsheet makes 1889.0 of a year once a cell is empty; nothing is ever computed."""
    table = b"file_name,year,title\na.png,1889.0,=1+1\nb.png,c. 1889.0,@SUM(A1)\n"
    assert read(table) == [
        ("a.png", {"year": "1889", "title": "=1+1"}),
        ("b.png", {"year": "c. 1889.0", "title": "@SUM(A1)"}),
    ]
    lines = b'\xef\xbb\xbf{"file_name": "a.png", "year": 1889.0, "text": "a cat"}\r\n\r\n'
    assert read(lines, "metadata.jsonl") == [("a.png", {"year": "1889", "caption": "a cat"})]


CELLS = st.text(st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t"), max_size=9)


@given(
    st.lists(st.tuples(st.from_regex(r"[a-z]{1,5}\.png", fullmatch=True), CELLS, CELLS), min_size=1, max_size=5),
    st.sampled_from(",;\t|"),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
@settings(max_examples=scale_examples(150), deadline=None)
def test_what_pandas_writes_is_read(rows, separator, encoding, end, quoting):
    """Any separator, mark and line end; each cell is what pandas reads back, without blanks around it."""
    frame = pd.DataFrame(rows, columns=["file_name", "title", "creator"])
    stream = io.BytesIO()
    frame.to_csv(stream, sep=separator, encoding=encoding, lineterminator=end, quoting=quoting, index=False)
    again = pd.read_csv(
        io.BytesIO(stream.getvalue()), sep=separator, encoding=encoding, dtype=str, keep_default_na=False
    )
    assume(len(again) == len(rows))
    wanted = [
        (name, {key: text.strip() for key, text in (("title", title), ("creator", creator)) if text.strip()})
        for name, title, creator in again.itertuples(index=False)
    ]
    assert read(stream.getvalue()) == wanted


def entry(path):
    return DatasetEntry.model_validate(
        {"medium": "picture", "source": "folder", "path": str(path), "about": {}, "ingest": {}, "preprocess": {}}
    )


def test_rows_that_differ_are_noted_and_the_last_one_counts():
    """Two rows of one file; a row that stands twice says nothing."""
    rows = read_metadata(b"file_name,label\na.png,cat\na.png,dog\nb.png,cat\nb.png,cat\n", "metadata.csv")
    with closing(Metadata(rows)) as metadata:
        assert metadata.find_fields("a.png") == {
            "label": "dog",
            "notes": ("rows of the metadata say different things; the last one counts",),
        }
        assert metadata.find_fields("b.png") == {"label": "cat"}


def test_splits_have_the_words_that_folders_have():
    """Another word is noted."""
    table = b"file_name,split\na.png,Training\nb.png,testing\nc.png,dev\nd.png,fold1\n"
    rows = dict(read_metadata(table, "x/metadata.csv"))
    assert [rows[f"{name}.png"].get("split") for name in "abcd"] == ["train", "test", "validation", None]
    assert rows["d.png"]["notes"] == ["`fold1` in metadata.csv is no split"]


@pytest.mark.parametrize("name", UNREAD_TABLES)
def test_a_table_that_is_not_read_is_named_unless_one_is_there_that_is(tmp_path, name):
    """In a folder and in an archive; beside metadata.csv it is only where that came from."""
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / name).write_bytes(b"x")
    path = placed(tmp_path, "a.zip", zipped({f"a/{name}": b"x"}))
    for source, place in ((folder.SOURCE, tmp_path / "a"), (archive.SOURCE, path)):
        with pytest.raises(UserError, match=f"{name}: not a table that is read .*metadata.csv"):
            source.check(entry(place))
    for known in METADATA_FILES:
        (tmp_path / "a" / known).write_bytes(b"")
        with pytest.raises(UserError, match="no picture files"):
            folder.SOURCE.check(entry(tmp_path / "a"))
        with pytest.raises(UserError, match="no picture files"):
            archive.SOURCE.check(entry(placed(tmp_path, "b.zip", zipped({f"a/{name}": b"x", f"a/{known}": b""}))))
        (tmp_path / "a" / known).unlink()
