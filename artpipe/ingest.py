"""Ingest: keep or quarantine every input of a dataset; it never dies on one of them."""

import hashlib
import json
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from artpipe import plugins
from artpipe.artifacts import paths
from artpipe.artifacts.works import Provenance, Quarantined, RecordCard, RecordWriter, WorksWriter
from artpipe.config.params import MINIMUM_WORKS, About, DatasetEntry, IngestParams, load_params
from artpipe.contracts.modality import medium_of
from artpipe.contracts.source import Candidate, Source
from artpipe.errors import UserError
from artpipe.language.message import Message, join_texts
from artpipe.language.sentences import sentence_of
from artpipe.preprocessing.jobs import job_name, limits_of
from artpipe.system.atomic_files import sweep, written_folder
from artpipe.untrusted.duplicates import Seen
from artpipe.untrusted.job_cache import answer, answered, forget, part_of
from artpipe.untrusted.rejection import with_parameter
from artpipe.untrusted.worker_pool import Outcome


def ingest_dataset(name: str) -> None:
    """Read a dataset's place and write `data/works/NAME` and `data/record/NAME`, then say what became of the inputs.

    Raises:
        UserError: no such dataset, nothing to read at its path, or fewer than `MINIMUM_WORKS` works kept.
    """
    entry = load_params().dataset(name)
    source: Source = plugins.find("sources", entry.source)
    source.check(entry)
    works_folder, record_folder = paths.works(name), paths.record(name)
    for folder in (works_folder, record_folder):
        sweep(folder.parent)
    with written_folder(record_folder) as record, written_folder(works_folder) as works:
        card = _ingested(name, entry, source, works, record)
    forget(f"ingest@{name}")
    _say(card)


def ingest_part(name: str, part: str) -> None:
    """Judge one part of a dataset's inputs beforehand, on one core, for the ingest that comes after.

    Raises:
        UserError: no such dataset or part, or nothing to read at its path.
    """
    entry, (number, count) = load_params().dataset(name), part_of(part)
    source: Source = plugins.find("sources", entry.source)
    source.check(entry)
    if source.part:
        works = _works_in(source.part(entry, number - 1, count), entry)
    else:
        works = islice(_works_in(source.candidates(entry), entry), number - 1, None, count)
    asked = _asked(name, entry)
    asked["limits"] = replace(asked["limits"], workers=1)
    found = answer((work.data for work in works if work.rejected is None), part=(number, count), **asked)
    sys.stdout.write(f"{name}: {found:,} inputs judged, part {number} of {count}\n")


def merged_about(entry: DatasetEntry, source: Source) -> About:
    """Return what the place says of the dataset, and before it what params.yaml says."""
    if source.about is None:
        return entry.about
    stated = {field: getattr(entry.about, field) for field in entry.about.model_fields_set}
    return source.about(Path(entry.path)).model_copy(update=stated)


def _ingested(name: str, entry: DatasetEntry, source: Source, works: Path, record: Path) -> RecordCard:
    about = merged_about(entry, source)
    with WorksWriter(works, name) as kept, RecordWriter(record) as known, closing(Seen()) as seen:
        curator = _Curator(entry.ingest, about, kept, known, seen)
        inputs = ((candidate, candidate.data) for candidate in _works_in(source.candidates(entry), entry))
        with closing(answered(inputs, **_asked(name, entry))) as found:
            for candidate, outcome in found:
                curator.judge(candidate, outcome)
                if kept.count == entry.ingest.max_works:
                    break
        if kept.count < MINIMUM_WORKS:
            raise UserError(_too_few(name, entry.path, kept.count, known.reasons))
        return known.close(about, *kept.close())


def _asked(name: str, entry: DatasetEntry) -> dict[str, Any]:
    job, settings = job_name(medium_of(entry).inspect), entry.ingest.model_dump(mode="json")
    return {"stage": f"ingest@{name}", "job": job, "settings": settings, "limits": limits_of(entry.ingest)}


def _works_in(candidates: Iterable[Candidate], entry: DatasetEntry) -> Iterator[Candidate]:
    """Yield a source's inputs, a file of many works as its works; what is known of the file holds for each of them."""
    medium = medium_of(entry)
    for candidate in candidates:
        if candidate.rejected is not None:
            yield candidate
            continue
        for part in medium.parts(candidate.name, candidate.data, entry.ingest):
            yield replace(candidate, name=candidate.name + part.name, data=part.data, **part.fields)


class _Curator:
    """Decides about one input after the other, in the order of the source."""

    def __init__(
        self, params: IngestParams, about: About, works: WorksWriter, record: RecordWriter, seen: Seen
    ) -> None:
        self.params, self.about, self.works, self.record, self.seen = params, about, works, record, seen

    def judge(self, candidate: Candidate, outcome: Outcome) -> None:
        """Keep or quarantine one input."""
        name = _readable(candidate.name)
        if candidate.rejected is not None:
            self.record.refuse(Quarantined(name, candidate.rejected, _readable(join_texts(candidate.notes))))
        elif outcome.reason is not None:
            self.record.refuse(Quarantined(name, outcome.reason, _readable(outcome.detail)))
        else:
            self._keep_new(candidate, name, *json.loads(outcome.payload))

    def _keep_new(self, candidate: Candidate, name: str, width: int, height: int, phash: str, notes: list[str]) -> None:
        digest = hashlib.sha256(candidate.data)
        if (first := self.seen.exact(digest.digest())) is not None:
            self.record.refuse(
                Quarantined(name, "exact duplicate", Message(code="duplicate_of", values={"work": first}).encode())
            )
            return
        if phash and self.params.near_duplicates == "quarantine":
            if near := self.seen.near(int(phash, 16), self.params.near_duplicate_bits):
                self.record.refuse(
                    Quarantined(
                        name,
                        "near duplicate",
                        with_parameter(
                            Message(code="near_duplicate_of", values={"work": near[0], "bits": near[1]}),
                            "near_duplicates",
                        ),
                    )
                )
                return
            self.seen.add_looks(int(phash, 16), name)
        self.seen.add(digest.digest(), name)
        sha256 = digest.hexdigest()
        label = None if candidate.label is None else _readable(candidate.label)
        self.works.add(
            candidate.data, sha256=sha256, label=label, split=candidate.split, width=width, height=height, phash=phash
        )
        notes = [*candidate.notes, *notes]
        self.record.keep(_provenance(candidate, name, sha256, self.about, notes), notes)


def _provenance(candidate: Candidate, name: str, sha256: str, about: About, notes: list[str]) -> Provenance:
    return Provenance(
        sha256=sha256,
        name=name,
        title=None if candidate.title is None else _readable(candidate.title),
        creator=_readable(candidate.creator or about.creator),
        year=None if candidate.year is None else _readable(candidate.year),
        licence=_readable(candidate.licence or about.licence),
        origin=_readable(candidate.origin or about.origin),
        notes=join_texts(notes),
        caption=None if candidate.caption is None else _readable(candidate.caption),
    )


def _readable(text: str) -> str:
    """Return text that UTF-8 can hold: what is not, of a file name or of JSON (a lone surrogate), is spelled out."""
    if not _has_surrogates(text):
        return text
    try:
        data = os.fsencode(text)
    except UnicodeEncodeError:
        data = text.encode("utf-8", "backslashreplace")
    return data.decode("utf-8", "backslashreplace")


def _has_surrogates(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def _too_few(name: str, path: str, kept: int, reasons: dict[str, int]) -> str:
    refused = f" (not kept: {', '.join(_counts(reasons))})" if reasons else ""
    works = "work" if kept == 1 else "works"
    return f"{path}: {kept} {works} in dataset `{name}`{refused}, at least {MINIMUM_WORKS} are needed for its splits"


def _counts(counted: dict[str, int]) -> Iterator[str]:
    return (f"{count} {name}" for name, count in sorted(counted.items(), key=lambda item: (-item[1], item[0])))


def _say(card: RecordCard) -> None:
    from rich.markup import escape
    from rich.table import Table

    from artpipe.system.terminal import PlainConsole

    table = Table(
        title=escape(f"{card.dataset}: {card.about.title or 'works'}"), show_header=False, title_justify="left"
    )
    table.add_row("kept", f"{card.kept:,} of {card.inputs:,}", style="bold")
    for reason, count in sorted(card.quarantined.items(), key=lambda item: -item[1]):
        table.add_row("quarantined", f"{count:,} {reason}")
    for note, count in sorted(card.notes.items(), key=lambda item: -item[1]):
        table.add_row("kept, with a note", escape(f"{count:,} {sentence_of(note)}"))
    labels = {**card.labels, "(no label)": card.unlabelled} if card.unlabelled else card.labels
    table.add_row("labels", escape(", ".join(f"{label} {count:,}" for label, count in labels.items())))
    if card.splits:
        table.add_row("official splits", ", ".join(f"{split} {count:,}" for split, count in card.splits.items()))
    table.add_row("licence", escape(f"{card.about.licence}, {card.about.creator}"))
    PlainConsole().print(table)
