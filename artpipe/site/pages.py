"""Pages from views: one Jinja environment.

Autoescape is always on and every link is relative.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, DictLoader, Environment, FileSystemLoader, PrefixLoader, StrictUndefined
from markupsafe import Markup

from artpipe.contracts.section import GalleryPage, Museum, Section
from artpipe.contracts.site_language import SiteLanguage
from artpipe.errors import UserError
from artpipe.site.basic_pages import BASIC_PAGE_LISTS
from artpipe.site.compiled_templates import CompiledTemplates, call_at_rendering
from artpipe.site.site_files import make_site_files
from artpipe.site.themes import list_layers, load_settings
from artpipe.system.plain_text import to_printable

_POLICY: Mapping[str, Sequence[str]] = {
    "default-src": ("'none'",),
    "img-src": ("'self'", "data:"),
    "media-src": ("'self'",),
    "style-src": ("'self'",),
    "script-src": ("'self'",),
    "connect-src": ("'self'",),  # else Lighthouse cannot ask for robots.txt, and calls it invalid
    "font-src": ("'self'",),
    "base-uri": ("'none'",),
    "form-action": ("'none'",),
}
_COMPILED = CompiledTemplates()
_PERCENT = re.compile(r"%%|%\(\w+\)s|%")


@dataclass(frozen=True)
class Site:
    """A theme with the chosen sections."""

    environment: Environment
    sections: Sequence[tuple[str, Section[Any]]]  # in the order of params.yaml

    def list_page_kinds(self) -> Mapping[str, Callable[[Museum], Iterable[GalleryPage]]]:
        """Return what lists the pages of each kind, those of sections last.

        Raises:
            UserError: two bring pages of one kind.
        """
        lists = dict(BASIC_PAGE_LISTS)
        for name, section in self.sections:
            if section.list_pages and lists.setdefault(section.page, section.list_pages) is not section.list_pages:
                raise UserError(f"section `{name}` brings pages `{section.page}`, which there are already")
        return lists

    @property
    def links(self) -> Sequence[tuple[str, str]]:
        """Return the word and the kind of each page that all pages lead to."""
        return [(section.link, section.page) for _, section in self.sections if section.link]

    def render_page(self, kind: str, path: str, view: object, **facts: object) -> bytes:
        """Render the page of `kind` that lies at `path` in the gallery."""
        museum = getattr(view, "museum", None)
        shared = {"view": view, "museum": museum, "root": "../" * path.count("/"), "path": path}
        shared |= {"links": self.links, "switch": _list_switches(museum, path, facts.get("root")), **facts}
        shared["media_root"] = "../" * path.count("/") + "../" * (museum.here.prefix.count("/") if museum else 0)
        rendered = [
            (name, section, part)
            for name, section in self.sections
            if section.page == kind and (part := self._render_section(name, section, shared)) is not None
        ]
        parts = [(name, part) for name, _, part in rendered]
        shown = [section for _, section, _ in rendered]
        scripts = list(dict.fromkeys(script for section in shown for script in section.scripts))
        policy = make_policy([section.policy for section in shown])
        html = self.environment.select_template([f"{kind}.html", "page.html"]).render(
            parts=parts, scripts=scripts, policy=policy, **shared
        )
        return ("\n".join(line.rstrip() for line in html.split("\n") if line.strip()) + "\n").encode()

    def _render_section(self, name: str, section: Section[Any], shared: Mapping[str, Any]) -> Markup | None:
        filled = section.fill(shared["view"])
        if filled is None:
            return None
        template = self.environment.select_template([f"sections/{name}.html", f"built-in/{name}"])
        return Markup(template.render(**shared, **filled))  # noqa: S704 - rendered with autoescape


def _list_switches(museum: Museum | None, path: str, root: object) -> Sequence[tuple[SiteLanguage, str]]:
    """Return the same page in each language of the gallery; none for one language.

    A page that is shown at any address leads to the entrances.
    """
    if museum is None or len(museum.languages) < 2:  # noqa: PLR2004 - of one there is nothing to choose
        return []
    if root is not None:
        return [(one, f"{root}{one.prefix}index.html") for one in museum.languages]
    home = "../" * (museum.here.prefix + path).count("/")
    return [(one, f"{home}{one.prefix}{path}") for one in museum.languages]


def make_policy(additions: Iterable[Mapping[str, str]]) -> Markup:
    """Return the Content-Security-Policy of a page, with what its sections need."""
    directives = {name: list(sources) for name, sources in _POLICY.items()}
    for addition in additions:
        for name, source in addition.items():
            directives.setdefault(name, []).append(source)
    policy = "; ".join(f"{name} {' '.join(dict.fromkeys(sources))}" for name, sources in directives.items())
    return Markup(policy.replace('"', ""))  # noqa: S704 - constants of sections, in double quotes


def render_pages(site: Site, museum: Museum) -> Iterator[tuple[str, bytes]]:
    """Yield every page with its path, and the files beside it.

    The entrance comes first; feeds and the site map, which name the pages, come last. In a further language of the gallery
    what all languages share is left out.
    """
    paths, is_further = list[str](), bool(museum.here.prefix)
    for kind, list_pages in site.list_page_kinds().items():
        for page in list_pages(museum):
            if page.is_single and is_further:
                continue
            facts = {} if page.root is None else {"root": page.root}
            yield page.path, site.render_page(kind, page.path, page.view, here=page.here, **facts)
            yield from page.files.items()
            yield from () if is_further else page.shared.items()
            paths.append(page.path)
    yield from make_site_files(museum, paths)


def collect_pages(pages: Iterable[tuple[str, bytes]]) -> dict[str, bytes]:
    """Return pages by their path.

    Raises:
        UserError: two have the same one.
    """
    collected: dict[str, bytes] = {}
    for path, page in pages:
        if collected.setdefault(path, page) is not page:
            raise UserError(
                f"gallery: two pages are called `{to_printable(path)}`; give the model, or the page of a section in"
                " plugins/sections/, another name"
            )
    return collected


def make_environment(
    theme: Path,
    sections: Sequence[tuple[str, Section[Any]]],
    filters: Mapping[str, Callable[..., Any]],
    gettext: Callable[[str], str],
    ngettext: Callable[[str, str, int], str],
) -> Environment:
    """Return the Jinja environment of a theme.

    A theme's files come first, then the fragments of the sections.
    """
    layers = list_layers(theme)
    base = FileSystemLoader(layers[-1])  # a theme's `base.html` extends `museum/base.html`
    built_in = DictLoader({f"built-in/{name}": section.html for name, section in sections})
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(layers), PrefixLoader({layers[-1].name: base}), built_in]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
        bytecode_cache=_COMPILED,
    )
    environment.install_gettext_callables(lambda text: escape_percent(gettext(text)), ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.filters |= {name: call_at_rendering(function) for name, function in filters.items()}
    environment.globals |= load_settings(theme).model_dump()
    return environment


def escape_percent(text: str) -> str:
    """Return a text of which only ``%(name)s`` is filled in.

    Jinja formats every text, also that of a plugin which speaks of 10 %.
    """
    return _PERCENT.sub(lambda found: found[0] if len(found[0]) > 1 else "%%", text)
