"""Read pictures out of a file of the npm registry, pinned by a card.

They are read member by member, never installed and never run.
"""

import fnmatch
import json
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from pydantic import Field

from artpipe.config.params import About, DatasetEntry, Frozen
from artpipe.contracts.source import Candidate, Source
from artpipe.errors import UserError
from artpipe.untrusted.archives.archive_reader import ArchiveLimits, read_members
from artpipe.untrusted.downloads import PinnedFile, downloaded_path, read_pin_card, read_pinned_member
from artpipe.untrusted.npm_client import NpmFile, fetch_npm_file

_CODE_POINT = re.compile(r"[0-9a-f]+")
_OPTIONAL_CODE_POINTS = {"fe0f", "e007f"}  # variation selector, end of tags: names of files leave them out


class CaptionTable(Frozen):
    """A JSON list in a file of the package index with classes and captions by stem.

    A record's variants are an object: by what distinguishes them (`1F3FB`, of two persons `1F3FB-1F3FF`), records that
    have its class, and its caption with the words for that behind it.
    """

    package: PinnedFile
    member: str
    keys: tuple[str, ...] = Field(min_length=1)  # fields that hold a stem, whatever its case
    code_points: bool = False  # stems are code points: `0023-FE0F-20E3` is `23_20e3`
    label: str | None = None  # field
    caption: str  # field
    captions: dict[str, str] = Field(default_factory=dict)  # what to say instead of a value of that field
    no_labels: tuple[str, ...] = ()  # values that are no labels
    variants: str | None = None  # field
    variant_words: dict[str, str] = Field(default_factory=dict)


class NpmCard(Frozen):
    """`datasets/NAME.yaml` of the source npm."""

    about: About
    package: NpmFile
    members: tuple[str, ...] = Field(min_length=1)  # patterns, `*` for any text
    skip: tuple[str, ...] = ()  # patterns of members that are left out
    table: CaptionTable | None = None


class NamedPicture(NamedTuple):
    """What a table says of a picture."""

    label: str | None
    caption: str | None


def check(entry: DatasetEntry) -> None:
    """Refuse what is no pin card; nothing is downloaded."""
    read_pin_card(Path(entry.path), NpmCard)


def about(path: Path) -> About:
    """Return what the pin card says of the dataset."""
    return read_pin_card(path, NpmCard).about


def candidates(entry: DatasetEntry) -> Iterator[Candidate]:
    """Yield the members that match, in the file's order; none is an error."""
    card = read_pin_card(Path(entry.path), NpmCard)
    limits = ArchiveLimits(megabytes=entry.ingest.max_megabytes)
    has_match = False
    names = {} if card.table is None else _read_table(card.table, limits)

    def is_wanted(name: str) -> bool:
        matches, skipped = (
            [fnmatch.fnmatchcase(name, one) for one in patterns] for patterns in (card.members, card.skip)
        )
        return any(matches) and not any(skipped)

    for member in read_members(fetch_npm_file(card.package), limits, is_wanted):
        if is_wanted(member.name):
            has_match = True
            key = _normalise_stem(PurePosixPath(member.name).stem, card.table)
            label, caption = names.get(key, NamedPicture(None, None))
            notes = (member.detail,) if member.detail else ()
            yield Candidate(member.name, member.data, label, caption=caption, rejected=member.rejected, notes=notes)
    if not has_match:
        raise UserError(f"{card.package.name}: no member matches {', '.join(f'`{one}`' for one in card.members)}")


def fetched_copies(entry: DatasetEntry) -> Iterator[Path]:
    """Yield where the card's file lies once it is downloaded."""
    yield downloaded_path(read_pin_card(Path(entry.path), NpmCard).package)


def _read_table(table: CaptionTable, limits: ArchiveLimits) -> dict[str, NamedPicture]:
    """Return class and caption by stem."""
    try:
        records = json.loads(read_pinned_member(table.package, table.member, limits).data)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{table.package.name}: `{table.member}` is not JSON: {error}") from None
    if not isinstance(records, list):
        raise UserError(f"{table.package.name}: `{table.member}` is no list of records")
    names: dict[str, NamedPicture] = {}
    for record in (record for record in records if isinstance(record, dict)):
        label, value = _text_field(record, table.label), _text_field(record, table.caption)
        label = None if label in table.no_labels else label
        caption = table.captions.get(value, value.lower()) if value else None
        names |= dict.fromkeys(_stems(record, table), NamedPicture(label, caption))
        variants = record.get(table.variants) if table.variants else None
        for key, variant in variants.items() if isinstance(variants, dict) else ():
            words = dict.fromkeys(table.variant_words.get(part, part) for part in str(key).split("-"))
            varied = ", ".join([caption, *words]) if caption else None
            names |= dict.fromkeys(_stems(variant, table), NamedPicture(label, varied))
    return names


def _stems(record: Any, table: CaptionTable) -> list[str]:
    values = [record.get(key) for key in table.keys] if isinstance(record, dict) else []
    return [_normalise_stem(value, table) for value in values if isinstance(value, str)]


def _normalise_stem(stem: str, table: CaptionTable | None) -> str:
    stem = stem.lower()
    if table is None or not table.code_points:
        return stem
    return "-".join(part.lstrip("0") for part in _CODE_POINT.findall(stem) if part not in _OPTIONAL_CODE_POINTS)


def _text_field(record: dict[str, Any], field: str | None) -> str | None:
    value = record.get(field) if field else None
    return value if isinstance(value, str) and value else None


SOURCE = Source(check=check, candidates=candidates, about=about, fetched_copies=fetched_copies)
