"""Feeds, the site map, addresses, and the index by which works are found."""

import json
import re
from dataclasses import replace
from xml.etree import ElementTree as ET

import pytest

from artpipe.config.params import load_params
from artpipe.errors import UserError
from artpipe.gallery import make_site
from artpipe.language.sentences import load_sentences
from artpipe.sections.browse import list_pages
from artpipe.sections.not_found import list_pages as list_lost_pages
from artpipe.site.feeds import make_feeds
from artpipe.site.media_files import MediaStore
from artpipe.site.museum import load_museum
from artpipe.site.site_map import make_site_map, page_address
from artpipe.site.themes import find_theme, make_translator
from tests.support.museums import find_museum

BASE = "https://example.org/art/"
TYPES = "http://cv.iptc.org/newscodes/digitalsourcetype/"
ATOM, SITEMAP = "{http://www.w3.org/2005/Atom}", "{http://www.sitemaps.org/schemas/sitemap/0.9}"


@pytest.fixture(scope="module")
def root():
    """A project of three models with sixty works."""
    return find_museum()


@pytest.fixture(scope="module")
def museum(root):
    """What hangs of it."""
    return load_museum(root, load_params(root / "params.yaml"), MediaStore(), load_sentences())


def parse_xml(data):
    """Return the root of a file that the test has just made."""
    return ET.fromstring(data)  # noqa: S314


def rows_of(museum):
    """Return the rows of the index, and the paths of its pages."""
    pages = list(list_pages(museum))
    shards = [data for page in pages for data in page.files.values()]
    texts = [re.fullmatch(r"artpipeWorks\(\d+,(.*)\);\n", data.decode(), re.DOTALL)[1] for data in shards]
    return [json.loads(text) for text in texts], [page.path for page in pages]


def test_every_work_is_on_a_page_and_in_the_index(museum):
    """Sixty works are three pages of 24 at most and one shard; a row has the page, the title, the model and its class."""
    (rows,), paths = rows_of(museum)
    works = [work for _, artist in museum.artists for work in artist.works]
    assert [row[:2] for row in rows] == [[work.id, work.title] for work in works]
    assert paths == ["browse/index.html", "browse/page-2/index.html", "browse/page-3/index.html"]
    assert [len(page.view.works) for page in list_pages(museum)] == [24, 24, 12]
    models = [artist.name for _, artist in museum.artists]
    seven = next(row for row in rows if row[0] == "digits-gan-sample-002")
    assert (models[seven[2]], seven[3]) == ("digits-gan", "2")
    assert "二" in seven[4]  # the title in Chinese, in an English gallery


def test_ten_thousand_works_are_twenty_shards(museum):
    """A shard has 500 works and at most 150 kB; a changed work changes its own shard alone."""
    room = museum.rooms[0]
    many = [replace(room.artists[0].works[0], id=f"w-{number}") for number in range(10_000)]
    large = replace(museum, rooms=[replace(room, artists=[replace(room.artists[0], works=many)])])
    shards, paths = rows_of(large)
    assert (len(shards), len(paths)) == (20, 417)
    assert {len(rows) for rows in shards} == {500}
    files = next(iter(list_pages(large))).files
    assert max(map(len, files.values())) < 150_000
    many[700] = replace(many[700], title="another")
    again = replace(museum, rooms=[replace(room, artists=[replace(room.artists[0], works=many)])])
    differs = [name for name, data in next(iter(list_pages(again))).files.items() if data != files[name]]
    assert differs == ["browse/works-1.js"]


def test_feeds_name_the_newest_works(museum):
    """Both have the same works of at most twelve per model, each with a date, an author, an id of its training, and no markup of strangers."""
    files = dict(make_feeds(replace(museum, base_url=BASE), ()))
    feed, atom = json.loads(files["feed.json"]), parse_xml(files["feed.xml"])
    entries = atom.findall(f"{ATOM}entry")
    assert feed["version"] == "https://jsonfeed.org/version/1.1"
    assert [item["id"] for item in feed["items"]] == [entry.findtext(f"{ATOM}id") for entry in entries]
    assert [item["title"] for item in feed["items"]] == [entry.findtext(f"{ATOM}title") for entry in entries]
    assert len(feed["items"]) == 36
    assert all(item["url"].startswith(f"{BASE}works/") for item in feed["items"])
    assert {item["date_published"] for item in feed["items"]} == {"2026-11-18T11:09:50Z"}
    assert len({item["id"] for item in feed["items"]}) == 36
    assert "<script" not in "".join(item["content_html"] for item in feed["items"])


@pytest.mark.parametrize(("labels", "ends"), [((), ""), (("eu",), "AI model"), (("cn",), "AI model AI生成")])
def test_feeds_say_of_each_work_that_a_model_made_it(museum, labels, ends):
    """Both name IPTC's digital source type; the sentence of the work's page stands below where a law asks for it."""
    files = dict(make_feeds(replace(museum, base_url=BASE, labels=labels), ()))
    item = json.loads(files["feed.json"])["items"][0]
    assert item["_artpipe"]["digital_source_type"] == f"{TYPES}trainedAlgorithmicMedia"
    assert item["content_html"].endswith(f"<p>Generated by an {ends}</p>") == bool(labels)
    entry = parse_xml(files["feed.xml"]).find(f"{ATOM}entry")
    (category,) = [one for one in entry.findall(f"{ATOM}category") if one.get("scheme") == TYPES]
    assert (category.get("term"), category.get("label")) == ("trainedAlgorithmicMedia", "Generated by an AI model")
    assert entry.findtext(f"{ATOM}content") == item["content_html"]


def test_feeds_are_relative_where_no_address_is_known(museum):
    """Without `base_url` they lead to works beside them."""
    feed = json.loads(dict(make_feeds(museum, ()))["feed.json"])
    assert {item["url"].partition("/")[0] for item in feed["items"]} == {"works"}


def test_the_site_map_names_every_page(museum, monkeypatch):
    """All pages but 404 by their canonical address; two files and an index where one may not hold them; none without an address."""
    pages = ["index.html", "browse/index.html", "works/a/index.html", "404.html"]
    public = replace(museum, base_url=BASE)
    tree = parse_xml(dict(make_site_map(public, pages))["sitemap.xml"])
    found = [place.text for place in tree.iter(f"{SITEMAP}loc")]
    assert found == [BASE, f"{BASE}browse/", f"{BASE}works/a/"]
    monkeypatch.setattr("artpipe.site.site_map._PAGES_PER_FILE", 2)
    files = dict(make_site_map(public, pages))
    assert sorted(files) == ["sitemap-1.xml", "sitemap-2.xml", "sitemap.xml"]
    index = parse_xml(files["sitemap.xml"])
    assert [place.text for place in index.iter(f"{SITEMAP}loc")] == [f"{BASE}sitemap-1.xml", f"{BASE}sitemap-2.xml"]
    assert dict(make_site_map(museum, pages)) == {}


def test_a_page_has_its_address_where_one_is_known(root, museum):
    """Canonical address, and the picture by which a link to it is shown elsewhere; neither without `base_url`."""
    params = load_params(root / "params.yaml")
    theme = find_theme(params.gallery.theme)
    site = make_site(params, theme, make_translator(params, theme))
    public = replace(museum, base_url=BASE)
    page = next(iter(site.list_page_kinds()["work"](public)))
    html = site.render_page("work", page.path, page.view, here=page.here).decode()
    address = page_address(public, page.path)
    assert f'<link rel="canonical" href="{address}">' in html
    assert f'<meta property="og:image" content="{BASE}{page.view.work.media.src}">' in html
    page = next(iter(site.list_page_kinds()["work"](museum)))
    bare = site.render_page("work", page.path, page.view, here=page.here).decode()
    assert "canonical" not in bare
    assert "og:image" not in bare
    assert f'<meta property="og:title" content="{page.view.work.title}' in bare


@pytest.mark.parametrize(("base", "start"), [(BASE, "/art/"), ("https://example.org/", "/"), ("", "")])
def test_the_empty_frame_is_found_from_any_depth(museum, base, start):
    """The page of a wrong address leads to the folder where the gallery is published."""
    (page,) = list_lost_pages(replace(museum, base_url=base))
    assert (page.path, page.root) == ("404.html", start)


@pytest.mark.parametrize("wrong", ["example.org/art", "ftp://example.org/", "https://example.org/?a=1", "javascript:0"])
def test_a_wrong_address_is_one_line(root, tmp_path, wrong):
    """What is no address of a folder is refused with the place and what is expected."""
    text = (root / "params.yaml").read_text().replace("theme: museum", f'theme: museum, base_url: "{wrong}"')
    (tmp_path / "params.yaml").write_text(text)
    with pytest.raises(UserError, match=r"gallery\.base_url.*https://example\.org/art/") as caught:
        load_params(tmp_path / "params.yaml")
    assert "\n" not in str(caught.value)


def test_an_address_ends_in_a_slash(root, tmp_path):
    """However it is written."""
    text = (root / "params.yaml").read_text().replace("theme: museum", f"theme: museum, base_url: {BASE[:-1]}")
    (tmp_path / "params.yaml").write_text(text)
    assert load_params(tmp_path / "params.yaml").gallery.base_url == BASE
