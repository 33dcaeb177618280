"""The sentences and tables of a dataset's card."""

import re
from collections.abc import Iterator

from artpipe.artifacts.shards import SPLITS
from artpipe.language.licence_addresses import licence_address
from artpipe.language.sentences import load_sentences
from artpipe.publishing import card_tables
from artpipe.publishing.card_artifacts import DatasetArtifacts
from artpipe.publishing.markdown_text import Markdown, make_code, make_table
from artpipe.site.translation import clean_line, format_number

_BIBTEX_SIGNS = re.compile(r"[{}\\`]")
_NEAR, _EXACT = "near duplicate", "exact duplicate"


def read_notes(notes: dict[str, int]) -> dict[str, int]:
    """Return the works by note, in sentences.

    Notes that differ in a number alone may say the same.
    """
    sentences, counts = load_sentences(), dict[str, int]()
    for note, count in notes.items():
        text = sentences.read_text(note)
        counts[text] = counts.get(text, 0) + count
    return counts


def split_table(dataset: DatasetArtifacts) -> Markdown | None:
    """Return the works by split, official and as used, None where none is known."""
    official, shards = dataset.record.splits, dataset.shards
    if shards is None:
        return make_table(("Split", "Official"), official.items()) if official else None
    rows = [(split, official.get(split, 0), shards.counts[split]) for split in SPLITS]
    return make_table(("Split", "Official, works", "As used, rows"), rows)


def describe_splits(dataset: DatasetArtifacts) -> str:
    """Return how a work comes into its split."""
    if dataset.shards is None:
        return "The official splits, of the source."
    official, params = dataset.record.splits, dataset.shards.params
    validation, test = (float(str(params.get(split, 0))) for split in ("validation", "test"))
    rules = [f"below {validation:g} is validation"] if validation and "validation" not in official else []
    rules += [f"below {validation + test:g} is test"] if test and "test" not in official else []
    told = (
        f"Official splits are those of the source ({', '.join(official)}). "
        if official
        else "The source has no splits. "
    )
    if rules:
        told += (
            "Models hold works out by their content: the first 15 hex digits of the SHA-256, as a number from 0 to 1; "
            f"{', '.join(rules)}, the rest is for training. "
        )
    return told + "A row is a work, or a part of one where works are cut."


def describe_duplicates(dataset: DatasetArtifacts) -> str:
    """Return how many inputs and works are like another one."""
    counts = dataset.record.quarantined
    told = [f"Inputs set aside because they had the same bytes as another one: {format_number(counts.get(_EXACT, 0))}."]
    if counts.get(_NEAR):
        told.append(
            f"Because they looked nearly like another one (by a perceptual hash): {format_number(counts[_NEAR])}."
        )
    if dataset.twins:
        told.append(
            f"Kept works that share their 64-bit difference hash with another kept one: {format_number(dataset.twins)}. They are alike "
            "in their coarse structure; some may be near duplicates."
        )
    return " ".join(told)


def licence_table(dataset: DatasetArtifacts) -> Markdown:
    """Return the works by licence, with the address of its text."""
    ordered = sorted(dataset.tallies["licence"].items(), key=lambda item: (-item[1], item[0]))
    rows = [(text or card_tables.UNKNOWN, _link(licence_address(text)), count) for text, count in ordered]
    return make_table(("Licence as recorded", "Text", "Works"), rows or [(card_tables.UNKNOWN, "", 0)])


def _link(address: str) -> Markdown:
    return Markdown(f"<{address}>" if address else "")


def has_origins(dataset: DatasetArtifacts) -> bool:
    """Return whether works are of more than one origin."""
    return len(dataset.tallies["origin"]) > 1


def describe_annotations(dataset: DatasetArtifacts) -> str:
    """Return who made labels and captions."""
    record = dataset.record
    labels = (
        f"Labels ({len(record.labels)}) are those of the source: its folders or metadata. " if record.labels else ""
    )
    captions = "Captions are those of the source. " if dataset.captions else ""
    return f"{labels}{captions}None were added." if labels or captions else "There are none."


def recommend(dataset: DatasetArtifacts) -> str:
    """Return what to do before it is used or published."""
    if unlicensed := card_tables.count_unlicensed(dataset):
        return f"Clear the rights to the {format_number(unlicensed)} works without a recorded licence before anything is published."
    if len(dataset.tallies["licence"]) > 1:
        return "Keep to the licence of each work: they differ, and what is made from all of them has to keep to each."
    return "Name the creators, and keep to the licence."


def make_citation(dataset: DatasetArtifacts) -> str:
    """Return the dataset as an entry of BibTeX; what is not known is left out."""
    about = dataset.record.about
    fields = {"title": dataset.title, "author": about.creator, "howpublished": about.origin, "note": about.licence}
    lines = (
        f"  {name} = {{{_BIBTEX_SIGNS.sub('', clean_line(text))}}},"
        for name, text in fields.items()
        if text not in {"", card_tables.UNKNOWN}
    )
    return "\n".join((f"@misc{{{dataset.name},", *lines, "}"))


def list_hashes(dataset: DatasetArtifacts) -> Iterator[tuple[str, object]]:
    """Yield what the dataset can be traced by."""
    yield "works (names the data)", make_code(dataset.record.works)
    yield "record", make_code(dataset.record_sha256)
    for file, sha256 in (dataset.works.card.files if dataset.works else {}).items():
        yield file, make_code(sha256)
    for file, sha256 in dataset.record.files.items():
        yield file, make_code(sha256)
    if dataset.shards is not None:
        yield "tensors", make_code(dataset.shards_sha256)
