"""Check that every real work shown or used has a licence that allows it."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from artpipe.publishing.licence_check import allows_derivatives, is_known
from artpipe.site_check.published_site import Fault, PublishedSite

_MOST_NAMED = 3


def check_licences(site: PublishedSite) -> Iterator[Fault]:
    """Yield the works without such a licence, by dataset."""
    refused: dict[tuple[str, str], dict[str, str]] = {}  # by dataset and licence: titles by digest
    for _, record in site.list_records("works"):
        for work in _list_works(record):
            if not allows_derivatives(work["licence"]):
                key = (record["collection"]["name"], work["licence"])
                refused.setdefault(key, {})[work["digest"]] = work["title"] or work["digest"][:12]
    for (dataset, licence), titles in refused.items():
        named = ", ".join(list(titles.values())[:_MOST_NAMED]) + (", ..." if len(titles) > _MOST_NAMED else "")
        forbids = f"under `{licence[:40]}`, which forbids derivatives"
        problem = forbids if is_known(licence) else "under no known licence"
        yield Fault(
            f"datasets/{dataset}",
            f"{len(titles)} works that are shown or used are {problem} ({named}); correct `datasets.{dataset}.about.licence`"
            " or the works' metadata, or take them out",
        )
    yield from _check_collections(site, {dataset for dataset, _ in refused})


def _check_collections(site: PublishedSite, named: set[str]) -> Iterator[Fault]:
    """Yield the datasets without such a licence, but those whose works were named."""
    collections = {record["collection"]["name"]: record["collection"] for _, record in site.list_records("models")}
    for name, collection in collections.items():
        licences = [licence for licence in collection["licences"] if not allows_derivatives(licence)]
        if licences and name not in named:
            yield Fault(f"datasets/{name}", f"its licence is {licences[0]!r}; correct `datasets.{name}.about.licence`")


def _list_works(record: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return [*record["made_from"], *record["nearest"]]
