"""The early gallery in a real browser: it fills where it is served, and holds still under who reads."""

import shutil
import threading
import time
from pathlib import Path

import make_museum as make
import pytest
from axe_playwright_python.sync_playwright import Axe
from visits import Visit

from artpipe.artifacts import paths
from artpipe.gallery import build_gallery
from artpipe.orchestration.reporting.gallery_preview import GalleryPreview
from artpipe.orchestration.reporting.preview_folder import FOLDER
from artpipe.orchestration.reporting.run_progress import RunProgress
from artpipe.orchestration.scheduling.dvc_graph import Stage
from artpipe.orchestration.services.gallery_server import gallery_server
from tests.support.museums import find_museum

MODEL = "digits-gan"
HUNG = f'[data-key="model-{MODEL}"].hang'


class Museum:
    """A project in which a run is under way, its early gallery, and a server that shows it as `artpipe serve` does."""

    def __init__(self, root: Path, aside: Path) -> None:
        self.root, self.aside, self.early = root, aside, True
        self.hide(MODEL)
        names = (f"train@{MODEL}", f"evaluate@{MODEL}")
        stages = [Stage(names[0], (), True, 90.0, seconds=80.0), Stage(names[1], names[:1], True, 10.0, seconds=10.0)]
        self.progress = RunProgress(stages, 2)
        self.preview = GalleryPreview(root)
        self.preview.write_pages(self.progress)
        self.server = gallery_server(root / paths.gallery(), 0, lambda: root / FOLDER if self.early else None)
        self.thread = threading.Thread(target=self.server.run, daemon=True)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        self.address = f"http://127.0.0.1:{self.server.servers[0].sockets[0].getsockname()[1]}"

    def hide(self, model: str) -> None:
        for folder in (paths.run(model), paths.report(model)):
            (self.aside / folder).parent.mkdir(parents=True, exist_ok=True)
            (self.root / folder).rename(self.aside / folder)

    def hang(self, model: str) -> None:
        for folder in (paths.run(model), paths.report(model)):
            (self.aside / folder).rename(self.root / folder)
        self.preview.reload()
        self.preview.write_pages(self.progress)

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join(10)


@pytest.fixture(scope="module")
def finished():
    return find_museum()


@pytest.fixture
def museum(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "project")
    museum = Museum(tmp_path / "project", tmp_path / "aside")
    yield museum
    museum.close()


def test_a_served_page_fills_by_itself(browser, museum):
    """What was judged hangs within seconds, with its pictures loaded and sized; the time left goes on; nobody complains."""
    with Visit(browser, viewport={"width": 1440, "height": 900}) as visit:
        page = visit.go(museum.address)
        assert page.locator(HUNG).count() == 0
        museum.progress.on_start(f"train@{MODEL}")
        museum.progress.on_step(f"train@{MODEL}", 30, 120)
        museum.preview.write_pages(museum.progress)
        page.wait_for_selector("text=in training, step 30 of 120", timeout=60_000)
        museum.hang(MODEL)
        page.wait_for_selector(HUNG, timeout=60_000)
        page.locator(HUNG).scroll_into_view_if_needed()
        page.wait_for_function(f"[...document.querySelectorAll('{HUNG} img')].every(i => i.complete && i.naturalWidth)")
        assert page.evaluate(f"document.querySelector('{HUNG} img').getBoundingClientRect().width") > 20
        assert visit.complaints == []


@pytest.mark.nightly
def test_what_is_read_stays_where_it_is(browser, museum):
    """A room below the one that grows: not a pixel, and no picture of it is made anew."""
    with Visit(browser, viewport={"width": 1000, "height": 700}) as visit:
        page = visit.go(museum.address)
        read = "document.querySelector('[data-key=\"model-emoji-gan\"]')"
        page.evaluate(f"{read}.scrollIntoView({{behavior: 'instant'}}); {read}.querySelector('img').seen = true")
        page.wait_for_load_state("networkidle")
        before = page.evaluate(f"{read}.getBoundingClientRect().top")
        height = page.evaluate("document.body.scrollHeight")
        museum.hang(MODEL)
        page.wait_for_selector(HUNG, state="attached", timeout=60_000)
        page.wait_for_timeout(300)
        assert page.evaluate("document.body.scrollHeight") > height + 100
        assert abs(page.evaluate(f"{read}.getBoundingClientRect().top") - before) <= 1
        assert page.evaluate(f"{read}.querySelector('img').seen") is True


@pytest.mark.nightly
def test_after_the_run_nobody_asks_any_more(browser, museum):
    """The page becomes the gallery's, without how far the run is, and is left alone from then on."""
    with Visit(browser) as visit:
        page = visit.go(museum.address)
        page.wait_for_selector(".run")
        museum.hang(MODEL)
        build_gallery(museum.root)
        museum.early = False
        page.wait_for_selector(".run", state="detached", timeout=60_000)
        assert page.locator(HUNG).count() == 1
        page.wait_for_load_state("networkidle")
        asked = len(visit.requests)
        page.wait_for_timeout(5000)
        assert len(visit.requests) == asked
        assert visit.complaints == []


@pytest.mark.nightly
def test_a_page_in_a_folder_is_left_alone(browser, museum):
    """It asks for nothing by itself; loaded again, it shows what hangs by then."""
    with Visit(browser) as visit:
        page = visit.go((museum.root / FOLDER / "index.html").as_uri())
        asked = len(visit.requests)
        museum.hang(MODEL)
        page.wait_for_timeout(5000)
        assert (len(visit.requests), page.locator(HUNG).count()) == (asked, 0)
        page.reload()
        assert page.locator(HUNG).count() == 1
        assert visit.complaints == []


def test_a_page_without_a_script_reads_the_same(browser, museum):
    """How far the run is and what is under way are in the page itself."""
    with Visit(browser, java_script_enabled=False) as visit:
        visit.page.goto(museum.address)
        text = visit.page.inner_text("main")
        assert "about 2 min left" in text.lower()
        assert "waits for its turn, hangs in about 2 min" in text


@pytest.mark.parametrize(
    ("light", "width"), [("light", 1440), pytest.param("dark", 1200, marks=pytest.mark.nightly), ("dark", 360)]
)
def test_axe_finds_no_violation_while_it_fills(browser, museum, light, width):
    """Contrast, names, roles, order of headings; nothing is wider than the screen."""
    museum.progress.on_start(f"train@{MODEL}")
    museum.progress.on_step(f"train@{MODEL}", 30, 120)
    sheets = museum.root / ".state/train" / MODEL / "hash/progress"
    sheets.mkdir(parents=True)
    (sheets / "step-00000030.png").write_bytes(make.png(226, 1, 1))
    museum.preview.write_pages(museum.progress)
    with Visit(browser, color_scheme=light, viewport={"width": width, "height": 900}) as visit:
        page = visit.go((museum.root / FOLDER / "index.html").as_uri())
        assert page.locator(".easel img").count() == 1
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        found = Axe().run(page)
        assert found.violations_count == 0, found.generate_report()
