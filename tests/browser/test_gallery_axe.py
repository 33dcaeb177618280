"""axe-core (Deque) finds nothing to complain of on any form of page, by day, in the evening, and on a small screen."""

import functools

import make_museum as make
import pytest
from axe_playwright_python.sync_playwright import Axe
from visits import Visit

from artpipe.gallery import build_gallery
from tests.support.museums import copy_museum, find_built_museum

PAGES = {
    "small": (
        *("index", "datasets/digits/index", "datasets/emoji/index"),
        *("models/digits-gan/index", "models/digits-reader/index", "models/digits-vae/index"),
        *("works/digits-gan-sample-001/index", "works/emoji-gan-sample-000/index", "provenance/index"),
    ),
    "forms": (
        *("index", "datasets/hills/index", "datasets/verse/index"),
        *(f"models/{name}/index" for name in ("poet", "poet-of-tang", "composer", "painter", "enlarger", "walker")),
        *(f"works/{name}-sample-000/index" for name in ("poet", "poet-of-tang", "composer")),
        *(f"works/{name}/index" for name in ("painter-stylisation-000", "enlarger-enlargement-000", "walker-walk-003")),
        *(f"{name}/index" for name in ("browse", "catalogue", "compare", "failures", "provenance", "walkthrough")),
        "404",
    ),
}
ALWAYS = {  # each page and each pair of lights; the rest nightly
    *(("forms", "index", light) for light in ("day", "evening")),
    *(("forms", "models/painter/index", light) for light in ("evening", "in the hand")),
    *(("forms", "works/composer-sample-000/index", light) for light in ("day", "in the hand")),
}
LIGHTS = {"day": ("light", 1280), "evening": ("dark", 1280), "in the hand": ("light", 390)}


@pytest.fixture(scope="module")
def find_gallery(tmp_path_factory):
    """Return a function that returns a gallery: the small museum, with a classifier more, or that of all forms."""

    @functools.cache
    def find(name):
        if name == "forms":
            return find_built_museum("forms") / "data/gallery"
        root = copy_museum(tmp_path_factory.mktemp(name), name)
        digits = [make.png(28, 1, i) for i in range(12)]
        params = root / "params.yaml"
        entry = "  digits-reader: {kind: classifier, dataset: digits, pretrained: data/shards/digits, feature_extractor: digits-reader}\n"
        params.write_text(params.read_text().replace("  digits-vae:", f"{entry}  digits-vae:"))
        make.write_model(root, "digits-reader", "classifier", "digits", digits, digits, role="explanation")
        build_gallery(root)
        return root / "data/gallery"

    return find


def list_visits():
    """Some pages by day, in the evening and on a small screen; all of them nightly."""
    return [
        pytest.param(museum, page, light, marks=[] if (museum, page, light) in ALWAYS else [pytest.mark.nightly])
        for museum, pages in PAGES.items()
        for page in pages
        for light in LIGHTS
    ]


@pytest.mark.parametrize(("museum", "page", "light"), list_visits())
def test_axe_finds_no_violation(browser, find_gallery, museum, page, light):
    """Contrast, names, roles, order of headings, landmarks: all rules that axe has on by itself."""
    scheme, width = LIGHTS[light]
    with Visit(browser, color_scheme=scheme, viewport={"width": width, "height": 900}) as visit:
        opened = visit.go(f"{find_gallery(museum).as_uri()}/{page}.html")
        closed = opened.locator("details:not([open]) > summary:visible")
        while closed.count():
            closed.first.click()
        found = Axe().run(opened)
        assert len(found.response["passes"]) > 20  # it did look
        assert found.violations_count == 0, found.generate_report()
