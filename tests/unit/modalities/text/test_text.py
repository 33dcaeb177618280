"""Text: files of many works, what is no text, characters as tokens, rows in which every character is asked for once."""

import json
from collections import Counter
from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from artpipe.artifacts import paths
from artpipe.artifacts.shards import SPLITS, ShardSet
from artpipe.artifacts.works import Record, Works
from artpipe.config.params import IngestParams
from artpipe.contracts.special_tokens import END, PAD, SPECIAL_TOKENS, START, UNKNOWN
from artpipe.ingest import ingest_dataset
from artpipe.language.sentences import read_sentence
from artpipe.modalities.text import decode_work, is_text_file, prepare_text, split_file
from artpipe.preprocess import preprocess_dataset
from artpipe.preprocessing.token_rows import cut_rows
from artpipe.untrusted.record_files import read_records
from artpipe.untrusted.rejection import RejectedError

PARAMS = """\
format: 2
seed: 1
datasets:
  poems:
    {{medium: text, source: folder, path: datasets/poems, about: {{}}, ingest: {ingest}, preprocess: {preprocess}}}
models: {{}}
evaluation: {{metrics: []}}
gallery: {{sections: []}}
"""
CUT = "unterminated string starting at character 10"
POEMS = [f"line {letter} of a poem,\nand {letter * 3} again." for letter in "abcdefghijkl"]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """Return a function that writes files of poems and their params.yaml, and works in their folder."""
    monkeypatch.chdir(tmp_path)

    def make(files, ingest="{}", preprocess="{length: 16, fewest: 1}"):
        (tmp_path / "datasets/poems").mkdir(parents=True)
        for name, data in files.items():
            (tmp_path / "datasets/poems" / name).write_bytes(data if isinstance(data, bytes) else data.encode())
        (tmp_path / "params.yaml").write_text(PARAMS.format(ingest=ingest, preprocess=preprocess))

    return make


@given(st.lists(st.integers(4, 90), min_size=1, max_size=60), st.integers(8, 20))
def test_rows_ask_for_every_token_once(tokens, length):
    """Rows overlap by the token that is given: what they predict, in order, is the work without its first token."""
    rows = cut_rows(tokens, length)
    assert all(len(row) == length + 1 for row in rows)
    asked = [token for row in rows for token in row[1:] if token != PAD]
    assert asked == tokens[1:]
    assert all(before[-1] == after[0] for before, after in pairwise(rows))


def said_of(record):
    """Return a record with its notes as they are read."""
    name, content, fields = record
    return name, content, {**fields, "notes": tuple(map(read_sentence, fields["notes"]))}


def test_lines_of_json_are_works_with_their_fields():
    """An object's text is the work, its other known fields go along; a bad line costs that line alone."""
    lines = b'{"title": "Dawn", "author": "Li Bai", "text": "one"}\n"two"\n{"text": "thr\n{"paragraphs": ["a", "b"]}\n'
    found = list(read_records("x.jsonl", lines))
    assert found[0] == ("#00000", "one", {"title": "Dawn", "creator": "Li Bai"})
    assert found[1][1:] == ("two", {})
    assert said_of(found[2]) == ("#00002", b"", {"rejected": "damaged", "notes": (f"line 3 is no JSON: {CUT}",)})
    assert found[3][1] == "a\nb"


def test_json_that_cannot_be_read_says_where():
    """No JSON, another encoding, nesting without end: place and cause, never a work of braces."""
    told = [
        (b'["one",\n"two', "no JSON: unterminated string starting at line 2, character 1"),
        (b'["\xff"]', "no JSON: byte 2 is not UTF-8"),
        (b"[" * 200_000, "no JSON: too deeply nested"),
    ]
    for data, said in told:
        assert list(map(said_of, read_records("x.json", data))) == [
            ("", b"", {"rejected": "damaged", "notes": (said,)})
        ]


def test_a_record_without_text_says_what_it_has():
    """The names of an object, and those that its text may have; what else stands there."""
    lines = b'{"title": "Dawn", "txt": "one"}\n17\nnull\n["a", 3]\n{}\n'
    details = [read_sentence(part.fields["notes"][0]) for part in split_file("x.jsonl", lines, IngestParams())]
    assert details[0].startswith("an object of `title`, `txt`; its text should be named `text`, `paragraphs`")
    assert details[1:] == [f"{what} where text should be" for what in ("a number", "null", "a list", "an object")]


def test_text_marked_as_utf16_can_be_cut():
    """A separator and lines of JSON are found in UTF-16 too."""
    assert [one for _, one, _ in read_records("x.txt", "one\n\ntwo".encode("utf-16"), "\n\n")] == [b"one", b"two"]
    assert [one for _, one, _ in read_records("x.jsonl", '"one"\n"two"'.encode("utf-16"))] == ["one", "two"]


@pytest.mark.parametrize(
    ("text", "encoding", "named"),
    [
        ("床前明月光，疑是地上霜。", "gbk", "GB18030"),
        ("舉頭望明月，低頭思故鄉。", "big5", "BIG5"),
        ("Größe bringt", "latin-1", "WINDOWS-1252"),
        ("Мороз и солнце", "cp1251", "WINDOWS-1251"),
        ("春は曙。やうやう", "shift_jis", "SHIFT_JIS"),
    ],
)
def test_text_too_short_to_tell_its_encoding_says_how_it_is_read(text, encoding, named):
    """The place of the byte, what it may be, and the option that reads it so."""
    data = text.encode(encoding)
    with pytest.raises(RejectedError) as caught:
        decode_work(data)
    assert "is not UTF-8, and it is too short to be sure of" in read_sentence(caught.value.detail)
    assert named in read_sentence(caught.value.detail)
    assert read_sentence(caught.value.detail).endswith("reads it so")
    found, notes = decode_work(data, named.lower())
    assert (found, list(map(read_sentence, notes))) == (text, [f"read as {named}"])


def test_json_of_music_is_no_text():
    """Lists of lists of numbers are rolls; lists of lines are poems."""
    starts = {
        b'{"train": [[[60,': False,
        b"[[[60, 55, 48], ": False,
        b'[["one", "two"],': True,
        b'["one", "two"]': True,
    }
    assert {start: is_text_file(start, "x.json") for start in starts} == starts


def test_json_by_split_keeps_the_official_splits():
    """An object of lists named train, valid and test says which work is for what."""
    data = json.dumps({"train": ["a", "b"], "valid": ["c"], "test": [[[60, 64], [62]]]}).encode()
    found = {name: (content, fields.get("split")) for name, content, fields in read_records("x.json", data)}
    assert found["#valid-00000"] == ("c", "validation")
    assert found["#test-00000"] == ([[60, 64], [62]], "test")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("blank", ["", " ", "\t ", "\u00a0", "\u3000", "\ufeff", "\f", "\u200b"])
def test_lines_of_blanks_are_empty_on_every_system(end, blank):
    """Whatever ends a line, and whatever nothing an empty one is made of, poems are parted; blanks within stay."""
    text = f"one{end} two{end}{blank}{end}{blank}{end}three{end}{blank}{end}"
    assert [content for _, content, _ in read_records("x.txt", text.encode(), "\n\n")] == [b"one\n two", b"three"]
    assert len(list(read_records("x.txt", text.encode(), "\r\n\r\n"))) == 2


def test_a_separator_of_signs_may_have_blanks_behind_it():
    """Lines of asterisks, form feeds; and one that ends no line is taken as it is."""
    starred = b"one\r\n***\t\r\ntwo\r\n***\r\nthree"
    assert [content for _, content, _ in read_records("x.txt", starred, "\n***\n")] == [b"one", b"two", b"three"]
    assert [content for _, content, _ in read_records("x.txt", b"one\f\ntwo\fthree", "\f")] == [
        b"one",
        b"two",
        b"three",
    ]
    assert [content for _, content, _ in read_records("x.txt", b"a%%b", "%%")] == [b"a", b"b"]


@given(
    st.lists(st.text("ab \t\u00a0", min_size=1).filter(str.strip), min_size=1, max_size=9),
    st.sampled_from(["\n\n", "\n \n", "\n\n\t\n"]),
)
def test_no_line_is_lost_between_separators(lines, between):
    """Works come back in order, as they were."""
    found = [content.decode() for _, content, _ in read_records("x.txt", between.join(lines).encode(), "\n\n")]
    assert found == lines


def test_lines_of_json_may_end_as_on_old_systems():
    """A carriage return alone ends a line too."""
    assert [content for _, content, _ in read_records("x.jsonl", b'"one"\r"two"\r')] == ["one", "two"]


def test_an_object_of_one_list_is_that_list():
    """Exports wrap their records; the list's name stands in the works' names."""
    data = json.dumps({"data": [{"text": "a"}, {"text": "b"}], "version": "1"}).encode()
    assert [record[:2] for record in read_records("x.json", data)] == [("#data-00000", "a"), ("#data-00001", "b")]


def test_a_separator_parts_the_works_of_a_text():
    """Blank lines between poems make each of them a work; without a separator the file is one."""
    assert [content for _, content, _ in read_records("x.txt", b"one\r\n\r\ntwo\n\n\n\nthree\n", "\n\n")] == [b"one", b"two", b"three"]  # fmt: skip
    assert list(read_records("x.txt", b"one\n\ntwo")) == [("", b"one\n\ntwo", {})]


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0\0", "not text"),
        (b"\0" * 40, "not text"),
        (b" \n \n", "empty file"),
        (b"\xffa", "not text"),
    ],
)
def test_what_is_no_text_is_told(data, reason):
    """Bytes that are not UTF-8, control codes and blanks are not kept, each for its reason."""
    with pytest.raises(RejectedError) as caught:
        decode_work(data)
    assert caught.value.reason == reason


def test_text_of_other_systems_is_the_same_text():
    """A byte order mark, CRLF, UTF-16 and decomposed letters change nothing but a note."""
    assert decode_work(b"\xef\xbb\xbfone\r\ntwo\r\n") == ("one\ntwo", [])
    wide, notes = decode_work("one\ntwo".encode("utf-16"))
    assert (wide, list(map(read_sentence, notes))) == ("one\ntwo", ["read as UTF-16"])
    assert decode_work("e\u0301".encode())[0] == "\u00e9"
    assert prepare_text(b"**a \n\f b*", {"strip": "*", "breaks": ""}) == b"a\n b"


def test_marks_may_end_lines():
    """Verse that was written on in one line gets its lines, whether or not some were there."""
    settings = {"strip": "", "breaks": "，。"}
    assert prepare_text("四時運灰琯，一夕變冬春。".encode(), settings).decode() == "四時運灰琯，\n一夕變冬春。"
    assert prepare_text("a，b".encode(), {"strip": "", "breaks": ""}).decode() == "a，b"


def test_poems_become_rows_and_back(project):
    """Each work starts and ends, its rows are in order and its characters come back; splits hold whole works."""
    project({"poems.jsonl": "\n".join(json.dumps({"text": poem}) for poem in POEMS)})
    ingest_dataset("poems")
    preprocess_dataset("poems")
    shards = ShardSet.open(paths.shards("poems"))
    spec = shards.spec
    assert (spec.medium, spec.length, spec.vocabulary[:4]) == ("text", 16, SPECIAL_TOKENS)
    read, seen = [], Counter()
    for split in SPLITS:
        columns = shards.load(split)
        for digest in columns["digests"].unique(dim=0):
            own = (columns["digests"] == digest).all(1)
            count = int(own.sum())
            assert columns["places"][own].tolist() == [[place, 0, count, 1] for place in range(count)]
            rows = columns["tokens"][own]
            tokens = [int(rows[0, 0]), *(token for token in rows[:, 1:].flatten().tolist() if token != PAD)]
            assert (tokens[0], tokens[-1]) == (START, END)
            read.append("".join(spec.vocabulary[token] if token != UNKNOWN else "?" for token in tokens[1:-1]))
            seen[split] += 1
    heard = set("".join(poem for poem in POEMS if poem in read))
    assert sum(seen.values()) == len(POEMS)
    assert sum(poem in read for poem in POEMS) >= seen["train"]
    assert set("".join(read)) <= heard | {"?"}
    assert spec.count == len(shards.load("train")["tokens"])
    assert shards.load("train")["tokens"].dtype == torch.int16
    assert (paths.shards("poems") / "contact.txt").read_text().count("of a poem") == len(POEMS)


def test_facts_and_reasons_stand_in_the_manifest(project):
    """A text's longest line and lines are recorded; a picture among texts is quarantined, not fatal."""
    files = {f"{number}.txt": poem for number, poem in enumerate(POEMS)}
    project({**files, "cover.txt": b"\x89PNG\r\n\x1a\n" + bytes(40)})
    ingest_dataset("poems")
    works = list(Works.open(paths.works("poems")).rows())
    assert {(work.width, work.height, work.phash) for work in works} == {(17, 2, "")}
    refused = Record.open(paths.record("poems")).quarantined()
    assert [(row.name, row.reason) for row in refused] == [("cover.txt", "not text")]
