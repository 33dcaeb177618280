"""A gallery in several languages: a folder each, one set of pictures, a switch on every page."""

import json
import re
from pathlib import Path

import pytest

from artpipe.config.params import load_params
from artpipe.errors import UserError
from artpipe.gallery import build_gallery, render_gallery
from artpipe.language.sentences import load_sentences
from artpipe.site.languages import list_site_languages
from artpipe.site.themes import find_theme
from artpipe.site_check.broken_links import check_links
from artpipe.site_check.published_site import PublishedSite
from artpipe.system.file_cache import FileCache
from tests.support.museums import copy_museum

BASE = "https://example.org/art/"


def set_gallery(root, text):
    """Add to the gallery's entry of params.yaml, and return the parameters."""
    path = root / "params.yaml"
    path.write_text(path.read_text().replace("theme: museum", f"theme: museum, {text}"))
    return load_params(path)


def render(root, params):
    """Return the files of a gallery that is not signed."""
    return render_gallery(root, params, find_theme(params.gallery.theme))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """The small museum in English and Chinese, at an address."""
    root = copy_museum(tmp_path_factory.mktemp("museum"))
    return render(root, set_gallery(root, f"languages: [en, zh], base_url: '{BASE}'"))


def pages(files, prefix):
    """Return the pages of a language, by their path in it."""
    found = {path.removeprefix(prefix): data.decode() for path, data in files.items() if path.endswith(".html")}
    if prefix:
        return {path: text for path, text in found.items() if prefix + path in files}
    return {path: text for path, text in found.items() if not path.startswith("zh/")}


def test_every_page_stands_in_both_languages(files):
    """But that of wrong addresses, which a server asks for once."""
    assert pages(files, "zh/").keys() == pages(files, "").keys() - {"404.html"}


def test_nothing_else_is_there_twice(files):
    """No picture, style or record lies below the folder of a language."""
    below = {
        Path(path).name if path.count("/") < 3 else path.rsplit("/", 1)[1] for path in files if path.startswith("zh/")
    }
    assert {name for name in below if not name.endswith(".html")} == {
        *("feed.json", "feed.xml", "attribution.txt", "works-0.js", "heads.css", "plan.js")
    }


def test_every_link_leads_somewhere(files):
    """Of pages, feeds, styles and manifests; and every page is reached from the entrance."""
    assert list(check_links(PublishedSite({**files, "gallery.json": b"{}"}, BASE))) == []


def test_the_switch_leads_to_the_same_page(files):
    """In the other language, by a plain link; pages say their language, and where the other one is."""
    for prefix, tag, other in (("", "en", "zh/"), ("zh/", "zh-CN", "")):
        site = PublishedSite(files)
        for path, text in pages(files, prefix).items():
            assert f'<html lang="{tag}">' in text
            if path == "404.html":
                continue
            (address,) = re.findall(r'<a lang="[^"]+" hreflang="[^"]+" href="([^"]+)">', text)
            assert site.find_file(prefix + path, address) == other + path
            assert f'hreflang="{tag}" href="{BASE}{prefix}{path.removesuffix("index.html")}"' in text
            assert f'<link rel="canonical" href="{BASE}{prefix}{path.removesuffix("index.html")}">' in text


def test_words_and_titles_are_of_the_language(files):
    """Pages, captions and feeds."""
    assert "浏览" in files["zh/browse/index.html"].decode()
    assert "浏览" not in files["browse/index.html"].decode()
    assert json.loads(files["zh/feed.json"])["language"] == "zh-CN"
    assert json.loads(files["zh/feed.json"])["home_page_url"] == f"{BASE}zh/index.html"


def test_the_site_map_has_all_pages(files):
    """In each language."""
    listed = set(re.findall("<loc>([^<]+)</loc>", files["sitemap.xml"].decode()))
    assert {f"{BASE}", f"{BASE}zh/", f"{BASE}zh/browse/"} <= listed
    assert len(listed) == len(pages(files, "")) - 1 + len(pages(files, "zh/"))


def test_one_language_has_no_switch(tmp_path):
    """It is as it was: no folder, no word of another one."""
    root = copy_museum(tmp_path)
    files = render(root, load_params(root / "params.yaml"))
    assert not any(path.startswith("zh/") for path in files)
    assert b"hreflang" not in b"".join(data for path, data in files.items() if path.endswith(".html"))


def test_a_project_adds_a_language_by_one_file(tmp_path, monkeypatch):
    """What the file does not say stays English."""
    root = copy_museum(tmp_path)
    monkeypatch.chdir(root)
    (root / "plugins/languages").mkdir(parents=True)
    table = {
        "name": "Deutsch",
        "words": {"Browse": "Alle Werke"},
        "sentences": {"generated_by_model": "Von einem KI-Modell"},
    }
    (root / "plugins/languages/de.json").write_text(json.dumps(table))
    files = render(root, set_gallery(root, "languages: [de]"))
    assert "<h1>Alle Werke</h1>" in files["de/browse/index.html"].decode()
    assert "Von einem KI-Modell" in files["de/feed.xml"].decode()
    assert ">Deutsch</a>" in files["index.html"].decode()
    assert '<html lang="de">' in files["de/index.html"].decode()
    assert list(check_links(PublishedSite({**files, "gallery.json": b"{}"}))) == []


def test_an_unknown_language_is_one_line(tmp_path):
    """It names what there is, and where another one belongs."""
    params = set_gallery(copy_museum(tmp_path), "languages: [zg]")
    with pytest.raises(UserError, match=r"no language `zg`; there are: en, zh.*plugins/languages/zg\.json"):
        list_site_languages(params)


def test_a_wrong_table_is_one_line(tmp_path, monkeypatch):
    """It names the file and the part that is none."""
    root = copy_museum(tmp_path)
    monkeypatch.chdir(root)
    (root / "plugins/languages").mkdir(parents=True)
    (root / "plugins/languages/de.json").write_text('{"wörter": {}}')
    with pytest.raises(UserError, match=r"de\.json: `wörter` is no part of a language"):
        render(root, set_gallery(root, "languages: [de]"))


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("{broken", "not JSON"),
        ('{"plural": 5}', "`plural` is not"),
        ('{"words": {"Browse": 5}}', "`words.Browse` is not"),
        ('{"sentences": {"seed": {"one": "x"}}}', "`sentences.seed` is not"),
    ],
)
def test_a_language_of_another_form_is_one_line(tmp_path, monkeypatch, text, place):
    """Its file and the part are named."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plugins/languages").mkdir(parents=True)
    (tmp_path / "plugins/languages/de.json").write_text(text)
    with pytest.raises(UserError, match=rf"plugins/languages/de\.json: {place}"):
        load_sentences("de")


def test_what_a_language_leaves_out_is_english(tmp_path, monkeypatch):
    """A file with one sign of numbers has the other signs, the words and the plurals of English."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plugins/languages").mkdir(parents=True)
    (tmp_path / "plugins/languages/de.json").write_text('{"numbers": {"decimal": ","}}')
    english, german = load_sentences("en"), load_sentences("de")
    assert german.numbers == {**english.numbers, "decimal": ","}
    assert german.plural == english.plural


def test_a_broken_language_stops_the_gallery_before_it_is_emptied(tmp_path, monkeypatch):
    """Also one that no page is in: titles are told in all languages, and no model is called damaged for it."""
    root = copy_museum(tmp_path)
    monkeypatch.chdir(root)
    (root / "data/gallery").mkdir()
    (root / "data/gallery/index.html").write_text("former")
    (root / "plugins/languages").mkdir(parents=True)
    (root / "plugins/languages/de.json").write_text("{broken")
    with pytest.raises(UserError, match=r"plugins/languages/de\.json: not JSON"):
        build_gallery(root)
    assert (root / "data/gallery/index.html").read_text() == "former"


def test_a_kept_file_that_another_rendering_removed_is_made_again(tmp_path, monkeypatch):
    """Between its look for the file and its reading, too."""
    cache = FileCache(tmp_path)
    assert cache.get_or_make([b"a"], lambda: b"made") == b"made"
    monkeypatch.setattr(Path, "is_file", lambda _: True)
    FileCache(tmp_path).forget_unused()
    assert cache.get_or_make([b"a"], lambda: b"again") == b"again"
