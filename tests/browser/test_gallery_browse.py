"""What is looked for in the gallery, in a real browser from a folder: filters, search, comparison, copies."""

import json
from pathlib import Path

import pytest
from visits import Visit

from tests.support.museums import find_built_museum

PAGES = ("browse", "browse/page-2", "compare", "failures", "404.html")
OVERFLOW = "document.documentElement.scrollWidth"


@pytest.fixture(scope="module")
def gallery():
    return find_built_museum() / "data/gallery"


def address(gallery, page):
    return f"{gallery.as_uri()}/{page}" if page.endswith(".html") else f"{gallery.as_uri()}/{page}/index.html"


@pytest.fixture
def browse(browser, gallery):
    """The first page of all works."""
    with Visit(browser, viewport={"width": 1440, "height": 900}) as visit:
        yield visit.go(address(gallery, "browse"))
        assert visit.complaints == []


def titles(page):
    return page.locator(".plate-title").all_inner_texts()


def test_works_are_found_while_one_types(browse):
    """English and Chinese words find the same works, the address keeps them, and a page opened at it shows the same."""
    browse.locator("[name=q]").fill("seven out of")
    browse.locator("[name=q]").fill("digits-gan SÉVEN")
    browse.wait_for_function("() => document.querySelectorAll('.plates li').length < 24")
    found = titles(browse)
    assert found
    assert all("even" in title for title in found)
    browse.locator("[name=q]").fill("digits-gan 七")
    browse.wait_for_function("() => location.hash.includes('%E4%B8%83')")
    assert titles(browse) == found
    browse.reload()
    browse.wait_for_function("() => document.querySelectorAll('.plates li').length < 24")
    assert (titles(browse), browse.locator("[name=q]").input_value()) == (found, "digits-gan 七")
    browse.locator("[type=reset]").click()
    browse.wait_for_function("() => document.querySelectorAll('.plates li').length === 24")
    assert not browse.locator("[type=reset]").is_visible()


def test_filters_narrow_and_the_way_back_widens(browse):
    """A collection leaves its own models to choose; back undoes it; pages go on within what is found; nothing found is said."""
    browse.locator("[name=dataset]").select_option("digits")
    browse.wait_for_function("() => document.querySelector('[role=status]').textContent === '44 works'")
    assert browse.locator("[name=model] option").evaluate_all("all => all.map(one => one.value)") == [
        "",
        "digits-gan",
        "digits-vae",
    ]
    browse.get_by_role("link", name="Next page").click()
    browse.wait_for_function("() => document.querySelectorAll('.plates li').length === 20")
    browse.locator("[name=model]").select_option("digits-vae")
    browse.wait_for_function("() => document.querySelector('[role=status]').textContent === '20 works'")
    browse.go_back()
    browse.wait_for_function("() => document.querySelector('[role=status]').textContent === '44 works'")
    browse.locator("[name=q]").fill("no such thing")
    browse.wait_for_function("() => document.querySelectorAll('.plates li').length === 0")
    assert browse.locator("[role=status]").inner_text() == "No work is like that."


@pytest.mark.parametrize("page_name", PAGES)
def test_pages_open_without_a_complaint(browser, gallery, page_name):
    """No message, no failed request, nothing sticks out at 360 and 1440 pixels; few requests, bytes and nodes."""
    for width in (360, 1440):
        with Visit(browser, viewport={"width": width, "height": 900}) as visit:
            page = visit.go(address(gallery, page_name))
            files = {url for url in visit.requests if url.startswith("file:")}
            assert visit.complaints == []
            assert page.evaluate(OVERFLOW) <= width
            assert len(files) <= 40
            assert sum(Path(url.removeprefix("file://")).stat().st_size for url in files) <= 500_000
            assert page.evaluate("document.querySelectorAll('*').length") <= 1500


def test_without_javascript_all_works_are_a_paged_list(browser, gallery):
    """Page after page by plain links, each work once; no form that would not work."""
    with Visit(browser, java_script_enabled=False) as visit:
        page, seen = visit.context.new_page(), []
        page.goto(address(gallery, "browse"))
        for _ in range(2):
            seen += page.locator(".plates a.hung").evaluate_all("all => all.map(a => a.href)")
            assert page.locator("input, select, button").locator("visible=true").count() == 0
            page.get_by_role("link", name="Next page").click()
        seen += page.locator(".plates a.hung").evaluate_all("all => all.map(a => a.href)")
    assert len(seen) == len(set(seen)) == 60


def test_one_slider_moves_all_models(browser, gallery):
    """At half of the training each model shows its sheet of then; keys move it; the last sheets stand there first."""
    with Visit(browser) as visit:
        page = visit.go(address(gallery, "compare"))
        steps = "[...document.querySelectorAll('.moving ol li:not([hidden])')].map(one => one.dataset.step)"
        assert page.evaluate(steps) == ["3000", "1500"]
        page.locator("input[type=range]").evaluate("one => { one.value = 0; one.dispatchEvent(new Event('input')); }")
        assert page.evaluate(steps) == ["500", "500"]
        assert page.locator("output").inner_text() == "17 percent of the training"
        page.keyboard.press("ArrowUp")
        assert page.evaluate(steps) == ["1000", "500"]
        assert visit.complaints == []


def test_a_hash_is_copied_whole(browser, gallery):
    """The button beside a checkpoint puts all its digits onto the clipboard, from a folder too."""
    record = json.loads((gallery / "works/digits-gan-sample-000/work.json").read_text())
    with Visit(browser, permissions=["clipboard-read", "clipboard-write"]) as visit:
        page = visit.go(address(gallery, "works/digits-gan-sample-000"))
        button = page.locator(".chain li", has_text=record["sha256"]).locator(".copy")
        button.click()
        page.wait_for_function("() => document.querySelector('.chain li:last-child .copy').textContent === 'copied'")
        assert page.evaluate("navigator.clipboard.readText()") == record["sha256"]
