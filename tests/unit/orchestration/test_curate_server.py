"""The page of `artpipe curate`: who may ask it what, and what becomes of it."""

import pytest
from starlette.testclient import TestClient

from artpipe.orchestration.services.curate_server import make_curation_app, render_page
from artpipe.orchestration.services.curated_project import CuratedProject
from tests.support.museums import copy_museum

ORIGIN = {"Origin": "http://127.0.0.1:8010"}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project of three models."""
    return CuratedProject(copy_museum(tmp_path_factory.mktemp("museum")))


@pytest.fixture(scope="module")
def client(project):
    """Asks its page."""
    app = make_curation_app(project, "token", 8010)
    return TestClient(app, base_url="http://127.0.0.1:8010", raise_server_exceptions=False)


def find_work(project, model="digits-gan"):
    """Return the first work of a model as the page is told of it."""
    return next(one for one in project.describe()["models"] if one["name"] == model)["works"][0]


def test_only_the_page_itself_may_change_anything(client, project):
    """Not a form, not another page, not one without the token, not one that calls this machine by another name."""
    asked = {"model": "digits-gan", "recipe": find_work(project)["recipe"], "decision": {"hidden": True}}
    assert client.get("/").status_code == 404
    assert client.post("/other/decide", json=asked, headers=ORIGIN).status_code == 404
    assert client.post("/token/decide", json=asked).status_code == 403
    assert client.post("/token/decide", json=asked, headers={"Origin": "https://example.org"}).status_code == 403
    assert client.post("/token/decide", data=asked, headers=ORIGIN).status_code == 403
    assert client.get("/token/", headers={"Host": "example.org"}).status_code == 400
    assert client.get("/token/decide").status_code == 405
    assert not find_work(project)["hidden"]


def test_a_decision_is_in_the_file_at_once(client, project):
    """And the page is told how the walls are now, the hidden work among them."""
    recipe = find_work(project)["recipe"]
    asked = {"model": "digits-gan", "recipe": recipe, "decision": {"hidden": True, "title": "Seven"}}
    answer = client.post("/token/decide", json=asked, headers=ORIGIN)
    assert answer.status_code == 200
    shown = next(one for one in answer.json()["models"] if one["name"] == "digits-gan")["works"]
    (work,) = (one for one in shown if one["recipe"] == recipe)
    assert (work["hidden"], work["own"], work["title"]) == (True, "Seven", "Seven")
    last = shown[-1]["recipe"]
    answer = client.post("/token/order", json={"model": "digits-gan", "recipes": [last]}, headers=ORIGIN).json()
    works = next(one for one in answer["models"] if one["name"] == "digits-gan")["works"]
    assert [one["recipe"] for one in works if one["place"]] == [last]


@pytest.mark.parametrize(
    ("action", "asked", "said"),
    [
        ("decide", {"model": "digits-gam", "recipe": "x", "decision": {}}, "did you mean `digits-gan`"),
        ("decide", {"model": "digits-gan", "recipe": "sample seed", "decision": {}}, "hangs no `sample seed`"),
        ("decide", {"model": "digits-gan", "recipe": "x", "decision": {"place": -1}}, "place"),
        ("decide", {"model": 3}, "`model`: a text is wanted"),
        ("order", {"model": "digits-gan", "recipes": "all"}, "a list of texts is wanted"),
        ("breed", {"model": "digits-gan", "near": "first"}, "near"),
        ("breed", {"model": "digits-gan", "near": 5}, "no such file"),
        ("keep", {"model": "digits-gan", "bred": {"seed": 1}}, "near"),
        ("decide", [], "no JSON object"),
    ],
)
def test_a_wrong_request_is_one_line(client, action, asked, said):
    """Nothing is written; the page shows the line."""
    answer = client.post(f"/token/{action}", json=asked, headers=ORIGIN)
    assert answer.status_code == 422
    assert said in answer.json()["error"]
    assert "\n" not in answer.json()["error"]


def test_the_page_holds_hostile_titles_as_text(project):
    """No title ends the element that holds the state."""
    page = render_page(project)
    assert "<script>alert(1)</script>" not in page
    assert page.count("</script>") == 2


def test_pictures_are_below_the_token(client, project):
    """Under the name of their content."""
    name = next(iter(project.media)).removeprefix("media/")
    assert client.get(f"/token/media/{name}").content == project.media[f"media/{name}"]
    assert client.get(f"/media/{name}").status_code == 404
    assert client.get("/token/media/none.png").status_code == 404
