"""Files of many works lose some of them: what is read then are the others, in their order."""

import json

from hypothesis import given
from hypothesis import strategies as st

from artpipe.untrusted.record_files import drop_records, read_records

TEXTS = st.lists(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1), max_size=6)


def read(name: str, data: bytes, separator: str = "") -> list[tuple[str, object]]:
    return [(key, content) for key, content, _ in read_records(name, data, separator)]


@given(TEXTS, st.sets(st.integers(0, 6)), st.sampled_from(["lines", "list", "splits", "only list", "parts"]))
def test_what_is_left_are_the_others(texts, numbers, form):
    """Of JSON lines, lists, lists by split, one list in an object, and text with a separator."""
    separator = ""
    if form == "lines":
        name, data = "x.jsonl", "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()
    elif form == "parts":
        name, separator, data = "x.txt", "\n---\n", "\n---\n".join(texts).encode()
    else:
        content = {"list": texts, "splits": {"train": texts[:2], "test": texts[2:]}, "only list": {"works": texts}}[
            form
        ]
        name, data = "x.json", json.dumps(content).encode()
    records = read(name, data, separator)
    dropped = {key for number, (key, _) in enumerate(records) if number in numbers}
    kept = drop_records(name, data, dropped, separator)
    left = [content for key, content in records if key not in dropped]
    assert [content for _, content in (read(name, kept, separator) if kept else [])] == left
    if not dropped and form in {"lines", "parts"}:
        assert kept == data
