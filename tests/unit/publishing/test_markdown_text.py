"""Values of a template of Markdown, read as a page reads it."""

from itertools import pairwise

from hypothesis import example, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from artpipe.publishing.markdown_text import make_code, make_table, render_markdown
from artpipe.site.translation import clean_line
from tests.conftest import scale_examples

READER = MarkdownIt("gfm-like", {"html": True, "linkify": False})
WORDS = st.text(st.sampled_from("ab1 .)-+=#>*_`~[]()!|\\/:&;<\"'\t\n{}%"), max_size=20) | st.text(max_size=10)


@settings(max_examples=scale_examples(60))
@given(WORDS, WORDS)
@example("https://a.b/?c=d&e", "`a` | b")
@example("{{ 1 }}", "-->")
def test_any_two_words_are_two_cells(first, second):
    """Of one row, with nothing but their words in them; a template in a value is no template."""
    table = make_table(("A", "B"), [(first, make_code(second))])
    tokens = READER.parse(render_markdown("{{ table }}\n\n{{ first }}.", table=table, first=first))
    cells = [after for before, after in pairwise(tokens) if before.type == "td_open"]
    kinds = {part.type for cell in cells for part in cell.children}
    assert kinds <= {"text", "text_special", "code_inline"}
    shown = ["".join(part.content for part in cell.children if part.type != "text_special") for cell in cells]
    assert [clean_line(text) for text in shown] == [clean_line(first), clean_line(second)]


def test_numbers_are_read_as_people_write_them():
    """Three significant digits, thousands apart; nothing is what is not there."""
    assert (
        render_markdown("{{ a }} {{ b }} {{ c }} {{ d }}", a=70000, b=0.98745, c=None, d=0.5) == "70,000 0.987  0.500\n"
    )
