"""Pages from views: one Jinja environment.

Autoescape is always on and every link is relative.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, DictLoader, Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from artpipe.contracts.section import DatasetView, IndexView, ModelView, Museum, ProvenanceView, Section, WorkView
from artpipe.site.featured_work import choose_featured
from artpipe.site.work_records import make_model_record, make_work_record

_POLICY: Mapping[str, Sequence[str]] = {
    "default-src": ("'none'",),
    "img-src": ("'self'", "data:"),
    "media-src": ("'self'",),
    "style-src": ("'self'",),
    "script-src": ("'self'",),
    "font-src": ("'self'",),
    "base-uri": ("'none'",),
    "form-action": ("'none'",),
}


@dataclass(frozen=True)
class Site:
    """A theme with the chosen sections."""

    environment: Environment
    sections: Sequence[tuple[str, Section[Any]]]  # in the order of params.yaml

    def render_page(self, kind: str, path: str, view: object, **facts: object) -> bytes:
        """Render the page of `kind` that lies at `path` in the gallery."""
        root = "../" * path.count("/")
        shared = {"view": view, "museum": getattr(view, "museum", None), "root": root, **facts}
        rendered = [
            (name, section, part)
            for name, section in self.sections
            if section.page == kind and (part := self._render_section(name, section, shared)) is not None
        ]
        parts = [(name, part) for name, _, part in rendered]
        shown = [section for _, section, _ in rendered]
        scripts = list(dict.fromkeys(script for section in shown for script in section.scripts))
        policy = make_policy([section.policy for section in shown])
        html = self.environment.get_template(f"{kind}.html").render(
            parts=parts, scripts=scripts, policy=policy, **shared
        )
        return ("\n".join(line.rstrip() for line in html.split("\n") if line.strip()) + "\n").encode()

    def _render_section(self, name: str, section: Section[Any], shared: Mapping[str, Any]) -> Markup | None:
        filled = section.fill(shared["view"])
        if filled is None:
            return None
        template = self.environment.select_template([f"sections/{name}.html", f"built-in/{name}"])
        return Markup(template.render(**shared, **filled))  # noqa: S704 - rendered with autoescape


def make_policy(additions: Iterable[Mapping[str, str]]) -> Markup:
    """Return the Content-Security-Policy of a page, with what its sections need."""
    directives = {name: list(sources) for name, sources in _POLICY.items()}
    for addition in additions:
        for name, source in addition.items():
            directives.setdefault(name, []).append(source)
    policy = "; ".join(f"{name} {' '.join(dict.fromkeys(sources))}" for name, sources in directives.items())
    return Markup(policy.replace('"', ""))  # noqa: S704 - constants of sections, in double quotes


def render_pages(site: Site, museum: Museum) -> Iterator[tuple[str, bytes]]:
    """Yield every page with its path; models and works have a JSON file beside it.

    The entrance, the page on provenance, then each room with its models and their works.
    """
    yield "index.html", site.render_page("index", "index.html", IndexView(museum, choose_featured(museum)), here="")
    path = "provenance/index.html"
    yield path, site.render_page("provenance", path, ProvenanceView(museum), here="provenance")
    for room in museum.rooms:
        path = f"datasets/{room.name}/index.html"
        yield path, site.render_page("dataset", path, DatasetView(museum, room), here=room.name)
        for artist in room.artists:
            path = f"models/{artist.name}/index.html"
            model_view = ModelView(museum, room, artist)
            yield path, site.render_page("model", path, model_view, here=room.name)
            yield f"models/{artist.name}/model.json", make_model_record(model_view)
            for previous, work, after in zip(
                [None, *artist.works[:-1]], artist.works, [*artist.works[1:], None], strict=True
            ):
                path = f"works/{work.id}/index.html"
                view = WorkView(museum, room, artist, work, previous, after)
                yield path, site.render_page("work", path, view, here=room.name)
                yield f"works/{work.id}/work.json", make_work_record(view)


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
    built_in = DictLoader({f"built-in/{name}": section.html for name, section in sections})
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(theme), built_in]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    environment.install_gettext_callables(gettext, ngettext, newstyle=True)  # type: ignore[attr-defined]
    environment.filters.update(filters)
    return environment
