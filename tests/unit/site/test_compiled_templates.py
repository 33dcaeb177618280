"""Templates are compiled once in a process, and each gallery renders them with its own filters."""

import pytest
from jinja2 import Environment
from markupsafe import Markup

from artpipe.contracts.section import Section
from artpipe.site.pages import make_environment
from artpipe.site.themes import find_theme


def environment(html, filters):
    sections = [("probe", Section("index", lambda view: {}, html=html))]
    return make_environment(find_theme("museum"), sections, filters, str, lambda one, other, n: one)


def test_a_filter_of_a_constant_speaks_the_gallery_s_own_language():
    """The second gallery of a process renders the code of the first, and none of its words."""
    for word in ("hand", "手"):
        page = environment('{{ "hand" | translate }}', {"translate": {"hand": word}.get})
        assert page.get_template("built-in/probe").render() == word


def test_what_a_filter_gives_is_escaped_as_ever():
    """Text is, markup is not."""
    for given, shown in (("<b>", "&lt;b&gt;"), (Markup("<b>"), "<b>")):
        page = environment("{{ 1 | given }}", {"given": lambda _, given=given: given})
        assert page.get_template("built-in/probe").render() == shown


def test_a_template_is_compiled_once_until_it_changes(monkeypatch: pytest.MonkeyPatch):
    """In every environment of the process; with other words in it, it is another template."""
    compiled, compile_template = [], Environment.compile

    def count(self, source, *arguments, **options):
        compiled.append(source)
        return compile_template(self, source, *arguments, **options)

    monkeypatch.setattr(Environment, "compile", count)
    for html, shown in (("counted", "counted"), ("counted", "counted"), ("changed", "changed"), ("counted", "counted")):
        assert environment(html, {}).get_template("built-in/probe").render() == shown
    assert compiled == ["counted", "changed", "counted"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("10 % is chance", "10 % is chance"),
        ("100%", "100%"),
        ("%d of %s", "%d of %s"),
        ("%%s percent", "%s percent"),
        ("%(n)s of 10 %", "3 of 10 %"),
    ],
)
def test_a_text_may_speak_of_per_cent(text, shown):
    """Texts of plugins too; only what is named is filled in, and two signs are one, as ever."""
    page = environment(f'{{{{ _("{text}", n=3) }}}}', {})
    assert page.get_template("built-in/probe").render() == shown
