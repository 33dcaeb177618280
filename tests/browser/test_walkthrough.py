"""The walkthrough in a real browser, from a folder, drawn by software: it opens, a visitor gets about, and the list is there without it."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from visits import Visit

from tests.support.museums import find_built_museum

COLOURS = """() => {
  const canvas = document.querySelector("[data-canvas]"), copy = document.createElement("canvas");
  [copy.width, copy.height] = [64, 36];
  const pen = copy.getContext("2d");
  return new Promise(done => requestAnimationFrame(() => {
    canvas.dispatchEvent(new KeyboardEvent("keydown", { key: "d", bubbles: true }));
    requestAnimationFrame(() => {
      pen.drawImage(canvas, 0, 0, 64, 36);
      canvas.dispatchEvent(new KeyboardEvent("keyup", { key: "d", bubbles: true }));
      const seen = new Set(), data = pen.getImageData(0, 0, 64, 36).data;
      for (let i = 0; i < data.length; i += 4) { seen.add([data[i] >> 3, data[i + 1] >> 3, data[i + 2] >> 3].join()); }
      done(seen.size);
    });
  }));
}"""


@pytest.fixture(scope="module")
def gallery():
    return find_built_museum() / "data/gallery"


def walk_in(visit, gallery):
    """Open the rooms and wait until the first pictures hang."""
    page = visit.go(f"{gallery.as_uri()}/walkthrough/index.html")
    page.locator("[data-open]").click()
    page.locator("[data-canvas][data-hung]").wait_for()
    return page


def complaints(visit):
    """Return what went wrong, without what software that draws says of its own pace."""
    return [line for line in visit.complaints if "GL Driver Message" not in line]


def read_place(page):
    """Return where the visitor stands once nothing moves: x, z, yaw, pitch."""
    before = None
    for _ in range(60):
        now = page.evaluate("history.state && history.state.walkthrough")
        if now and now == before:
            return now
        before = now
        page.wait_for_timeout(150)
    pytest.fail("the visitor does not come to rest")


def test_a_visitor_walks_looks_and_opens_a_work(browser, gallery):
    """By keys, a drag and Tab; the picture is not blank, a work's page opens, and the way back leads to the same place."""
    with Visit(browser, viewport={"width": 640, "height": 500}, reduced_motion="reduce") as visit:
        page = walk_in(visit, gallery)
        start = read_place(page)
        assert page.evaluate(COLOURS) > 20
        ahead = start
        for _ in range(40):  # a busy machine draws few frames in this time
            page.keyboard.down("ArrowUp")
            page.wait_for_timeout(700)
            page.keyboard.up("ArrowUp")
            ahead = read_place(page)
            if ahead[1] < start[1] - 0.2:
                break
        assert ahead[1] < start[1] - 0.2
        box = page.locator("[data-canvas]").bounding_box()
        page.mouse.move(box["x"] + 300, box["y"] + 60)
        page.mouse.down()
        page.mouse.move(box["x"] + 420, box["y"] + 60, steps=4)
        page.mouse.up()
        assert read_place(page)[2] > ahead[2] + 0.2
        page.keyboard.press("Tab")
        page.keyboard.press("Tab")
        title = page.locator("[data-title]").inner_text()
        assert title == page.locator("[data-list] ol li a").nth(1).inner_text()
        there = read_place(page)
        page.keyboard.press("Enter")
        page.wait_for_url("**/works/**")
        assert page.locator("h1").inner_text() == title
        page.go_back()
        page.locator("[data-canvas][data-hung]").wait_for()
        assert read_place(page) == pytest.approx(there, abs=1e-3)
        assert complaints(visit) == []
        assert all(url.startswith(("file:", "data:")) for url in visit.requests)


def test_a_tour_leads_and_a_click_opens(browser, gallery):
    """Start, next, back and end; the text is that of the list; a click on the work one stands before opens its page."""
    with Visit(browser, viewport={"width": 640, "height": 700}, reduced_motion="reduce") as visit:
        page = walk_in(visit, gallery)
        titles = page.locator("[data-list] ol li a").all_inner_texts()
        page.locator("[data-tour]").click()
        assert page.locator("[data-title]").inner_text() == titles[0]
        page.locator("[data-next]").click()
        assert page.locator("[data-title]").inner_text() == titles[1]
        page.locator("[data-back]").click()
        assert page.locator("[data-title]").inner_text() == titles[0]
        page.locator("[data-tour]").click()
        assert page.locator("[data-tour]").inner_text().lower() == "guided tour"
        read_place(page)
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
        box = page.locator("[data-canvas]").bounding_box()
        page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.wait_for_url("**/works/**")
        assert page.locator("h1").inner_text() == titles[0]


def test_a_work_ahead_is_told_of(browser, gallery):
    """Who stands near and looks at it reads its title without a click, and Enter opens it; who turns away does not."""
    with Visit(browser, viewport={"width": 640, "height": 500}, reduced_motion="reduce") as visit:
        page = walk_in(visit, gallery)
        page.locator("[data-next]").click()
        x, z, yaw, pitch = read_place(page)
        title = page.locator("[data-title]").inner_text()
        for turned in (0, 3):
            page.evaluate("place => history.replaceState({ walkthrough: place }, '')", [x, z, yaw + turned, pitch])
            page.reload()
            page.locator("[data-canvas][data-hung]").wait_for()
            read_place(page)
            assert page.locator("[data-text]").is_visible() == (turned == 0)
            assert turned or page.locator("[data-title]").inner_text() == title


def test_nothing_loads_before_the_rooms_are_opened(browser, gallery):
    """Neither three.js nor the pictures; at 360 pixels nothing sticks out."""
    with Visit(browser, viewport={"width": 360, "height": 740}) as visit:
        page = visit.go(f"{gallery.as_uri()}/walkthrough/index.html")
        assert not [url for url in visit.requests if "three" in url or "pictures-" in url]
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        assert complaints(visit) == []


def test_the_list_needs_no_script(browser, gallery):
    """Every work is linked, and no dead control is shown."""
    with Visit(browser, java_script_enabled=False) as visit:
        page = visit.context.new_page()
        page.goto(f"{gallery.as_uri()}/walkthrough/index.html")
        assert not page.locator("[data-walkthrough]").is_visible()
        assert page.locator(".scripted:visible").count() == 0
        links = page.locator("[data-list] ol li a").evaluate_all("all => all.map(one => one.href)")
        works = {path.parent.as_uri() for path in (gallery / "works").glob("*/index.html")}
        assert {link.removesuffix("/index.html") for link in links} == works
        assert len(links) == len(works)


def test_without_webgl_the_list_remains(browser, gallery):
    """The page says so in a sentence."""
    with Visit(browser) as visit:
        visit.page.add_init_script("HTMLCanvasElement.prototype.getContext = () => null")
        page = visit.go(f"{gallery.as_uri()}/walkthrough/index.html")
        page.locator("[data-open]").click()
        page.locator("[data-status]").get_by_text("This browser cannot draw the rooms").wait_for()
        assert not page.locator("[data-canvas]").is_visible()
