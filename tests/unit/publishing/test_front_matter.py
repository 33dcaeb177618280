"""The head of a card, read as the Hub reads it."""

import yaml
from huggingface_hub import ModelCard
from hypothesis import example, given
from hypothesis import strategies as st

from artpipe.publishing.front_matter import make_front_matter
from artpipe.site.translation import clean_line

WORDS = st.text(st.sampled_from("-:#'\"|>&*!%@`{}[],?~\\ \n\tnoyes01.") | st.characters(), max_size=40)


@given(WORDS, WORDS, st.lists(WORDS, max_size=3), st.floats(allow_nan=False))
@example("no", "---", ["1e3", "0x1f", "12:30:00", "~"], 0.5)
@example("a: b\n---\n# c", "\ufeff\ufffe\U0001f600\x85\u2028", ["2001-01-01", "=", "<<"], 1e-7)
def test_any_words_stay_the_words_they_are(title, name, tags, value):
    """In YAML 1.1, as the Hub's own library reads it; a line of dashes ends nothing, and the text after it stays."""
    fields = {"license": "mit", "pretty_name": title, "tags": tags, "rows": [{"name": name, "value": value}]}
    head = make_front_matter(fields)
    card = ModelCard(head + "\n# Title\n", ignore_metadata_errors=False)
    assert card.text.strip() == "# Title"
    expected = {"license": "mit", "pretty_name": clean_line(title), "tags": [clean_line(tag) for tag in tags]}
    read = yaml.safe_load(head.removeprefix("---\n").removesuffix("---\n"))
    rows = read.pop("rows")
    assert {name: found for name, found in read.items() if found} == {
        key: text for key, text in expected.items() if text
    }
    assert rows == [{"name": clean_line(name), "value": value}]


def test_what_is_empty_is_left_out():
    """And a plain word is not quoted."""
    assert make_front_matter({"a": "", "b": [], "c": "cc-by-4.0", "d": "no"}) == '---\nc: cc-by-4.0\nd: "no"\n---\n'
