"""The gallery in a real browser, from a folder and from a web server under a sub-path."""

import functools
import http.server
import threading
from pathlib import Path

import make_museum as make
import pytest
from visits import Visit

from artpipe.gallery import build_gallery
from tests.support.museums import find_built_museum

KINDS = {
    "index": "index.html",
    "model": "models/digits-gan/index.html",
    "work": "works/digits-gan-sample-001/index.html",
    "dataset": "datasets/emoji/index.html",
}


@pytest.fixture(scope="module")
def gallery():
    return find_built_museum() / "data/gallery"


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def served(gallery):
    """The gallery's address under a sub-path of a server on loopback."""
    handler = functools.partial(Quiet, directory=gallery.parent.parent)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/data/gallery"
        server.shutdown()


@pytest.fixture(params=["file", "http"])
def address(request, gallery):
    return gallery.as_uri() if request.param == "file" else request.getfixturevalue("served")


@pytest.mark.parametrize("kind", KINDS)
def test_pages_open_without_a_complaint(browser, address, kind):
    """No console message, no failed request, nothing from elsewhere, own fonts, no violation of the policy."""
    with Visit(browser) as visit:
        page = visit.go(f"{address}/{KINDS[kind]}")
        page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
        page.wait_for_load_state("networkidle")
        assert visit.complaints == []
        assert all(url.startswith((address, "data:")) for url in visit.requests)
        assert page.evaluate("document.fonts.check('20px Cormorant') && document.fonts.check('16px \"Alegreya Sans\"')")
        assert page.evaluate("[...document.fonts].filter(font => font.status === 'loaded').length") >= 3
        assert page.evaluate("[...document.images].every(i => !i.complete || i.naturalWidth > 0)")


@pytest.mark.parametrize("width", [360, pytest.param(768, marks=pytest.mark.nightly), 1440])
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_sticks_out(browser, gallery, kind, width):
    """No page scrolls sideways, and no picture is enlarged by a broken factor."""
    with Visit(browser, viewport={"width": width, "height": 900}) as visit:
        page = visit.go(f"{gallery.as_uri()}/{KINDS[kind]}")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        factors = page.evaluate(
            "[...document.querySelectorAll('img.pixel')].filter(i => i.checkVisibility() && i.naturalWidth < 100)"
            ".map(i => i.getBoundingClientRect().width / i.naturalWidth)"
        )
        assert [factor for factor in factors if abs(factor - round(factor)) > 0.01 or factor < 1] == []


def test_the_title_is_not_broken(browser, gallery):
    """A word of seven letters stands on one line at the entrance, on all screens."""
    with Visit(browser) as visit:
        page = visit.go(f"{gallery.as_uri()}/{KINDS['index']}")
        page.evaluate("document.querySelector('.entrance h1').textContent = 'artpipe'")
        heights = []
        for width in (360, 640, 768, 960, 1000, 1200, 1280, 1408, 1920):
            page.set_viewport_size({"width": width, "height": 900})
            size = page.evaluate("parseFloat(getComputedStyle(document.querySelector('.entrance h1')).fontSize)")
            height = page.evaluate("document.querySelector('.entrance h1').getBoundingClientRect().height")
            heights += [width] if height > 1.5 * size else []
        assert heights == []


def test_left_and_right_walk_along_the_wall(browser, address):
    """The arrow keys go to the next work and back; at the end nothing happens."""
    with Visit(browser) as visit:
        page = visit.go(f"{address}/{KINDS['model']}")
        links = page.locator("main a[href*='works/digits-gan-sample-']").evaluate_all("all => all.map(a => a.href)")
        first, second, third = list(dict.fromkeys(links))[:3]
        page.goto(second)
        for key, work in (("ArrowRight", third), ("ArrowLeft", second), ("ArrowLeft", first)):
            page.keyboard.press(key)
            page.wait_for_url(work)
        page.keyboard.press("ArrowLeft")
        page.wait_for_timeout(100)
        assert page.url == first


def test_up_and_down_move_through_the_training(browser, address):
    """The slider shows one sheet, the last; keys and the range move it and say the step."""
    with Visit(browser) as visit:
        page = visit.go(f"{address}/{KINDS['model']}")
        page.locator("[data-slider]").scroll_into_view_if_needed()
        page.evaluate("document.querySelector('[data-slider]').scrollIntoView({block: 'center', behavior: 'instant'})")
        visible, output = page.locator("[data-frame]:visible"), page.locator("output")
        assert (visible.count(), output.inner_text()) == (1, "Step 3,000")
        page.keyboard.press("ArrowDown")
        assert (visible.count(), output.inner_text()) == (1, "Step 2,500")
        page.keyboard.press("ArrowUp")
        assert output.inner_text() == "Step 3,000"
        page.locator("input[type=range]").focus()
        page.keyboard.press("Home")
        assert output.inner_text() == "Step 500"
        assert visit.complaints == []


def test_without_javascript_everything_is_there(browser, gallery):
    """The slider is a strip of all sheets, no dead button is shown, every page has its text."""
    with Visit(browser, java_script_enabled=False) as visit:
        page = visit.context.new_page()
        page.goto(f"{gallery.as_uri()}/{KINDS['model']}")
        assert page.locator("[data-frame]:visible").count() == 6
        assert page.locator("input, button").locator("visible=true").count() == 0
        page.goto(f"{gallery.as_uri()}/{KINDS['work']}")
        assert page.locator("figcaption h1").inner_text()


def test_the_light_follows_the_visitor(browser, address):
    """Day or evening as the system says; the lamp changes it, and the next page remembers."""
    ground = "getComputedStyle(document.body).backgroundColor"
    with Visit(browser, color_scheme="light") as visit, Visit(browser, color_scheme="dark") as other:
        page = visit.go(f"{address}/index.html")
        day, evening = page.evaluate(ground), other.go(f"{address}/index.html").evaluate(ground)
        assert day != evening
        page.locator("[data-lamp]").click()
        assert page.evaluate(ground) == evening
        assert page.locator("[data-lamp]").get_attribute("aria-pressed") == "true"
        visit.go(f"{address}/{KINDS['work']}")
        assert page.evaluate(ground) == evening
        assert visit.complaints == []


def test_keyboard_visitors_see_where_they_are(browser, gallery):
    """The first stop is the way past the navigation; every stop has a visible outline."""
    with Visit(browser) as visit:
        page = visit.go(f"{gallery.as_uri()}/index.html")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        for _ in range(12):
            page.keyboard.press("Tab")
            assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"


def test_from_the_entrance_to_model_and_dataset_in_one_step(browser, gallery):
    """The first screen names a work, its model and its dataset, each with a link."""
    with Visit(browser, viewport={"width": 1440, "height": 900}) as visit:
        page = visit.go(f"{gallery.as_uri()}/index.html")
        label = page.locator(".featured .label")
        assert label.bounding_box()["y"] < 900
        addresses = label.locator("a").evaluate_all(
            "links => links.map(link => link.getAttribute('href').split('/')[0])"
        )
        assert addresses == ["works", "models", "datasets"]


@pytest.mark.nightly  # rooms of every form stay (test_gallery_forms.py)
def test_a_thousand_works_open_lightly(browser, tmp_path):
    """First view of 1,000 works by 42 models: at most 40 requests, 500 kB and 1,500 nodes."""
    pictures = [make.png(64, 3, i) for i in range(24)]
    models = {f"emoji-{i:02d}": ("gan", "emoji") for i in range(42)}
    make.write_params(tmp_path, ["emoji"], models)
    make.write_record(tmp_path, "emoji", pictures, make.About())
    for name, (kind, dataset) in models.items():
        make.write_model(tmp_path, name, kind, dataset, pictures, pictures)
    build_gallery(tmp_path)
    gallery = tmp_path / "data" / "gallery"
    assert len(list(gallery.glob("works/*/index.html"))) == 1008
    with Visit(browser, viewport={"width": 1440, "height": 900}) as visit:
        page = visit.go(f"{gallery.as_uri()}/index.html")
        files = {url for url in visit.requests if not url.startswith("data:")}
        size = sum(Path(url.removeprefix("file://")).stat().st_size for url in files)
        assert len(files) <= 40
        assert size <= 500_000
        assert page.evaluate("document.querySelectorAll('*').length") <= 1500
