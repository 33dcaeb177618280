"""What a dataset's record says for its pages.

Tallies of all works, and the origin of single ones.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from collections.abc import Collection as Digests
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from artpipe.artifacts.works import Provenance, Record
from artpipe.config.params import About
from artpipe.contracts.dataset_summary import Attribution, Collection, Refusal, Tally
from artpipe.contracts.gallery_work import RealWork
from artpipe.errors import ArtpipeError
from artpipe.language.sentences import Sentences
from artpipe.site.translation import clean_line

_MAXIMUM_TALLIES = 40  # tallies of one kind
_MAXIMUM_REFUSALS = 40
_MAXIMUM_ATTRIBUTIONS = 5000  # of a creator with a licence and a source
_MAXIMUM_LISTED = 200  # works of a collection that are listed one by one
_UNNAMED = "withdrawn"  # a reason whose inputs are counted, and are shown by no name or hash


@dataclass(frozen=True)
class CollectionRecord:
    """What a record says: the dataset, its works together, some of them by digest."""

    about: About
    collection: Collection
    works: Mapping[str, RealWork]


def load_record(
    folder: Path, digests: Digests[str], sentences: Sentences, texts: Mapping[str, str]
) -> CollectionRecord | None:
    """Read a record; None where it is missing or damaged.

    `texts` has the translations of some texts of the record.
    """
    try:
        record = Record.open(folder)
        counts, works, owners = _count_works(record, digests, is_whole=record.card.kept <= _MAXIMUM_LISTED)
        refusals = tuple(
            Refusal(
                clean_line(rejected.name), clean_line(rejected.reason), clean_line(sentences.read_text(rejected.detail))
            )
            for rejected in islice((row for row in record.quarantined() if row.reason != _UNNAMED), _MAXIMUM_REFUSALS)
        )
    except (ArtpipeError, OSError):
        return None
    card = record.card

    def translate(text: str) -> str:
        return texts.get(text, text)

    collection = Collection(
        kept=card.kept,
        quarantined=sum(card.quarantined.values()),
        licences=make_tallies(counts["licence"], translate),
        creators=make_tallies(counts["creator"], translate),
        origins=make_tallies(counts["origin"], translate),
        labels=tuple(Tally(clean_line(name), count) for name, count in card.labels.items()),
        unlabelled=card.unlabelled if card.labels else 0,
        splits=tuple(Tally(clean_line(name), count) for name, count in card.splits.items()),
        reasons=make_tallies(card.quarantined),
        attributions=_list_attributions(owners, translate),
        notes=make_tallies(card.notes, sentences.read_text),
        refusals=refusals,
    )
    named = {row.sha256: _make_work(row, translate) for row in works}
    collection = replace(collection, works=tuple(named.values())) if card.kept <= _MAXIMUM_LISTED else collection
    return CollectionRecord(card.about, collection, {digest: named[digest] for digest in digests if digest in named})


def _list_attributions(
    owners: Mapping[tuple[str, str, str], int], translate: Callable[[str], str]
) -> tuple[Attribution, ...]:
    """Return who made how many works under which licence, who made most first."""
    ranked = sorted(owners.items(), key=lambda item: (-item[1], item[0]))
    return tuple(
        Attribution(
            clean_line(translate(creator)), clean_line(translate(licence)), clean_line(translate(origin)), count
        )
        for (creator, licence, origin), count in ranked
    )


def _count_works(
    record: Record, digests: Digests[str], *, is_whole: bool
) -> tuple[dict[str, Counter[str]], list[Provenance], Counter[tuple[str, str, str]]]:
    """Return tallies of licence, creator and origin, and rows of works.

    Last come tallies of the three together. Read a few thousand rows at a time: a table of a million works would take a gigabyte.
    """
    counts = {name: Counter[str]() for name in ("licence", "creator", "origin")}
    works: list[Provenance] = []
    owners = Counter[tuple[str, str, str]]()
    for row in record.rows():
        for name, counter in counts.items():
            counter[getattr(row, name)] += 1
        owner = row.creator, row.licence, row.origin
        if owner in owners or len(owners) < _MAXIMUM_ATTRIBUTIONS:
            owners[owner] += 1
        if is_whole or row.sha256 in digests:
            works.append(row)
    return counts, works, owners


def make_tallies(counts: Mapping[Any, int], read: Callable[[str], str] = str) -> tuple[Tally, ...]:
    """Return the most frequent values, at most forty; what is left stands in one line."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ordered[_MAXIMUM_TALLIES:])
    frequent = [Tally(clean_line(read(name)), count) for name, count in ordered[:_MAXIMUM_TALLIES]]
    return (*frequent, Tally("others", rest)) if rest else tuple(frequent)


_TITLE_CHARACTERS = 160  # characters of a caption


def _make_work(row: Provenance, translate: Callable[[str], str]) -> RealWork:
    """Return what a row of a record says."""
    caption = clean_line((row.caption or "")[:_TITLE_CHARACTERS])
    title = clean_line(translate(row.title or "")) or caption
    return RealWork(
        digest=row.sha256,
        title=title,
        caption="" if caption == title else caption,
        creator=clean_line(translate(row.creator)),
        year=clean_line(row.year or ""),
        licence=clean_line(translate(row.licence)),
        origin=clean_line(translate(row.origin)),
    )
