"""Captions of works: in the order of the works, on disk only where there are some, as texts in shards."""

from hypothesis import given
from hypothesis import strategies as st

from artpipe.artifacts.caption_columns import decode_texts, encode_texts, make_caption_columns
from artpipe.artifacts.parquet import read_tuples
from artpipe.artifacts.work_captions import CaptionWriter, WorkCaption, align_captions
from artpipe.numerics.caption_tokens import tokenise_caption


@given(st.lists(st.tuples(st.text(min_size=1), st.booleans()), unique_by=lambda pair: pair[0]))
def test_captions_find_their_works(works):
    """Every work gets its own caption, and none gets another's."""
    rows = [WorkCaption(digest, f"of {digest}") for digest, has_caption in works if has_caption]
    expected = [f"of {digest}" if has_caption else "" for digest, has_caption in works]
    assert list(align_captions(rows, [digest for digest, _ in works])) == expected


def test_a_substitute_counts_only_where_another_work_has_a_caption(tmp_path):
    """Labels and titles alone leave no file; beside a caption they stand for those that are missing."""
    for name, captions in {"none": [None, None], "some": [None, "a red hat"]}.items():
        (tmp_path / name).mkdir()
        writer = CaptionWriter(tmp_path / name)
        for number, caption in enumerate(captions):
            writer.add(str(number), caption, "hat")
        writer.add("2", None, None)
        assert writer.close() == (() if name == "none" else ("captions.parquet",))
    assert not list((tmp_path / "none").iterdir())
    rows = [("0", "hat"), ("1", "a red hat")]
    assert list(read_tuples(tmp_path / "some" / "captions.parquet", WorkCaption)) == rows


def test_a_text_ends_between_characters():
    """256 bytes of UTF-8 hold 85 Chinese characters; zeros stand behind a shorter text."""
    rows = encode_texts(["红" * 90, "a red hat", "", "\ud800"])
    assert rows.shape == (4, 256)
    assert decode_texts(rows) == ["红" * 85, "a red hat", "", "?"]


def test_columns_hold_tokens_and_texts():
    """A row of `captions` has the tokens of the whole caption, however long its text."""
    columns = make_caption_columns(["woman pilot, medium-dark skin tone"])
    assert (columns["captions"][0] == tokenise_caption("woman pilot, medium-dark skin tone")).all()
    assert decode_texts(columns["caption_texts"]) == ["woman pilot, medium-dark skin tone"]
