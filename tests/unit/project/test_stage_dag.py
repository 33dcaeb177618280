"""The graph of stages, as text and as a picture."""

from types import SimpleNamespace
from xml.etree import ElementTree as ET

from artpipe.project.stage_dag import draw_svg, draw_text, find_stale

UPSTREAM = {
    "ingest@d": (),
    "preprocess@d": ("ingest@d",),
    "train@c": ("preprocess@d",),
    "train@g": ("preprocess@d", "train@c"),
    "evaluate@g": ("preprocess@d", "train@c", "train@g"),
    "gallery": ("evaluate@g", "ingest@d", "train@c", "train@g"),
}


def test_what_lies_below_a_stale_stage_is_stale():
    """And nothing above or beside it."""
    graph = SimpleNamespace(upstream=UPSTREAM, changes={"train@g": []})
    assert find_stale(graph) == {"train@g", "evaluate@g", "gallery"}


def test_the_text_is_a_tree_of_a_screen_s_width():
    """Each stage once, below the deepest that it needs, the others named; stale ones have a star; no line is wider."""
    stale = {"train@g", "evaluate@g", "gallery"}
    lines = [line for line, _ in draw_text(UPSTREAM, stale, 80)]
    assert lines == [
        "ingest@d",
        "`- preprocess@d",
        "   `- train@c",
        "      `- train@g * < preprocess@d",
        "         `- evaluate@g * < preprocess@d, train@c",
        "gallery * < all 1 above",
    ]
    assert max(len(line) for line, _ in draw_text(UPSTREAM, stale, 30)) == 30


def test_the_picture_has_a_box_for_each_and_a_line_for_each_dependency():
    """It is well-formed, and a name with markup in it is words."""
    picture = ET.fromstring(draw_svg({**UPSTREAM, "train@<b>": ("ingest@d",)}, {"gallery"}))  # noqa: S314 - our own
    space = "{http://www.w3.org/2000/svg}"
    assert len(picture.findall(f".//{space}rect")) == 7
    assert len(picture.findall(f".//{space}path")) == 12
    titles = [one.text for one in picture.findall(f".//{space}title")]
    assert "gallery: stale" in titles
    assert "train@<b>: up to date" in titles
