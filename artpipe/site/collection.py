"""From a dataset's record to what its pages say: tallies of all works, and whose the named ones are."""

from collections.abc import Callable, Mapping
from collections.abc import Collection as Digests
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from artpipe.artifacts.works import Record
from artpipe.config.params import About
from artpipe.contracts.section import Collection, RealWork, Refusal, Tally
from artpipe.errors import ArtpipeError
from artpipe.language.sentences import Sentences
from artpipe.site.translation import clean

_SHOWN = 40  # tallies of one kind
_REFUSALS = 100


@dataclass(frozen=True)
class Told:
    """What a record tells: the dataset, its works together, and the wanted ones by digest."""

    about: About
    collection: Collection
    works: Mapping[str, RealWork]


def load_record(folder: Path, wanted: Digests[str], sentences: Sentences, texts: Mapping[str, str]) -> Told | None:
    """Read a record once; None where it is missing or damaged. `texts` are those that the language has otherwise."""
    try:
        record = Record.open(folder)
        known = record.table()
        refusals = tuple(
            Refusal(clean(one.name), clean(one.reason), clean(sentences.read(one.detail)))
            for one in islice(record.quarantined(), _REFUSALS)
        )
    except (ArtpipeError, OSError):
        return None
    card = record.card

    def translated(text: str) -> str:
        return texts.get(text, text)

    labels = {**card.labels, **({"none": card.unlabelled} if card.labels and card.unlabelled else {})}
    licences, creators, origins = (known[name].value_counts() for name in ("licence", "creator", "origin"))
    named = known[known.sha256.isin(wanted)]
    collection = Collection(
        kept=card.kept,
        quarantined=sum(card.quarantined.values()),
        licences=tallies(licences.to_dict(), translated),
        creators=tallies(creators.to_dict(), translated),
        origins=tallies(origins.to_dict(), translated),
        labels=tuple(Tally(clean(name), count) for name, count in labels.items()),
        splits=tuple(Tally(clean(name), count) for name, count in card.splits.items()),
        reasons=tallies(card.quarantined),
        notes=tallies(card.notes, sentences.read),
        refusals=refusals,
    )
    works = (_work(row, translated) for row in named.itertuples())
    return Told(card.about, collection, dict(zip(named.sha256, works, strict=True)))


def tallies(counts: Mapping[Any, int], read: Callable[[str], str] = str) -> tuple[Tally, ...]:
    """Return the most frequent values, at most forty; what is left stands in one line."""
    ordered = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    rest = sum(count for _, count in ordered[_SHOWN:])
    shown = [Tally(clean(read(name)), count) for name, count in ordered[:_SHOWN]]
    return (*shown, Tally("others", rest)) if rest else tuple(shown)


_CAPTION = 160  # characters of a caption where a work has no title


def _work(row: Any, translated: Callable[[str], str]) -> RealWork:
    """Return what a row of a record's table says."""
    return RealWork(
        digest=row.sha256,
        title=clean(row.title or row.caption[:_CAPTION]),
        creator=clean(translated(row.creator)),
        year=clean(row.year),
        licence=clean(translated(row.licence)),
        origin=clean(translated(row.origin)),
    )
