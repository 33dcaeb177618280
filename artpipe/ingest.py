"""Accept or quarantine every input of a dataset, without failing on one of them."""

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
from artpipe.artifacts.tombstones import Tombstone, TombstoneIndex, load_tombstones
from artpipe.artifacts.works import Provenance, Quarantined, RecordCard, RecordWriter, WorksWriter
from artpipe.config.params import MINIMUM_WORKS, About, DatasetEntry, IngestParams, load_params
from artpipe.contracts.modality import WorkFacts, find_medium, yield_whole_file
from artpipe.contracts.source import Candidate, Source
from artpipe.errors import UserError
from artpipe.language.message import Message, join_texts
from artpipe.language.sentences import read_sentence
from artpipe.preprocessing.jobs import job_name, make_worker_limits
from artpipe.system.atomic_files import remove_path, remove_stale_temporaries, write_folder
from artpipe.system.hashing import sha256_bytes
from artpipe.untrusted.duplicates import DuplicateIndex
from artpipe.untrusted.job_cache import cached_outcomes, clear_cache, fill_cache, parse_part
from artpipe.untrusted.rejection import with_parameter
from artpipe.untrusted.worker_pool import JobOutcome

WITHDRAWN = "withdrawn"  # the reason of inputs that have a tombstone


def ingest_dataset(name: str) -> None:
    """Read a dataset's source and write `data/works/NAME` and `data/record/NAME`.

    A summary is printed.

    Raises:
        UserError: no such dataset, nothing to read at its path, or fewer than `MINIMUM_WORKS` works kept.
    """
    entry = load_params().dataset(name)
    source: Source = plugins.load_plugin("sources", entry.source)
    source.check(entry)
    works_folder, record_folder = paths.works(name), paths.record(name)
    for folder in (works_folder, record_folder):
        remove_stale_temporaries(folder.parent)
    with write_folder(record_folder) as record, write_folder(works_folder) as works:
        card = _ingest(name, entry, source, works, record)
    clear_cache(f"ingest@{name}")
    if WITHDRAWN in card.quarantined and source.fetched_copies:  # they hold what was left out
        for copy in source.fetched_copies(entry):
            remove_path(copy)
    _print_summary(card)


def ingest_part(name: str, part: str) -> None:
    """Judge one part of a dataset's inputs in advance, on one core.

    The ingest that follows finds the outcomes in the cache.

    Raises:
        UserError: no such dataset or part, or nothing to read at its path.
    """
    entry, (number, count) = load_params().dataset(name), parse_part(part)
    source: Source = plugins.load_plugin("sources", entry.source)
    source.check(entry)
    if source.part:
        works = _split_files(source.part(entry, number - 1, count), entry)
    else:
        works = islice(_split_files(source.candidates(entry), entry), number - 1, None, count)
    job = _job_options(name, entry)
    job["limits"] = replace(job["limits"], workers=1)
    count_judged = fill_cache((work.data for work in works if work.rejected is None), part=(number, count), **job)
    sys.stdout.write(f"{name}: {count_judged:,} inputs judged, part {number} of {count}\n")


def merge_about(entry: DatasetEntry, source: Source) -> About:
    """Return the source's description of the dataset, overridden by params.yaml."""
    if source.about is None:
        return entry.about
    stated = {field: getattr(entry.about, field) for field in entry.about.model_fields_set}
    return source.about(Path(entry.path)).model_copy(update=stated)


def _ingest(name: str, entry: DatasetEntry, source: Source, works: Path, record: Path) -> RecordCard:
    about = merge_about(entry, source)
    with (
        WorksWriter(works, name) as works_writer,
        RecordWriter(record) as record_writer,
        closing(DuplicateIndex()) as duplicates,
    ):
        input_filter = _InputFilter(entry.ingest, about, works_writer, record_writer, duplicates)
        input_filter.tombstones = TombstoneIndex(load_tombstones())
        input_filter.keeps_captions = entry.ingest.captions != "ignore" and "captions" in find_medium(entry).columns
        inputs = ((candidate, candidate.data) for candidate in _split_files(source.candidates(entry), entry))
        with closing(cached_outcomes(inputs, **_job_options(name, entry))) as outcomes:
            for candidate, outcome in outcomes:
                input_filter.process(candidate, outcome)
                if works_writer.count == entry.ingest.max_works:
                    break
        if works_writer.count < MINIMUM_WORKS:
            raise UserError(_describe_too_few(name, entry.path, works_writer.count, record_writer.reasons))
        return record_writer.close(about, *works_writer.close())


def _job_options(name: str, entry: DatasetEntry) -> dict[str, Any]:
    job, settings = job_name(find_medium(entry).inspect), entry.ingest.model_dump(mode="json")
    settings["hash_content"] = TombstoneIndex(load_tombstones()).needs_content_hashes
    return {"stage": f"ingest@{name}", "job": job, "settings": settings, "limits": make_worker_limits(entry.ingest)}


def _split_files(candidates: Iterable[Candidate], entry: DatasetEntry) -> Iterator[Candidate]:
    """Yield a source's inputs, a file of many works as its works.

    Fields of the file hold for each of them.
    """
    medium = find_medium(entry)
    for candidate in candidates:
        if candidate.rejected is not None:
            yield candidate
            continue
        if medium.split_file is yield_whole_file:
            yield candidate
            continue
        for part in medium.split_file(candidate.name, candidate.data, entry.ingest):
            yield replace(candidate, name=candidate.name + part.name, data=part.data, **part.fields)


class _InputFilter:
    """Accept or quarantine one input after the other, in the order of the source."""

    def __init__(
        self, params: IngestParams, about: About, works: WorksWriter, record: RecordWriter, duplicates: DuplicateIndex
    ) -> None:
        self.params, self.about, self.works, self.record, self.seen = params, about, works, record, duplicates
        self.tombstones = TombstoneIndex(())
        self.keeps_captions = True

    def process(self, candidate: Candidate, outcome: JobOutcome) -> None:
        """Accept or quarantine one input."""
        name = _to_encodable(candidate.name)
        if tombstone := self._find_tombstone(candidate, outcome):
            self.record.add_quarantined(_make_withdrawn(tombstone))
        elif candidate.rejected is not None:
            self.record.add_quarantined(
                Quarantined(name, candidate.rejected, _to_encodable(join_texts(candidate.notes)))
            )
        elif outcome.reason is not None:
            self.record.add_quarantined(Quarantined(name, outcome.reason, _to_encodable(outcome.detail)))
        else:
            self._add_unless_duplicate(candidate, name, WorkFacts(*json.loads(outcome.payload)))

    def _find_tombstone(self, candidate: Candidate, outcome: JobOutcome) -> Tombstone | None:
        """Return the tombstone of an input, by its bytes, its pixels, then its look."""
        if not self.tombstones or not candidate.data:
            return None
        if tombstone := self.tombstones.find_exact(sha256_bytes(candidate.data)):
            return tombstone
        if candidate.rejected is not None or outcome.reason is not None:
            return None
        facts = WorkFacts(*json.loads(outcome.payload))
        content = self.tombstones.find_content(facts.content_hash)
        return content or self.tombstones.find_near(facts.perceptual_hash, self.params.near_duplicate_bits)

    def _add_unless_duplicate(self, candidate: Candidate, name: str, facts: WorkFacts) -> None:
        width, height, phash, notes, _ = facts
        digest = hashlib.sha256(candidate.data)
        if (first := self.seen.find_exact(digest.digest())) is not None:
            self.record.add_quarantined(
                Quarantined(name, "exact duplicate", Message(code="duplicate_of", values={"work": first}).encode())
            )
            return
        if phash and self.params.near_duplicates == "quarantine":
            if nearest := self.seen.find_near(int(phash, 16), self.params.near_duplicate_bits):
                self.record.add_quarantined(
                    Quarantined(
                        name,
                        "near duplicate",
                        with_parameter(
                            Message(code="near_duplicate_of", values={"work": nearest[0], "bits": nearest[1]}),
                            "near_duplicates",
                        ),
                    )
                )
                return
            self.seen.add_hash(int(phash, 16), name)
        self.seen.add(digest.digest(), name)
        sha256 = digest.hexdigest()
        label = None if candidate.label is None else _to_encodable(candidate.label)
        notes = [*candidate.notes, *notes]
        row = _make_provenance(candidate, name, sha256, self.about, notes)
        self.works.add(
            candidate.data, sha256=sha256, label=label, split=candidate.split, width=width, height=height, phash=phash
        )
        if self.keeps_captions:
            self.works.captions.add(sha256, *_choose_caption(row, label, self.params))
        self.record.add_work(row, notes)


def _make_withdrawn(tombstone: Tombstone) -> Quarantined:
    """Return the row of a withdrawn work, in which nothing says what it is called."""
    detail = Message(code="withdrawn_on", values={"date": tombstone.date})
    return Quarantined(tombstone.key, WITHDRAWN, detail.encode())


def _choose_caption(row: Provenance, label: str | None, params: IngestParams) -> tuple[str | None, str | None]:
    """Return a work's caption, and what stands for it where other works have one."""
    if params.captions == "titles":
        return row.caption or row.title, label
    return row.caption, label or row.title


def _make_provenance(candidate: Candidate, name: str, sha256: str, about: About, notes: list[str]) -> Provenance:
    return Provenance(
        sha256=sha256,
        name=name,
        title=None if candidate.title is None else _to_encodable(candidate.title),
        creator=_to_encodable(candidate.creator or about.creator),
        year=None if candidate.year is None else _to_encodable(candidate.year),
        licence=_to_encodable(candidate.licence or about.licence),
        origin=_to_encodable(candidate.origin or about.origin),
        notes=join_texts(notes),
        caption=None if candidate.caption is None else _to_encodable(candidate.caption),
    )


def _to_encodable(text: str) -> str:
    """Return text that UTF-8 can encode, with escapes for lone surrogates.

    They come from file names or JSON.
    """
    if not _has_surrogates(text):
        return text
    try:
        data = os.fsencode(text)
    except UnicodeEncodeError:
        data = text.encode("utf-8", "backslashreplace")
    return data.decode("utf-8", "backslashreplace")


def _has_surrogates(text: str) -> bool:
    return not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text)


def _describe_too_few(name: str, path: str, count: int, reasons: dict[str, int]) -> str:
    refused = f" (not kept: {', '.join(_format_counts(reasons))})" if reasons else ""
    works = "work" if count == 1 else "works"
    return f"{path}: {count} {works} in dataset `{name}`{refused}, at least {MINIMUM_WORKS} are needed for its splits"


def _format_counts(counts: dict[str, int]) -> Iterator[str]:
    return (f"{count} {name}" for name, count in sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _print_summary(card: RecordCard) -> None:
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
        table.add_row("kept, with a note", escape(f"{count:,} {read_sentence(note)}"))
    labels = {**card.labels, "(no label)": card.unlabelled} if card.unlabelled else card.labels
    table.add_row("labels", escape(", ".join(f"{label} {count:,}" for label, count in labels.items())))
    if card.splits:
        table.add_row("official splits", ", ".join(f"{split} {count:,}" for split, count in card.splits.items()))
    table.add_row("licence", escape(f"{card.about.licence}, {card.about.creator}"))
    PlainConsole().print(table)
