"""Find the pages of the gallery that show a work, or what was made from it."""

import html
import re
from collections.abc import Collection, Iterator, Mapping

from artpipe.artifacts import paths
from artpipe.artifacts.report import ReportCard
from artpipe.config.params import Params
from artpipe.project.forgetting.held_works import Holdings
from artpipe.site.loader import list_digests

_WORK_LINK = re.compile(rb"\bworks/([\w.-]+)/")
_NAMED_WORKS = 200  # whose titles and names are looked for; of more works they would be in most pages
_SHORTEST_NAME = 4  # letters; a shorter one stands in any text


def find_pages(
    params: Params, holdings: Holdings, reports: Mapping[str, ReportCard], work_ids: Collection[str]
) -> Iterator[str]:
    """Yield the pages, relative to the gallery: rooms, models and works, then others.

    Others are the index, the pages to browse, the catalogue, the walkthrough and the like.

    Args:
        params: params.yaml.
        holdings: what the datasets hold of the works.
        reports: by model.
        work_ids: the works of models that are near to them or were made from them.
    """
    digests = {held.work.sha256 for held in holdings.held}
    pages = list[str]()
    for name in params.datasets:
        of_dataset = {model: report for model, report in reports.items() if report.dataset == name}
        showing = [model for model, report in of_dataset.items() if list_digests(report) & digests]
        pages += [f"datasets/{name}/index.html"] if showing or name in holdings.datasets else []
        pages += [f"models/{model}/index.html" for model in showing]
    pages += [f"works/{work}/index.html" for work in work_ids]
    pages = [page for page in dict.fromkeys(pages) if (paths.gallery() / page).is_file()]
    yield from pages
    yield from (page for page in _search_pages(holdings, frozenset(work_ids)) if page not in set(pages))


def _search_pages(holdings: Holdings, work_ids: Collection[str]) -> Iterator[str]:
    """Yield the pages with a link to a work of a model, or the title of a work."""
    links, named = {work.encode() for work in work_ids}, _compile_names(holdings)
    for path in sorted(paths.gallery().rglob("*.html"), key=lambda path: (len(path.parts), path)):
        content = path.read_bytes()
        is_of_work = path.parent.parent.name == "works"  # it links to the works beside it, and shows none of them
        if (not is_of_work and links & set(_WORK_LINK.findall(content))) or (named and named.search(content)):
            yield path.relative_to(paths.gallery()).as_posix()


def _compile_names(holdings: Holdings) -> re.Pattern[bytes] | None:
    """Return what finds titles and file names in pages; None where there are none."""
    rows = [held.provenance for held in holdings.held]
    texts = {text for row in rows for text in (row.title, row.name) if text and len(text) >= _SHORTEST_NAME}
    if not texts or len(rows) > _NAMED_WORKS:
        return None
    written = {form.encode() for text in texts for form in (text, html.escape(text), html.escape(text, quote=False))}
    return re.compile(rb"(?<!\w)(?:" + b"|".join(map(re.escape, sorted(written))) + rb")(?!\w)")
