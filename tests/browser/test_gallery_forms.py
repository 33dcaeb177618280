"""Every form of exhibit in a real browser: sheets, players, films, the slider between before and after, steps."""

import make_forms
import make_museum as make
import pytest
from visits import Visit

from artpipe.gallery import build_gallery
from tests.support.museums import find_built_museum

PAGES = (
    "index.html",
    "datasets/hills/index.html",
    *(f"models/{name}/index.html" for name in ("poet", "poet-of-tang", "composer", "painter", "enlarger", "walker")),
    *(f"works/{name}/index.html" for name in ("poet-sample-000", "poet-of-tang-sample-000", "composer-sample-000")),
    *(
        f"works/{name}/index.html"
        for name in ("painter-stylisation-000", "enlarger-enlargement-000", "walker-walk-003")
    ),
)


@pytest.fixture(scope="module")
def gallery():
    return find_built_museum("forms") / "data/gallery"


@pytest.mark.parametrize(
    "page", [pytest.param(page, marks=[] if page.startswith("models/") else pytest.mark.nightly) for page in PAGES]
)
def test_forms_open_without_a_complaint_and_fit(browser, gallery, page):
    """No console message, no failed request, every control has a name, and nothing sticks out at any width."""
    with Visit(browser) as visit:
        opened = visit.go(f"{gallery.as_uri()}/{page}")
        for width in (360, 768, 1440):
            opened.set_viewport_size({"width": width, "height": 900})
            assert opened.evaluate("document.documentElement.scrollWidth") <= width
            beyond = "[...document.querySelectorAll('.sheet, .frame, audio, video')].filter(e => e.checkVisibility() && e.getBoundingClientRect().right > innerWidth && !e.closest('.strip')).length"  # fmt: skip
            assert opened.evaluate(beyond) == 0
        assert visit.complaints == []
        unnamed = "[...document.querySelectorAll('input, audio, video, button, a, [tabindex]')].filter(e => !(e.getAttribute('aria-label') || e.textContent.trim() || e.querySelector('img[alt]') || e.id === 'main')).length"  # fmt: skip
        assert opened.evaluate(unnamed) == 0


def test_before_and_after_lie_on_each_other(browser, gallery):
    """The slider moves by keyboard and by hand, says where it is, and both pictures have the same place."""
    with Visit(browser, viewport={"width": 1440, "height": 900}) as visit:
        page = visit.go(f"{gallery.as_uri()}/works/painter-stylisation-000/index.html")
        boxes = [page.locator(f".side.{side} img").bounding_box() for side in ("before", "after")]
        assert all(abs(boxes[0][key] - boxes[1][key]) < 1 for key in boxes[0])
        slider = page.locator("[data-compare] input[type=range]")
        slider.focus()
        page.keyboard.press("ArrowRight")
        assert (slider.input_value(), slider.get_attribute("aria-valuetext")) == ("51", "51 percent")
        assert page.locator(".pair").evaluate("e => e.style.getPropertyValue('--at')") == "51%"
        page.keyboard.press("Home")
        assert slider.input_value() == "0"
        box = boxes[1]
        page.mouse.move(box["x"] + 0.2 * box["width"], box["y"] + 40)
        page.mouse.down()
        assert slider.input_value() == "20"
        page.mouse.move(box["x"] + 0.7 * box["width"], box["y"] + 60)
        page.mouse.up()
        page.mouse.move(box["x"] + 0.9 * box["width"], box["y"] + 60)
        assert slider.input_value() == "70"
        assert "painter-stylisation-000" in page.url  # the arrow keys of the slider do not walk along the wall
        assert visit.complaints == []


def test_another_picture_can_be_laid_under(browser, gallery):
    """The original takes the place of the picture before, and gives it back."""
    with Visit(browser) as visit:
        page = visit.go(f"{gallery.as_uri()}/works/enlarger-enlargement-000/index.html")
        before, word = page.locator(".side.before img"), page.locator("[data-before]")
        first = before.get_attribute("src")
        button = page.locator("button[data-against=original]")
        button.click()
        assert (word.inner_text().lower(), button.get_attribute("aria-pressed")) == ("original", "true")
        assert before.get_attribute("src") != first
        button.click()
        assert word.inner_text().lower() == "before"
        assert visit.complaints == []


def test_the_steps_of_a_work_are_a_slider(browser, gallery):
    """Its page shows the last step; up and down move through them, the first one is reached by Home."""
    with Visit(browser) as visit:
        page = visit.go(f"{gallery.as_uri()}/works/painter-stylisation-000/index.html")
        page.evaluate("document.querySelector('[data-slider]').scrollIntoView({block: 'center', behavior: 'instant'})")
        output = page.locator("[data-slider] output")
        assert output.inner_text() == "Step 160"
        page.keyboard.press("ArrowDown")
        assert output.inner_text() == "Step 90"


def test_forms_without_javascript(browser, gallery):
    """Before and after hang side by side, the steps as a strip, no dead control is shown, players are the browser's own."""
    with Visit(browser, java_script_enabled=False, viewport={"width": 1440, "height": 900}) as visit:
        page = visit.page
        page.goto(f"{gallery.as_uri()}/works/painter-stylisation-000/index.html")
        left, right = (page.locator(f".side.{side} img").bounding_box() for side in ("before", "after"))
        assert left["x"] + left["width"] <= right["x"]
        assert page.locator("[data-frame]:visible").count() == 4
        assert page.locator("input, button").locator("visible=true").count() == 0
        page.goto(f"{gallery.as_uri()}/works/composer-sample-000/index.html")
        assert page.locator("audio[controls]").count() == 1
        assert page.locator("a[download$='.mid']").count() == 1


def test_a_title_and_its_player_agree(browser, gallery):
    """A piece's title says how long its file is, whatever the report says."""
    with Visit(browser) as visit:
        page = visit.go(f"{gallery.as_uri()}/works/composer-sample-000/index.html")
        page.wait_for_function("document.querySelector('audio').readyState > 0")
        seconds = page.evaluate("Math.floor(document.querySelector('audio').duration)")
        assert page.locator("h1").inner_text() == f"Chorale in A major, 0:{seconds:02d}"


@pytest.mark.parametrize("motion", ["reduce", "no-preference"])
def test_a_film_moves_only_for_those_who_want_it(browser, gallery, motion):
    """With reduced motion nothing plays by itself; without, a silent loop does."""
    with Visit(browser, reduced_motion=motion) as visit:
        page = visit.go(f"{gallery.as_uri()}/works/walker-walk-003/index.html")
        page.wait_for_timeout(300)
        state = page.locator("video").evaluate("v => [v.paused, v.muted, v.loop, v.error === null, !!v.poster]")
        assert state == [motion == "reduce", True, True, True, True]
        assert visit.complaints == []


def test_a_quatrain_stands_in_columns(browser, gallery):
    """Four columns from right to left, in Chinese for whoever reads aloud; a sonnet keeps its lines."""
    with Visit(browser) as visit:
        page = visit.go(f"{gallery.as_uri()}/works/poet-of-tang-sample-000/index.html")
        columns = page.locator(".leaf .verse").evaluate_all("all => all.map(e => e.getBoundingClientRect().x)")
        assert columns == sorted(columns, reverse=True)
        assert len(set(columns)) == 4
        assert page.locator(".leaf .sheet").get_attribute("lang") == "zh"
        visit.go(f"{gallery.as_uri()}/works/poet-sample-000/index.html")
        assert page.locator(".leaf .verse").count() == 12


@pytest.mark.nightly
def test_rooms_of_every_form_open_lightly(browser, tmp_path):
    """Forty models of poems, music and pictures keep the first view's budget: 40 requests, 500 kB, 1,500 nodes."""
    forms = (make_forms.poems(), make_forms.chorales(), make_forms.stylisations(), make_forms.walks())
    models = {f"artist-{i:02d}": ("rnn", "all") for i in range(40)}
    pictures = [make.png(28, 3, i) for i in range(4)]
    make.write_params(tmp_path, ["all"], models)
    make.write_record(tmp_path, "all", pictures, make.About())
    for index, (name, (kind, dataset)) in enumerate(models.items()):
        make.write_model(tmp_path, name, kind, dataset, pictures[:1], pictures)
        make_forms.hang(tmp_path, name, [work for work in forms[index % 4] for _ in range(4)])
    build_gallery(tmp_path)
    with Visit(browser, viewport={"width": 1440, "height": 900}) as visit:
        page = visit.go(f"{(tmp_path / 'data' / 'gallery').as_uri()}/index.html")
        files = {url for url in visit.requests if not url.startswith("data:")}
        sizes = [make_forms.Path(url.removeprefix("file://")).stat().st_size for url in files]
        assert len(files) <= 40
        assert sum(sizes) <= 500_000
        assert page.evaluate("document.querySelectorAll('*').length") <= 1500
