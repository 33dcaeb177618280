"""Themes are folders: what one lacks is the museum's; two ship, a project brings its own."""

import json
from pathlib import Path

import pytest

from artpipe.config.params import load_params
from artpipe.errors import UserError
from artpipe.gallery import collect_files, fingerprint_inputs, make_site
from artpipe.language.sentences import load_sentences
from artpipe.plugins import theme_folders
from artpipe.project.entry_validation import check_plugin_names
from artpipe.site.basic_pages import BASIC_PAGE_LISTS
from artpipe.site.media_files import MediaStore
from artpipe.site.museum import load_museum
from artpipe.site.themes import find_theme, make_translator
from tests.support.museums import find_museum


@pytest.fixture(scope="module")
def hung():
    """A project's parameters, what hangs of it, and its media."""
    root, media = find_museum(), MediaStore()
    params = load_params(root / "params.yaml")
    return root, params, load_museum(root, params, media, load_sentences()), media


def render(hung, theme, kind="index"):
    """Return the first page of a kind in a theme."""
    _, params, museum, _ = hung
    page = next(iter(BASIC_PAGE_LISTS[kind](museum)))
    site = make_site(params, theme, make_translator(params, theme))
    return site.render_page(kind, page.path, page.view, here=page.here).decode()


def test_two_themes_ship():
    """The museum, and a white cube."""
    assert set(theme_folders(Path("/"))) == {"museum", "cube"}


def test_the_cube_has_its_style_over_the_museum_s(hung):
    """The same pages with one style more; the museum knows nothing of it."""
    page = render(hung, find_theme("cube"))
    assert page.index("assets/museum.css") < page.index("assets/cube.css") < page.index("assets/pictures.css")
    assert "cube.css" not in render(hung, find_theme("museum"))
    files = collect_files({"index.html": page.encode()}, find_theme("cube"), hung[3])
    assert {"assets/cube.css", "assets/museum.css", "assets/museum.js", "assets/fonts/cormorant.woff2"} <= files.keys()


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A project's theme of one section, one style and one word."""
    theme = tmp_path / "plugins/themes/loft"
    for name, text in {
        "base.html": '{% extends "museum/base.html" %}{% block style %}<link rel="stylesheet" href="{{ root }}assets/loft.css">{% endblock %}',
        "sections/wall.html": '<h1 class="loft">{{ view.museum.title }}: {{ _("Rooms") }}</h1>',
        "assets/loft.css": "body { color: red }",
        "words/en.json": json.dumps({"Rooms": "Lofts"}),
    }.items():  # fmt: skip
        (theme / name).parent.mkdir(parents=True, exist_ok=True)
        (theme / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    return theme


def test_a_theme_of_a_project_replaces_what_it_has(hung, own):
    """A section, a style, a word; the rest is the museum's."""
    page = render(hung, find_theme("loft"))
    assert '<h1 class="loft">artpipe: Lofts</h1>' in page
    assert "assets/loft.css" in page
    assert 'id="rooms"' in page


def test_a_change_of_a_theme_is_a_change_of_the_gallery(hung, own):
    """Of its own files, and of the museum's that lie below."""
    root, params, _, _ = hung
    before = fingerprint_inputs(root, params, own, None)
    (own / "assets/loft.css").write_text("body { color: blue }")
    assert fingerprint_inputs(root, params, own, None) != before


def test_params_may_name_it(hung, own, tmp_path):
    """A wrong name is one line with the nearest."""
    _, params, _, _ = hung
    gallery = params.gallery.model_copy(update={"theme": "loft"})
    check_plugin_names(params.model_copy(update={"gallery": gallery}), tmp_path)
    wrong = params.model_copy(update={"gallery": gallery.model_copy(update={"theme": "lofd"})})
    with pytest.raises(UserError, match=r"`gallery\.theme` is `lofd`.*did you mean `loft`"):
        check_plugin_names(wrong, tmp_path)
    with pytest.raises(UserError, match=r"there are: cube, loft, museum, did you mean `loft`|did you mean `loft`"):
        find_theme("lofd")


@pytest.mark.parametrize("text", ['{"large_picture": true}', "{", '{"large_pictures": "often"}'])
def test_a_wrong_setting_is_one_line(hung, own, text):
    """It names the file."""
    (own / "theme.json").write_text(text)
    with pytest.raises(UserError, match=r"theme\.json"):
        render(hung, own)


def test_the_cube_hangs_every_work_in_full_size(hung):
    """Where the museum hangs a small copy among others."""
    settings = make_site(hung[1], find_theme("cube"), make_translator(hung[1], find_theme("cube"))).environment.globals
    assert settings["large_pictures"]
    other = make_site(hung[1], find_theme("museum"), make_translator(hung[1], find_theme("museum"))).environment.globals
    assert not other["large_pictures"]
