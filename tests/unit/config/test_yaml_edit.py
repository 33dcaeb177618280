"""Writing into params.yaml keeps every byte that is not about the entry."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ruamel.yaml import YAML

from artpipe.config.yaml_edit import insert_entry, remove_entry
from artpipe.errors import UserError

TEXT = """\
# about the whole
datasets:   # about datasets
  one:  {a: 1}   # about one
  # between
  two:
    text: |
      several
      lines

# about models
models: {}
last: [1,2]
"""
scalars = st.one_of(
    st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]) | st.just("\n"), max_size=20),
    st.integers(-(10**9), 10**9),
    st.floats(allow_nan=False, allow_infinity=False),
    st.booleans(),
    st.none(),
)
entries = st.dictionaries(st.from_regex(r"[a-z_]{1,8}", fullmatch=True), scalars, min_size=1, max_size=5)


def parse(text: str) -> dict:
    return YAML(typ="safe", pure=True).load(text)


@given(entry=entries, room=st.sampled_from(["datasets", "models"]))
def test_in_and_out_again_is_nothing(entry, room):
    """Whatever an entry holds, adding it says exactly that, and removing it gives the old bytes back."""
    added = insert_entry(TEXT, room, "new", entry)
    assert parse(added)[room]["new"] == entry
    assert remove_entry(added, room, "new") == TEXT


def test_a_new_entry_stands_before_the_blank_line():
    """The comment of the next section stays with it."""
    added = insert_entry(TEXT, "datasets", "new", {"a": 1})
    assert "      lines\n  new:\n    a: 1\n\n# about models\n" in added


def test_the_indentation_is_that_of_the_neighbours():
    """A file indented by four gets entries indented by four."""
    assert insert_entry("models:\n    a: {k: 1}\n", "models", "b", {"k": 2}).endswith("    b:\n      k: 2\n")


def test_a_file_without_a_last_newline_gets_one():
    """The entry starts on its own line."""
    assert parse(insert_entry("models:\n  a: {k: 1}", "models", "b", {"k": 2})) == {
        "models": {"a": {"k": 1}, "b": {"k": 2}}
    }


def test_the_last_one_removed_leaves_an_empty_mapping():
    """DVC's foreach needs a mapping; an empty one is written `{}`."""
    assert remove_entry("models:  # all\n  a: {k: 1}\nb: 1\n", "models", "a") == "models: {}  # all\nb: 1\n"


@pytest.mark.parametrize("text", ["models: {a: {k: 1}}\n", "models: {\n  a: {k: 1}}\n"])
def test_a_room_in_one_line_is_refused(text):
    """There is no place for a block in a flow mapping, and nobody's line is rewritten."""
    with pytest.raises(UserError, match=r"params.yaml:1: `models` is written in one line"):
        insert_entry(text, "models", "b", {"k": 2})


def test_a_missing_room_is_named():
    """The line says what to write."""
    with pytest.raises(UserError, match=r"`models` is missing; write `models: \{\}`"):
        insert_entry("a: 1\n", "models", "b", {"k": 2})


@given(
    entry=entries,
    room=st.sampled_from(["datasets", "models"]),
    ends=st.lists(st.sampled_from(["\n", "\r\n"]), min_size=TEXT.count("\n"), max_size=TEXT.count("\n")),
    mark=st.sampled_from(["", "\ufeff"]),
    is_open=st.booleans(),
)
def test_line_ends_are_kept(entry, room, ends, mark, is_open):
    """Ends of Windows, mixed ones, a mark at the beginning and a file without a last line end stay as they are."""
    lines = TEXT.split("\n")[:-1]
    text = mark + "".join(line + end for line, end in zip(lines, ends, strict=True))
    text = text.removesuffix(ends[-1]) if is_open else text
    added = insert_entry(text, room, "new", entry)
    assert parse(added)[room]["new"] == entry
    assert remove_entry(added, room, "new") == text


def test_a_new_entry_ends_its_lines_as_its_neighbours_do():
    """In a file of Windows every line of the entry ends as that file's lines do, also where the last one has no end."""
    assert insert_entry("models:\r\n  a: {k: 1}\r\n", "models", "b", {"k": 2}) == (
        "models:\r\n  a: {k: 1}\r\n  b:\r\n    k: 2\r\n"
    )
    assert (
        insert_entry("models:\r\n  a: {k: 1}", "models", "b", {"k": 2}) == "models:\r\n  a: {k: 1}\r\n  b:\r\n    k: 2"
    )
