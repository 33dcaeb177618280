"""Refuse a rendering over works whose licence is unknown or forbids derivatives."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from artpipe.artifacts.works import Record
from artpipe.errors import ArtpipeError, UserError
from artpipe.publishing.hub_licences import hub_licence
from artpipe.system.plain_text import to_printable

_NO_DERIVATIVES = re.compile(
    r"(?:^|[^a-z])nd(?:[^a-z]|$)|no[ -]?deriv|all rights reserved|proprietary|(?<!not )copyrighted|/vocab/InC",
    re.IGNORECASE,
)
_MOST_NAMED = 5


def require_licences(records: Mapping[str, Record | None]) -> None:
    """Check every work of every dataset, by name.

    A dataset without a record is as one of unknown works.

    Raises:
        UserError: there are such works: how many, the first of them, and what to do.
    """
    for dataset, record in records.items():
        if record is None:
            raise UserError(
                f"`gallery.require_licence`: the record of {dataset} is missing or damaged; `artpipe run` makes it"
            )
        refused = list(_find_refused(record))
        if refused:
            named = ", ".join(refused[:_MOST_NAMED]) + (", ..." if len(refused) > _MOST_NAMED else "")
            raise UserError(
                f"`gallery.require_licence`: {len(refused):,} works of {dataset} are under no known licence, or one that forbids "
                f"derivatives: {to_printable(named)}; correct `datasets.{dataset}.about.licence` or the works' metadata, or remove them"
            )


def open_record(folder: Path) -> Record | None:
    """Return a record, None where it is missing or damaged."""
    try:
        return Record.open(folder)
    except (ArtpipeError, OSError):
        return None


def allows_derivatives(licence: str) -> bool:
    """Return whether a licence is known and does not forbid works made of the work."""
    return is_known(licence) and not _NO_DERIVATIVES.search(licence)


def is_known(licence: str) -> bool:
    """Return whether a licence is named at all."""
    return licence.strip().lower() != "unlicensed" and hub_licence(licence) != "unknown"


def _find_refused(record: Record) -> Iterator[str]:
    for row in record.rows():
        if not allows_derivatives(row.licence):
            yield f"{(row.title or row.sha256[:16])[:40]} ({row.licence[:30] or 'unknown'})"
