"""The catalogue as a PDF, by the browser that visitors have."""

import re

import chromium
import pytest
from visits import Visit

from artpipe.system.chromium import print_pdf
from tests.support.museums import find_built_museum

MOST_PAGES = 17  # of the forms; with less on a page, or more of each left empty, there are more


@pytest.fixture(scope="module")
def page():
    """The catalogue of works of every form."""
    return find_built_museum("forms") / "data/gallery/catalogue/index.html"


@pytest.mark.usefixtures("browser")
def test_the_catalogue_becomes_a_pdf(page, tmp_path):
    """It has a page at least for the title, the contents, each chapter and the back, and pictures of its plates."""
    print_pdf(chromium.find(), page, tmp_path / "catalogue.pdf")
    data = (tmp_path / "catalogue.pdf").read_bytes()
    chapters = page.read_text().count('class="chapter')
    assert 2 + chapters <= len(re.findall(rb"/Type\s*/Page\b", data)) <= MOST_PAGES
    assert data.count(b"/Subtype /Image") > 10


@pytest.mark.nightly
@pytest.mark.parametrize(("scheme", "width"), [("light", 1440), ("dark", 1440), ("light", 360), ("dark", 360)])
def test_the_catalogue_is_a_white_sheet(browser, page, scheme, width):
    """In any light; it does not scroll sideways, and nothing complains."""
    with Visit(browser, color_scheme=scheme, viewport={"width": width, "height": 900}) as visit:
        opened = visit.go(page.as_uri())
        assert (
            opened.evaluate("getComputedStyle(document.querySelector('.book')).backgroundColor") == "rgb(255, 255, 255)"
        )
        assert opened.evaluate("document.documentElement.scrollWidth") <= width
        assert visit.complaints == []


@pytest.mark.nightly
def test_no_plate_is_cut_by_a_page(browser, page):
    """In print each plate keeps together, and no heading ends a page."""
    with Visit(browser) as visit:
        opened = visit.go(page.as_uri())
        opened.emulate_media(media="print")
        rules = opened.evaluate(
            "[...document.querySelectorAll('.book-plates li')].map(li => getComputedStyle(li).breakInside)"
            ".concat([...document.querySelectorAll('.book :is(h2, h3, h4)')].map(h => getComputedStyle(h).breakAfter))"
        )
        assert set(rules) == {"avoid"}
