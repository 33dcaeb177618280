"""What strangers write reaches MLflow's and Prefect's pages, which read Markdown: it is words there, no picture, link or tag."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from artpipe.system.plain_text import to_printable
from artpipe.system.terminal import escape_markdown
from artpipe.tracking.mlflow_store import MlflowStore
from artpipe.tracking.mlflow_sync import sync
from tests.unit.tracking.test_mlflow_sync import judged, published, the_run

LABEL = "![x](https://evil.example/x.png) <img src=x onerror=alert(1)> [y](javascript:alert(1)) www.evil.example `a_b_`"
READER = MarkdownIt("gfm-like", {"html": True, "linkify": False})  # as MLflow's and Prefect's pages do


def read(text):
    """Return the names of what a page makes of it, and the words that stand there then."""
    parts = [part for block in READER.parse(text) for part in (block, *(block.children or ()))]
    return {part.type for part in parts}, "".join(part.content for part in parts if part.type == "text")


WORDS = {"paragraph_open", "inline", "text", "text_special", "paragraph_close"}


@given(st.text(st.sampled_from("ab1 .)-+=#>*_`~[]()!|\\/:&;<\"'\t\n\u202e"), max_size=30) | st.text(max_size=20))
@example(LABEL)
@example("1. a")
@example("<!-- a -->")
@example("    code")
@example("a\n===")
def test_any_words_stay_words(text):
    """Nothing but a paragraph, whose words are those of before, what a terminal would obey spelled out."""
    kinds, words = read(escape_markdown(text))
    assert kinds <= WORDS
    assert words == to_printable(text).strip()


def test_mlflow_is_told_words(tmp_path):
    """The name of a class, in the sentence of a verdict: in the run's description and in the version's."""
    published(tmp_path)
    judged(tmp_path, kid=0.2, verdict="healthy", sentence=f"It never says {LABEL}.")
    sync(tmp_path)
    store = MlflowStore(tmp_path)
    (version,) = store.client.search_model_versions("name='digits-gan'")
    for told in (the_run(tmp_path).data.tags["mlflow.note.content"], version.description):
        verdict, _, page = told.partition("\n\n")
        assert read(page)[0] <= {*WORDS, "code_inline"}  # a command of ours and the page in the gallery
        assert LABEL not in page
        kinds, words = read(verdict)
        assert kinds <= WORDS
        assert words.endswith(f"It never says {LABEL}.")


def test_prefect_is_told_words(tmp_path):
    """The line below a sheet of pictures; the cells of its table are made by the same function."""
    prefect_artifacts = pytest.importorskip("artpipe.orchestration.reporting.prefect_artifacts")
    from artpipe.artifacts.report import load_report

    published(tmp_path)
    judged(tmp_path, kid=0.2, sentence=f"It never says {LABEL}.")
    kinds, words = read(prefect_artifacts._describe(load_report(tmp_path / "data/reports/gan")[0]))
    assert kinds <= WORDS
    assert words == f"gan: weak. It never says {LABEL}."
