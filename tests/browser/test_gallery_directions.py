"""Right-to-left scripts in a real browser: titles, verses, captions and names in their own direction, punctuation at its end."""

from dataclasses import replace

import make_museum as make
import pytest
from make_forms import Hung, hang
from visits import Visit

from artpipe.config.params import About
from artpipe.gallery import build_gallery

VERSES = "הרוח עובר מעל הגבעה.\n* * *\nואיש אינו שואל אותו למה?\nand nobody asks.\n(1, 2) כי הרוח איטי."
TITLE, CREATOR = "הרוח והגבעה!", "רחל בלובשטיין."
DIRECTION = "e => getComputedStyle(e).direction"
# Where the first and the last sign of an element are painted, in pixels from the left.
ENDS = """e => {
  const walk = document.createTreeWalker(e, NodeFilter.SHOW_TEXT), all = [];
  for (let node; (node = walk.nextNode());) for (let at = 0; at < node.length; at++) {
    if (!node.data[at].trim()) continue;
    const range = document.createRange();
    range.setStart(node, at); range.setEnd(node, at + 1);
    all.push(range.getBoundingClientRect().left);
  }
  return [all[0], all[all.length - 1], Math.min(...all)];
}"""


@pytest.fixture(scope="module")
def gallery(tmp_path_factory):
    root = tmp_path_factory.mktemp("directions")
    make.write_params(root, ["shirim"], {"poet": ("rnn", "shirim")})
    originals = [make.png(28, 3, number) for number in range(12)]
    about = About(title=TITLE, creator=CREATOR, licence="CC0-1.0", description="שירים קצרים, ובהם שאלות?")
    make.write_record(root, "shirim", originals, about, titles=[TITLE])
    make.write_model(root, "poet", "rnn", "shirim", originals[:1], originals)
    poem = Hung("text", VERSES.encode(), ".txt", TITLE, seed=1)
    hang(root, "poet", [poem, poem, replace(poem, role="continuation")])
    build_gallery(root)
    return root / "data" / "gallery"


def ends_at_the_left(element):
    """Return whether the last sign stands left of all others, and the first at the right."""
    first, last, least = element.evaluate(ENDS)
    return last == least < first


def test_verses_are_written_in_their_own_direction(browser, gallery):
    """Hebrew from the right with its full stop at the left end, English from the left, signs alone with the others."""
    with Visit(browser, viewport={"width": 1440, "height": 900}) as visit:
        page = visit.go(f"{gallery.as_uri()}/works/poet-sample-000/index.html")
        verses = page.locator(".leaf .verse").all()
        assert [verse.evaluate(DIRECTION) for verse in verses] == ["rtl", "rtl", "rtl", "ltr", "rtl"]
        assert [verse.get_attribute("dir") for verse in verses] == ["auto", None, "auto", "auto", "auto"]
        assert [ends_at_the_left(verses[place]) for place in (0, 2, 4)] == [True] * 3
        assert not ends_at_the_left(verses[3])
        right = page.locator(".leaf .sheet").evaluate("e => e.getBoundingClientRect().right")
        assert all(right - verses[place].evaluate("e => e.getBoundingClientRect().right") < 100 for place in (0, 2))
        assert visit.complaints == []


@pytest.mark.parametrize(
    ("page", "titles"),
    [
        ("index.html", [".room-head h2", ".room-head .text p >> nth=0"]),
        ("datasets/shirim/index.html", [".head h1", ".head .lead"]),
        ("models/poet/index.html", [".row figcaption"]),
        ("works/poet-sample-000/index.html", [".label h1"]),
    ],
)
def test_titles_and_descriptions_have_their_own_direction(browser, gallery, page, titles):
    """Their last sign, a question mark or an exclamation mark, stands at the left."""
    with Visit(browser, viewport={"width": 1440, "height": 900}) as visit:
        opened = visit.go(f"{gallery.as_uri()}/{page}")
        for title in titles:
            element = opened.locator(title)
            assert element.get_attribute("dir") == "auto", title
            assert element.evaluate(DIRECTION) == "rtl", title
            assert ends_at_the_left(element), title
        assert visit.complaints == []


def test_a_name_within_a_sentence_is_isolated(browser, gallery):
    """The creator's full stop stands at the left of the name, and the English words around it stay where they are."""
    with Visit(browser, viewport={"width": 1440, "height": 900}) as visit:
        page = visit.go(f"{gallery.as_uri()}/index.html")
        name = page.locator("bdi", has_text=CREATOR).first
        assert name.evaluate(DIRECTION) == "rtl"
        assert ends_at_the_left(name)
        assert name.evaluate("e => getComputedStyle(e.parentElement).direction") == "ltr"
        assert visit.complaints == []
