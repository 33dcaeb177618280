"""The page of `artpipe curate` in a browser: pick, hide and name, by mouse and by keys."""

import socket
import threading
import time

import pytest
import uvicorn

from artpipe.artifacts.curation import load_curation
from artpipe.orchestration.services.curate_server import make_curation_app
from artpipe.orchestration.services.curated_project import CuratedProject
from tests.support.museums import copy_museum


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A project of three models."""
    return copy_museum(tmp_path_factory.mktemp("museum"))


@pytest.fixture(scope="module")
def address(root):
    """Where its page is served."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    app = make_curation_app(CuratedProject(root), "token", port)
    server = uvicorn.Server(
        uvicorn.Config(app, host="127.0.0.1", port=port, lifespan="off", ws="none", log_level="error")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}/token/"
    server.should_exit = True
    thread.join()


def test_decisions_by_mouse_and_keys_are_in_the_file(browser, address, root):
    """Works picked one after the other hang in that order; the page has no error and no overflow at 360 pixels."""
    page = browser.new_page(viewport={"width": 360, "height": 800})
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.goto(address)
    works = page.locator('[data-model="digits-gan"]')
    recipes = [works.nth(index).get_attribute("data-recipe") for index in range(4)]

    def card(recipe):
        return page.locator(f'[data-model="digits-gan"][data-recipe="{recipe}"]')

    card(recipes[1]).locator("[data-control=pick]").click()
    card(recipes[1]).locator("[data-control=pick][aria-pressed=true]").wait_for()
    card(recipes[3]).press("p")
    card(recipes[3]).locator("[data-control=pick][aria-pressed=true]").wait_for()
    card(recipes[3]).press("Shift+ArrowLeft")
    page.wait_for_function(
        f"() => document.querySelector('[data-model=\"digits-gan\"]').dataset.recipe === {recipes[3]!r}"
    )
    card(recipes[2]).press("h")
    card(recipes[2]).locator("[data-control=hide][aria-pressed=true]").wait_for()
    card(recipes[0]).locator("input").fill("A seven")
    card(recipes[0]).locator("input").press("Enter")
    page.locator(f'[data-recipe="{recipes[0]}"][aria-label="A seven"]').wait_for()
    decided = load_curation(root).models["digits-gan"].works
    assert {recipe: (one.place, one.hidden, one.title) for recipe, one in decided.items()} == {
        recipes[3]: (1, False, ""), recipes[1]: (2, False, ""), recipes[2]: (None, True, ""), recipes[0]: (None, False, "A seven"),
    }  # fmt: skip
    sizes = "Array.from(document.querySelectorAll('button, input')).filter((one) => one.offsetHeight && one.offsetHeight < 40).length"
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.evaluate(sizes) == 0
    assert errors == []
    page.close()
